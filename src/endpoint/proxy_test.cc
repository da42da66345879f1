#include "endpoint/proxy.h"

#include <map>
#include <string>

#include <gtest/gtest.h>

namespace gapless::endpoint {
namespace {

std::map<std::string, std::string>& Variables() {
  static std::map<std::string, std::string> variables;
  return variables;
}

const char* Lookup(const char* name) {
  auto it = Variables().find(name);
  return it == Variables().end() ? nullptr : it->second.c_str();
}

std::string For(bool https, const char* host, uint16_t port = 4318) {
  auto proxy = ProxyFromEnvironment(https, {host, port}, &Lookup);
  if (!proxy.ok()) {
    return "error";
  }
  return *proxy ? (*proxy)->address.ToString() : "direct";
}

TEST(ProxyTest, ReadsUrlAndCredentials) {
  const auto proxy = ParseProxy("http://us%65r:p%40ss@proxy.corp:3128/");
  ASSERT_TRUE(proxy.ok());
  EXPECT_EQ(proxy->address.ToString(), "proxy.corp:3128");
  EXPECT_EQ(proxy->authorization, "Basic dXNlcjpwQHNz");
  EXPECT_EQ(ParseProxy("http://user@proxy.corp")->authorization, "Basic dXNlcjo=");
  EXPECT_EQ(ParseProxy("proxy.corp:3128")->address.port, 3128);
  EXPECT_EQ(ParseProxy("http://proxy.corp")->address.port, 80);
  EXPECT_EQ(ParseProxy("HTTP://proxy.corp:1")->address.port, 1);
  EXPECT_FALSE(ParseProxy("socks5://proxy.corp:1080").ok());
  EXPECT_FALSE(ParseProxy("https://proxy.corp").ok());
  EXPECT_FALSE(ParseProxy("http://").ok());
}

TEST(ProxyTest, TheEnvironmentChoosesBySchemeAndLeavesOutWhatItSays) {
  Variables() = {{"HTTPS_PROXY", "http://secure:1"},
                 {"http_proxy", "http://plain:2"},
                 {"NO_PROXY", "internal, .corp.example , host:99"}};
  EXPECT_EQ(For(true, "backend.example.com"), "secure:1");
  EXPECT_EQ(For(false, "backend.example.com"), "plain:2");
  EXPECT_EQ(For(true, "Internal"), "direct");
  EXPECT_EQ(For(true, "a.internal"), "direct");
  EXPECT_EQ(For(true, "notinternal"), "secure:1");
  EXPECT_EQ(For(true, "a.corp.example"), "direct");
  EXPECT_EQ(For(true, "host", 99), "direct");
  EXPECT_EQ(For(true, "host", 98), "secure:1");
  EXPECT_EQ(For(true, "localhost"), "direct");
  EXPECT_EQ(For(true, "127.0.0.1"), "direct");
  Variables()["NO_PROXY"] = "*";
  EXPECT_EQ(For(true, "backend.example.com"), "direct");
  Variables() = {{"HTTPS_PROXY", "socks5://x:1"}};
  EXPECT_EQ(For(true, "backend.example.com"), "error");
  Variables() = {};
  EXPECT_EQ(For(true, "backend.example.com"), "direct");
}

// What golang.org/x/net/http/httpproxy does.
TEST(ProxyTest, NoProxyKnowsAddressRangesAndPorts) {
  struct Case {
    const char* no_proxy;
    const char* host;
    uint16_t port;
    bool direct;
  };
  const Case cases[] = {
      {"10.0.0.0/8", "10.1.2.3", 4317, true},
      {"10.0.0.0/8", "11.1.2.3", 4317, false},
      {"10.0.0.0/8", "10.example.com", 4317, false},
      {" 192.168.0.0/16 , 10.0.0.0/8 ", "10.1.2.3", 4317, true},
      {"10.1.2.128/25", "10.1.2.127", 4317, false},
      {"10.1.2.128/25", "10.1.2.128", 4317, true},
      {"0.0.0.0/0", "10.1.2.3", 4317, true},
      {"0.0.0.0/0", "2001:db8::1", 4317, false},
      {"::/0", "10.1.2.3", 4317, false},
      {"10.1.2.3", "10.1.2.3", 4317, true},
      {"10.1.2.3:4317", "10.1.2.3", 4317, true},
      {"10.1.2.3:4318", "10.1.2.3", 4317, false},
      {"2001:db8::/32", "2001:db8:1::2", 4317, true},
      {"2001:DB8::/32", "2001:db8:1::2", 4317, true},
      {"2001:db8::/32", "2001:db9::2", 4317, false},
      {"2001:db8::1", "2001:db8:0::1", 4317, true},
      {"[2001:db8::1]", "2001:db8::1", 4317, true},
      {"[2001:db8::1]:4317", "2001:db8::1", 4317, true},
      {"[2001:db8::1]:4318", "2001:db8::1", 4317, false},
      {"::ffff:10.1.2.3", "10.1.2.3", 4317, true},
      {"10.0.0.0/33", "10.1.2.3", 4317, false},
      {"10.0.0.0/x", "10.1.2.3", 4317, false},
      {"corp.example:4317", "a.corp.example", 4317, true},
      {"corp.example:4318", "a.corp.example", 4317, false},
      {".corp.example", "corp.example", 4317, false},
      {"*.corp.example", "corp.example", 4317, false},
      {"*.Corp.Example:4317", "a.corp.example", 4317, true},
      {"*", "10.1.2.3", 4317, true},
      {"other", "::1", 4317, true},
      {"other", "127.9.9.9", 4317, true},
      {"other", "127.example.com", 4317, false},
  };
  for (const Case& c : cases) {
    Variables() = {{"HTTPS_PROXY", "http://proxy:1"}, {"NO_PROXY", c.no_proxy}};
    EXPECT_EQ(For(true, c.host, c.port), c.direct ? "direct" : "proxy:1")
        << c.no_proxy << " for " << c.host;
  }
}

}  // namespace
}  // namespace gapless::endpoint
