#include "net/listener.h"

#include "net/address.h"
#include "net/listener_pool.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

namespace gapless::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Counter final : Acceptor {
  void OnAccept(Worker&, size_t index, Fd fd, ConnectionSlot slot) override {
    MutexLock lock(mutex);
    per_worker[index]++;
    fds.push_back(std::move(fd));
    slots.push_back(std::move(slot));
  }
  size_t total() {
    MutexLock lock(mutex);
    return fds.size();
  }
  Mutex mutex;
  std::vector<int> per_worker = std::vector<int>(4);
  std::vector<Fd> fds;
  std::vector<ConnectionSlot> slots;
};

Fd Dial(const SocketAddress& address) {
  Fd fd(socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(connect(fd.get(), address.get(), address.size()), 0);
  return fd;
}

TEST(ListenerTest, SpreadsConnectionsEvenlyOverTheWorkers) {
  Worker control("control", 0);
  Worker other("other", 1);
  other.Start();
  auto listener = Listener::Open({&control, &other}, "tcp", "localhost:0", {}).value();
  auto counter = std::make_shared<Counter>();
  listener->SetAcceptor(counter);
  std::vector<Fd> clients;
  for (int i = 0; i < 10; ++i) {
    clients.push_back(Dial(listener->address()));
  }
  ASSERT_TRUE(control.RunUntil([&] { return counter->total() == 10; }, seconds(5)));
  EXPECT_EQ(counter->per_worker[0], 5);
  EXPECT_EQ(counter->per_worker[1], 5);
  EXPECT_EQ(listener->connections(), 10u);
  counter->slots.clear();
  EXPECT_EQ(listener->connections(), 0u);
}

TEST(ListenerTest, APortThatIsTakenIsAnErrorThatNamesIt) {
  Worker worker;
  auto first = Listener::Open({&worker}, "tcp", "127.0.0.1:0", {}).value();
  auto second = Listener::Open({&worker}, "tcp", first->address().ToString(), {});
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().message(),
            "listen tcp " + first->address().ToString() + ": bind: Address already in use");
}

TEST(ListenerTest, ConnectionsWaitInTheBacklogForTheNextAcceptor) {
  Worker worker;
  auto listener = Listener::Open({&worker}, "tcp", "127.0.0.1:0", {}).value();
  auto old_server = std::make_shared<Counter>();
  listener->SetAcceptor(old_server);
  listener->ClearAcceptor(old_server.get());
  Fd client = Dial(listener->address());
  EXPECT_FALSE(worker.RunUntil([&] { return old_server->total() > 0; }, milliseconds(20)));
  auto new_server = std::make_shared<Counter>();
  listener->SetAcceptor(new_server);
  EXPECT_TRUE(worker.RunUntil([&] { return new_server->total() == 1; }, seconds(5)));
}

TEST(ListenerTest, TheLimitHoldsFurtherConnectionsBackUntilOneEnds) {
  Worker worker;
  ListenerOptions options;
  options.max_connections = 1;
  auto listener = Listener::Open({&worker}, "tcp", "127.0.0.1:0", options).value();
  auto counter = std::make_shared<Counter>();
  listener->SetAcceptor(counter);
  Fd first = Dial(listener->address());
  Fd second = Dial(listener->address());
  ASSERT_TRUE(worker.RunUntil([&] { return counter->total() == 1; }, seconds(5)));
  EXPECT_FALSE(worker.RunUntil([&] { return counter->total() == 2; }, milliseconds(20)));
  counter->slots.clear();
  EXPECT_TRUE(worker.RunUntil([&] { return counter->total() == 2; }, seconds(5)));
}

