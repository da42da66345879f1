#include "net/loop/dns.h"

#include "net/loop/fd.h"
#include "net/loop/worker.h"

#include <array>
#include <fstream>
#include <map>
#include <optional>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace gapless::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int kServFail = 2;
constexpr int kNxDomain = 3;
constexpr int kRefused = 5;

// Answers on a port of a loopback address: addresses, or an error by the end of the name.
class NameServer {
 public:
  NameServer(Worker& worker, const char* host, uint16_t port)
      : fd_(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    const SocketAddress wanted = *SocketAddress::FromNumeric(host, port);
    EXPECT_EQ(bind(fd_.get(), wanted.get(), wanted.size()), 0);
    watch_ = worker.Watch(fd_.get(), kIoRead, [this](uint32_t) { Answer(); });
  }
  uint16_t port() const { return AddressOf(fd_.get(), getsockname).port(); }

  std::map<std::string, std::string> addresses;  // name to IPv4
  std::map<std::string, int> errors;             // end of a name to RCODE
  std::vector<std::string> asked;                // names, each once

 private:
  void Answer() {
    std::array<char, 512> packet;
    sockaddr_storage from{};
    socklen_t size = sizeof(from);
    const ssize_t got = recvfrom(fd_.get(), packet.data(), packet.size(), 0,
                                 reinterpret_cast<sockaddr*>(&from), &size);
    if (got < 17) {
      return;
    }
    std::string name;
    size_t at = 12;
    while (packet[at] != 0) {
      const auto length = static_cast<size_t>(packet[at]);
      name += (name.empty() ? "" : ".") + std::string(&packet[at + 1], length);
      at += length + 1;
    }
    const bool wants_v4 = packet[at + 2] == 1;
    if (asked.empty() || asked.back() != name) {
      asked.push_back(name);
    }
    int code = addresses.contains(name) ? 0 : kNxDomain;
    for (const auto& [end, error] : errors) {
      code = name.ends_with(end) ? error : code;
    }
    const bool found = code == 0 && wants_v4;
    std::string reply(packet.data(), at + 5);
    reply[2] = static_cast<char>(0x81);
    reply[3] = static_cast<char>(0x80 | code);
    reply.replace(6, 6, std::string("\0\0\0\0\0\0", 6));
    reply[7] = found ? 1 : 0;
    if (found) {
      reply += std::string("\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04", 12);
      in_addr address{};
      inet_pton(AF_INET, addresses.at(name).c_str(), &address);
      reply.append(reinterpret_cast<const char*>(&address), 4);
    }
    sendto(fd_.get(), reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
  }

  Fd fd_;
  IoWatch watch_;
};

class ResolverTest : public testing::Test {
 protected:
  ResolverTest() : path_(testing::TempDir() + "resolv.conf." + std::to_string(getpid())) {}
  ~ResolverTest() override { unlink(path_.c_str()); }

  void Write(const std::string& text) { std::ofstream(path_) << text; }
  std::string Lookup(Resolver& resolver, const std::string& host) {
    std::optional<Result<Resolver::Addresses>> answer;
    resolver.Resolve(host, 4317,
                     [&](Result<Resolver::Addresses> result) { answer = std::move(result); });
    EXPECT_TRUE(worker_.RunUntil([&] { return answer.has_value(); }, seconds(10)));
    return !answer ? "" : answer->ok() ? (**answer)[0].ToString() : answer->status().message();
  }

  Worker worker_;
  const std::string path_;
};

TEST_F(ResolverTest, ABrokenSearchDomainIsNoReasonNotToAskForTheNextName) {
  NameServer server(worker_, "127.0.0.1", 0);
  server.addresses = {{"backend.other.test", "10.0.0.7"}, {"short.b.test", "10.0.0.8"}};
  Write("nameserver 127.0.0.1\nsearch a.test corp.test b.test\noptions ndots:5\n");
  for (const int error : {kServFail, kRefused}) {
    Resolver resolver(worker_, {.resolv_conf = path_, .port = server.port()});
    server.errors = {{".corp.test", error}};
    server.asked.clear();
    EXPECT_EQ(Lookup(resolver, "backend.other.test"), "10.0.0.7:4317") << error;
    EXPECT_THAT(server.asked,
                ElementsAre("backend.other.test.a.test", "backend.other.test.corp.test",
                            "backend.other.test.b.test", "backend.other.test"));
    EXPECT_EQ(Lookup(resolver, "short"), "10.0.0.8:4317");
    EXPECT_THAT(Lookup(resolver, "nobody"), HasSubstr("DNS lookup of \"nobody\""));
  }
}

TEST_F(ResolverTest, ANameWithEnoughDotsOrADotAtItsEndIsAskedForAsItIs) {
  NameServer server(worker_, "127.0.0.1", 0);
  server.addresses = {{"backend.other.test", "10.0.0.7"}};
  Write("nameserver 127.0.0.1\nsearch a.test\n");
  Resolver resolver(worker_, {.resolv_conf = path_, .port = server.port()});
  EXPECT_EQ(Lookup(resolver, "backend.other.test"), "10.0.0.7:4317");
  EXPECT_EQ(Lookup(resolver, "backend.other.test."), "10.0.0.7:4317");
  EXPECT_EQ(Lookup(resolver, "localhost"), "127.0.0.1:4317");
  EXPECT_THAT(server.asked, ElementsAre("backend.other.test"));
}

TEST_F(ResolverTest, AChangedResolvConfIsReadAgainWithoutARestart) {
  NameServer right(worker_, "127.0.0.3", 0);
  right.addresses = {{"backend.other.test", "10.0.0.7"}};
  Write("nameserver 127.0.0.9\noptions timeout:1 attempts:1\n");
  Resolver resolver(worker_, {.resolv_conf = path_, .port = right.port()});
  EXPECT_THAT(Lookup(resolver, "backend.other.test"), HasSubstr("backend.other.test"));
  Write("# moved\nnameserver 127.0.0.3\n");
  std::string answer;
  for (int i = 0; i < 20 && answer != "10.0.0.7:4317"; ++i) {
    (void)worker_.RunUntil([] { return false; }, milliseconds(400));
    answer = Lookup(resolver, "backend.other.test");
  }
  EXPECT_EQ(answer, "10.0.0.7:4317");
}

}  // namespace
}  // namespace gapless::net
