#include "net/loop/listener.h"

#include "net/loop/address.h"
#include "net/loop/descriptors.h"
#include "net/server/listener_pool.h"

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
  void MakeRoom() override { ++room_wanted; }
  size_t total() {
    MutexLock lock(mutex);
    return fds.size();
  }
  Mutex mutex;
  std::vector<int> per_worker = std::vector<int>(4);
  std::vector<Fd> fds;
  std::vector<ConnectionSlot> slots;
  int room_wanted = 0;
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

TEST(ListenerTest, ALimitMayBeRaisedWhileClientsWait) {
  Worker worker;
  auto listener = Listener::Open({&worker}, "tcp", "127.0.0.1:0", {.max_connections = 1}).value();
  auto counter = std::make_shared<Counter>();
  listener->SetAcceptor(counter);
  const Fd first = Dial(listener->address());
  const Fd second = Dial(listener->address());
  ASSERT_TRUE(worker.RunUntil([&] { return counter->total() == 1; }, seconds(5)));
  EXPECT_FALSE(worker.RunUntil([&] { return counter->total() == 2; }, milliseconds(20)));
  listener->SetMaxConnections(0);
  EXPECT_TRUE(worker.RunUntil([&] { return counter->total() == 2; }, seconds(5)));
}

TEST(ListenerTest, TheLimitOfTheProcessHoldsForAllListenersButThoseOfOurPages) {
  Worker worker;
  const auto counter = std::make_shared<Counter>();
  auto first = Listener::Open({&worker}, "tcp", "127.0.0.1:0", {}).value();
  auto second = Listener::Open({&worker}, "tcp", "127.0.0.1:0", {}).value();
  auto page = Listener::Open({&worker}, "tcp", "127.0.0.1:0", {.reserved = true}).value();
  for (const auto* listener : {&first, &second, &page}) {
    (*listener)->SetAcceptor(counter);
  }
  SetConnectionLimit(1);
  const Fd one = Dial(first->address());
  ASSERT_TRUE(worker.RunUntil([&] { return counter->total() == 1; }, seconds(5)));
  const uint64_t noted = Noted(Shortage::kConnections).count;
  const Fd two = Dial(second->address());
  EXPECT_FALSE(worker.RunUntil([&] { return counter->total() == 2; }, milliseconds(20)));
  EXPECT_GT(Noted(Shortage::kConnections).count, noted);
  EXPECT_GT(counter->room_wanted, 0);
  const Fd three = Dial(page->address());
  EXPECT_TRUE(worker.RunUntil([&] { return counter->total() == 2; }, seconds(5)));
  SetConnectionLimit(0);
  EXPECT_TRUE(worker.RunUntil([&] { return counter->total() == 3; }, seconds(5)));
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
  pool.Give(std::move(first), nullptr, seconds(60));
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
  pool.Give(std::move(listener), nullptr, milliseconds(10));
  EXPECT_FALSE(watch.expired());
  EXPECT_TRUE(worker.RunUntil([&] { return watch.expired(); }, seconds(5)));
  EXPECT_TRUE(Listener::Open({&worker}, "tcp", endpoint, {}).ok());
}