TEST(ListenerTest, AStaleSocketFileIsReplacedAndALiveOneIsNot) {
  Worker worker;
  const std::string path = testing::TempDir() + "listener." + std::to_string(getpid()) + ".sock";
  {
    SocketAddress address = SocketAddress::FromUnixPath(path).value();
    Fd dead(socket(AF_UNIX, SOCK_STREAM, 0));
    ASSERT_EQ(bind(dead.get(), address.get(), address.size()), 0);
  }
  auto live = Listener::Open({&worker}, "unix", path, {});
  ASSERT_TRUE(live.ok()) << live.status().ToString();
  EXPECT_FALSE(Listener::Open({&worker}, "unix", path, {}).ok());
}

// A port that was free a moment ago.
std::string FreeEndpoint(Worker& worker) {
  return Listener::Open({&worker}, "tcp", "127.0.0.1:0", {}).value()->address().ToString();
}

TEST(ListenerPoolTest, TheNextUserOfAnAddressGetsTheSameSocketWithItsBacklog) {
  Worker worker;
  ListenerPool pool;
  const std::string endpoint = FreeEndpoint(worker);
  auto first = pool.Take({&worker}, "tcp", endpoint, {}).value();
  const Listener* socket = first.get();
  pool.Give(std::move(first), seconds(60));
  Fd client =
      Dial(SocketAddress::FromNumeric("127.0.0.1", HostPort::Parse(endpoint)->port).value());
  auto second = pool.Take({&worker}, "tcp", endpoint, {}).value();
  EXPECT_EQ(second.get(), socket);
  auto counter = std::make_shared<Counter>();
  second->SetAcceptor(counter);
  EXPECT_TRUE(worker.RunUntil([&] { return counter->total() == 1; }, seconds(5)));
}

TEST(ListenerPoolTest, AListenerThatNobodyTakesIsClosedAfterAWhile) {
  Worker worker;
  ListenerPool pool;
  const std::string endpoint = FreeEndpoint(worker);
  auto listener = pool.Take({&worker}, "tcp", endpoint, {}).value();
  std::weak_ptr<Listener> watch = listener;
  pool.Give(std::move(listener), milliseconds(10));
  EXPECT_FALSE(watch.expired());
  EXPECT_TRUE(worker.RunUntil([&] { return watch.expired(); }, seconds(5)));
  EXPECT_TRUE(Listener::Open({&worker}, "tcp", endpoint, {}).ok());
}

TEST(ListenerPoolTest, AnAddressInUseIsNotShared) {
  Worker worker;
  ListenerPool pool;
  const std::string endpoint = FreeEndpoint(worker);
  auto user = pool.Take({&worker}, "tcp", endpoint, {}).value();
  const auto second = pool.Take({&worker}, "tcp", endpoint, {});
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.status().message().find("Address already in use"), std::string::npos);
}

TEST(AddressTest, ParsesWhatConfigurationsSay) {
  struct Case {
    std::string text;
    std::string host;
    uint16_t port;
  };
  for (const Case& c : std::vector<Case>{{"localhost:4317", "localhost", 4317},
                                         {"[::]:4317", "::", 4317},
                                         {"0.0.0.0:0", "0.0.0.0", 0},
                                         {":55679", "", 55679},
                                         {"[fe80::1%eth0]:1", "fe80::1%eth0", 1}}) {
    auto parsed = HostPort::Parse(c.text);
    ASSERT_TRUE(parsed.ok()) << c.text;
    EXPECT_EQ(parsed->host, c.host);
    EXPECT_EQ(parsed->port, c.port);
    EXPECT_EQ(parsed->ToString(), c.text);
  }
}

TEST(AddressTest, RefusesWhatIsNoAddress) {
  for (const std::string text :
       {"localhost", "a:b", "a:70000", "a:-1", "::1:80", "[::1", "[::1]x", "a:", "a:1x"}) {
    EXPECT_FALSE(HostPort::Parse(text).ok()) << text;
  }
  EXPECT_EQ(HostPort::ParseWithDefault("backend", 443)->port, 443);
  EXPECT_FALSE(SocketAddress::FromNumeric("backend", 1));
  EXPECT_FALSE(SocketAddress::FromUnixPath(std::string(200, 'x')).ok());
}

}  // namespace
}  // namespace gapless::net
