#include "net/server/browser_guard.h"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace gapless::net {
namespace {

using ::testing::HasSubstr;

SocketAddress Address(const char* host) { return *SocketAddress::FromNumeric(host, 13134); }

bool Answers(const BrowserGuard& guard, std::string authority, HttpHeaders headers = {}) {
  HttpRequest request;
  request.authority = std::move(authority);
  request.headers = std::move(headers);
  return !guard.Objection(request).has_value();
}

TEST(BrowserGuardTest, APageWhoseNameWasMadeToMeanTheLoopbackIsRefused) {
  std::array<char, 256> machine{};
  gethostname(machine.data(), machine.size() - 1);
  const BrowserGuard guard("gapless.test:13134", Address("127.0.0.1"),
                           {.allowed_hosts = {"Admin.Example"}});
  const std::string ours[] = {
      "localhost:13134", "LOCALHOST",          "localhost.:13134",
      "127.0.0.1:13134", "127.9.9.9",          "[::1]:13134",
      "[::1]",           "gapless.test:13134", "gapless.TEST",
      "admin.example",   machine.data(),       "[::ffff:127.0.0.1]:1",
  };
  for (const std::string& host : ours) {
    EXPECT_TRUE(Answers(guard, host)) << host;
  }
  for (const char* host :
       {"evil.example", "evil.example:13134", "localhost.evil.example", "evil.localhost.", "",
        "127.0.0.1.evil.example", "localhost@evil.example", "192.0.2.7:13134", "[2001:db8::7]",
        "0.0.0.0:13134", "2130706433", "0x7f000001", "127.1", "[evil]:80", "[", "*"}) {
    EXPECT_FALSE(Answers(guard, host)) << host;
  }
}

TEST(BrowserGuardTest, AnAddressIsANameThatNobodyCanMakeMeanAnother) {
  const BrowserGuard everywhere("0.0.0.0:13134", Address("0.0.0.0"),
                                {.allowed_hosts = {"api.example"}, .always_check_host = true});
  for (const char* host : {"10.2.3.4:13134", "192.0.2.7", "[2001:db8::7]:1", "localhost",
                           "api.example:13134", "127.0.0.1"}) {
    EXPECT_TRUE(Answers(everywhere, host)) << host;
  }
  EXPECT_FALSE(Answers(everywhere, "evil.example:13134"));
  const BrowserGuard one("10.2.3.4:13134", Address("10.2.3.4"), {.always_check_host = true});
  EXPECT_TRUE(Answers(one, "10.2.3.4:13134"));
  EXPECT_FALSE(Answers(one, "evil.example"));
}

TEST(BrowserGuardTest, APageThatOthersScrapeAnswersUnderEveryName) {
  const BrowserGuard guard(":8888", Address("::"), {});
  EXPECT_TRUE(Answers(guard, "gapless.monitoring.svc:8888"));
  EXPECT_TRUE(Answers(guard, ""));
  EXPECT_FALSE(Answers(guard, "gapless.monitoring.svc:8888", {{"sec-fetch-site", "cross-site"}}));
}

TEST(BrowserGuardTest, AStarAllowsEveryName) {
  const BrowserGuard guard("localhost:1", Address("127.0.0.1"),
                           {.allowed_hosts = {"*"}, .always_check_host = true});
  EXPECT_TRUE(Answers(guard, "evil.example"));
}

TEST(BrowserGuardTest, AStarAndADotAllowEveryNameUnderADomain) {
  const BrowserGuard guard("localhost:1", Address("127.0.0.1"),
                           {.allowed_hosts = {"*.Test"}, .always_check_host = true});
  EXPECT_TRUE(Answers(guard, "a.test:13133"));
  EXPECT_TRUE(Answers(guard, "b.A.test."));
  EXPECT_FALSE(Answers(guard, "test"));
  EXPECT_FALSE(Answers(guard, ".test"));
  EXPECT_FALSE(Answers(guard, "atest"));
  EXPECT_FALSE(Answers(guard, "a.test.example"));
}

TEST(BrowserGuardTest, AUnixSocketHasNoName) {
  const BrowserGuard guard("/run/x.sock", *SocketAddress::FromUnixPath("/run/x.sock"),
                           {.always_check_host = true});
  EXPECT_TRUE(Answers(guard, "whatever"));
}

TEST(BrowserGuardTest, PagesOfOtherSitesAreRefused) {
  const BrowserGuard guard("localhost:13134", Address("127.0.0.1"), {});
  struct Case {
    HttpHeaders headers;
    bool answered;
  };
  const Case cases[] = {
      {{{"sec-fetch-site", "none"}}, true},
      {{{"sec-fetch-site", "same-origin"}}, true},
      {{{"sec-fetch-site", "cross-site"}}, false},
      {{{"sec-fetch-site", "Same-Site"}}, false},
      {{{"sec-fetch-site", "cross-site"}, {"sec-fetch-mode", "navigate"}}, false},
      {{{"sec-fetch-site", "none"}, {"sec-fetch-site", "cross-site"}}, false},
      {{{"origin", "http://localhost:13134"}}, true},
      {{{"origin", "http://LocalHost:13134"}}, true},
      {{{"origin", "http://localhost:3000"}}, false},
      {{{"origin", "http://localhost"}}, false},
      {{{"origin", "https://evil.example"}}, false},
      {{{"origin", "null"}}, false},
      {{{"origin", ""}}, false},
      {{{"referer", "http://localhost:13134/status?x"}}, true},
      {{{"referer", "http://evil.example/localhost:13134"}}, false},
      {{{"referer", "http://localhost:13134@evil.example/"}}, false},
      {{{"referer", "about:blank"}}, false},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(Answers(guard, "localhost:13134", c.headers), c.answered)
        << c.headers.begin()->name << ": " << c.headers.begin()->value;
  }
}

TEST(BrowserGuardTest, TheRefusalSaysWhatToDo) {
  const BrowserGuard guard("localhost:13134", Address("127.0.0.1"), {});
  HttpRequest request;
  request.authority = "evil.example";
  EXPECT_THAT(guard.Objection(request).value_or(""), HasSubstr("allowed_hosts"));
}

}  // namespace
}  // namespace gapless::net