// Connects without waiting; whether it is through.
Fd DialLater(const SocketAddress& address) {
  Fd fd(socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  EXPECT_EQ(connect(fd.get(), address.get(), address.size()), -1);
  EXPECT_EQ(errno, EINPROGRESS);
  return fd;
}

TEST(ListenerTest, ThoseWhoWaitAreAcceptedAndNewOnesTurnedAwayBeforeTheSocketCloses) {
  Worker worker;
  auto listener = Listener::Open({&worker}, "tcp", "127.0.0.1:0", {}).value();
  const SocketAddress address = listener->address();
  std::vector<Fd> waiting;
  for (int i = 0; i < 100; ++i) {
    waiting.push_back(Dial(address));
  }
  auto counter = std::make_shared<Counter>();
  listener->SetAcceptor(counter);
  listener->TurnAway();
  const Fd late = DialLater(address);
  listener->AcceptAll();
  EXPECT_EQ(counter->total(), 100u);
  ASSERT_TRUE(listener->TakeIn()) << "the reload has changed its mind";
  Dial(address);
  listener->AcceptAll();
  EXPECT_EQ(counter->total(), 101u);
}

TEST(ListenerTest, ASocketFileGoesWithItsListenerUnlessItIsAnothers) {
  Worker worker;
  const std::string path = testing::TempDir() + "file." + std::to_string(getpid()) + ".sock";
  auto first = Listener::Open({&worker}, "unix", path, {}).value();
  EXPECT_EQ(access(path.c_str(), F_OK), 0);
  first->TurnAway();
  EXPECT_NE(access(path.c_str(), F_OK), 0);
  auto second = Listener::Open({&worker}, "unix", path, {}).value();
  first.reset();
  EXPECT_EQ(access(path.c_str(), F_OK), 0) << "this one is the second's";
  second.reset();
  EXPECT_NE(access(path.c_str(), F_OK), 0);
}

// Answers everything.
std::shared_ptr<HttpServer> NewFarewell(Worker& worker) {
  struct Handler final : HttpHandler {
    void Handle(HttpCall call) override { call.responder.Send(TextResponse(503, "farewell")); }
  };
  HttpServerOptions options;
  options.http1_options.keep_alives = false;
  return HttpServer::Create({&worker}, options, std::make_shared<Handler>());
}

std::string ReadAll(Worker& worker, const Fd& fd) {
  std::string text;
  EXPECT_TRUE(worker.RunUntil(
      [&] {
        char buffer[512];
        const ssize_t got = recv(fd.get(), buffer, sizeof buffer, MSG_DONTWAIT);
        if (got > 0) {
          text.append(buffer, static_cast<size_t>(got));
        }
        EXPECT_TRUE(got >= 0 || errno == EAGAIN) << "reset";
        return got == 0 || (got < 0 && errno != EAGAIN);
      },
      seconds(10)));
  return text;
}

TEST(ListenerPoolTest, WhoeverConnectsAfterTheEndOfAComponentIsAnswered) {
  Worker worker;
  ListenerPool pool;
  constexpr std::string_view kRequest = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  const std::string endpoint = FreeEndpoint(worker);
  auto listener = pool.Take({&worker}, "tcp", endpoint, {}).value();
  const SocketAddress address = listener->address();
  std::vector<Fd> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(Dial(address));  // some wait before, the rest come afterwards
    ASSERT_EQ(write(clients.back().get(), kRequest.data(), kRequest.size()),
              static_cast<ssize_t>(kRequest.size()));
    if (i == 10) {
      pool.Give(std::move(listener), NewFarewell(worker), seconds(60));
    }
  }
  bool done = false;
  pool.CloseAll(worker, worker.Now() + seconds(5), [&] { done = true; });
  for (const Fd& client : clients) {
    EXPECT_TRUE(ReadAll(worker, client).ends_with("farewell"));
  }
  clients.clear();
  EXPECT_TRUE(worker.RunUntil([&] { return done; }, seconds(10)));
  EXPECT_TRUE(Listener::Open({&worker}, "tcp", endpoint, {}).ok()) << "the socket is closed";
}

TEST(ListenerPoolTest, ASocketThatIsBeingClosedIsTakenOverAll) {
  Worker worker;
  ListenerPool pool;
  const std::string endpoint = FreeEndpoint(worker);
  auto listener = pool.Take({&worker}, "tcp", endpoint, {}).value();
  const SocketAddress address = listener->address();
  pool.Give(std::move(listener), NewFarewell(worker), seconds(60));
  pool.CloseAll(worker, worker.Now() + seconds(5), [] {});
  auto next = pool.Take({&worker}, "tcp", endpoint, {});
  ASSERT_TRUE(next.ok()) << next.status().ToString();
  auto counter = std::make_shared<Counter>();
  (*next)->SetAcceptor(counter);
  const Fd client = Dial(address);
  EXPECT_TRUE(worker.RunUntil([&] { return counter->total() == 1; }, seconds(5)));
}

// What another process would open.
Fd ListeningSocket(const std::string& host) {
  const SocketAddress address = SocketAddress::FromNumeric(host, 0).value();
  Fd fd(socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  const bool listens =
      bind(fd.get(), address.get(), address.size()) == 0 && listen(fd.get(), 8) == 0;
  return listens ? std::move(fd) : Fd();
}

TEST(ListenerPoolTest, AnInheritedSocketIsTakenAndItsClientsWaitForTheNextTaker) {
  Worker worker;
  const Fd parents = ListeningSocket("127.0.0.1");
  ASSERT_TRUE(parents.valid());
  ListenerPool pool;
  std::vector<Fd> sockets;
  sockets.emplace_back(dup(parents.get()));
  pool.Inherit(std::move(sockets));
  ASSERT_EQ(pool.inherited().size(), 1u);
  const SocketAddress address = pool.inherited().front();
  auto first = pool.Take({&worker}, "tcp", address.ToString(), {}).value();
  EXPECT_TRUE(first->inherited());
  EXPECT_TRUE(pool.inherited().empty());
  pool.Give(std::move(first), NewFarewell(worker));
  const Fd client = Dial(address);
  auto next = pool.Take({&worker}, "tcp", address.ToString(), {}).value();
  auto counter = std::make_shared<Counter>();
  next->SetAcceptor(counter);
  EXPECT_TRUE(worker.RunUntil([&] { return counter->total() == 1; }, seconds(5)));
}

TEST(ListenerPoolTest, AnInheritedSocketForAllAddressesServesBothFamilies) {
  Worker worker;
  const Fd parents = ListeningSocket("::");
  ASSERT_TRUE(parents.valid());
  ListenerPool pool;
  std::vector<Fd> sockets;
  sockets.emplace_back(dup(parents.get()));
  sockets.emplace_back(socket(AF_INET, SOCK_STREAM, 0));  // listens nowhere
  pool.Inherit(std::move(sockets));
  ASSERT_EQ(pool.inherited().size(), 1u);
  const std::string port = std::to_string(pool.inherited().front().port());
  EXPECT_TRUE(pool.Take({&worker}, "tcp", "0.0.0.0:" + port, {}).value()->inherited());
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
