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
  EXPECT_EQ(ParseProxy("proxy.corp:3128")->address.port, 3128);
  EXPECT_EQ(ParseProxy("http://proxy.corp")->address.port, 80);
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

}  // namespace
}  // namespace gapless::endpoint
