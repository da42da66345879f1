#include "endpoint/cookies.h"

#include <gtest/gtest.h>

namespace gapless::endpoint {
namespace {

constexpr WallTime kNow(std::chrono::hours(24));

net::HttpHeaders Set(std::string value) { return {{"set-cookie", std::move(value)}}; }

TEST(CookieJarTest, CookiesComeBackWithTheirPaths) {
  CookieJar jar("host", false);
  jar.Take(Set("route=a; Path=/; HttpOnly"), "/v1/traces", kNow);
  jar.Take(Set("deep=b"), "/v1/traces", kNow);
  jar.Take(Set("other=c; Path=/other"), "/v1/traces", kNow);
  EXPECT_EQ(jar.For("/v1/traces"), "route=a; deep=b");
  EXPECT_EQ(jar.For("/v1/x?q=/other"), "route=a; deep=b");
  EXPECT_EQ(jar.For("/v12"), "route=a");
  EXPECT_EQ(jar.For("/other/x"), "route=a; other=c");
}

TEST(CookieJarTest, ALaterValueReplacesAndAnOldDateDeletes) {
  CookieJar jar("host", false);
  jar.Take(Set("a=1; Path=/"), "/", kNow);
  jar.Take(Set("a=2; Path=/"), "/", kNow);
  EXPECT_EQ(jar.For("/"), "a=2");
  jar.Take(Set("a=; Path=/; Max-Age=0"), "/", kNow);
  EXPECT_EQ(jar.For("/"), "");
  jar.Take(Set("b=1; Expires=Thu, 01 Jan 1970 00:00:01 GMT"), "/", kNow);
  EXPECT_EQ(jar.For("/"), "");
}

TEST(CookieJarTest, WhatHasExpiredGoesWithTheNextAnswer) {
  CookieJar jar("host", false);
  jar.Take(Set("a=1; Max-Age=60"), "/", kNow);
  jar.Take({}, "/", kNow + std::chrono::seconds(59));
  EXPECT_EQ(jar.For("/"), "a=1");
  jar.Take({}, "/", kNow + std::chrono::seconds(60));
  EXPECT_EQ(jar.For("/"), "");
}

TEST(CookieJarTest, OthersCookiesAndSecureOnesWithoutTlsAreNotTaken) {
  CookieJar jar("a.example", false);
  jar.Take(Set("a=1; Domain=example"), "/", kNow);
  jar.Take(Set("b=1; Domain=.A.example"), "/", kNow);
  jar.Take(Set("c=1; Domain=b.example"), "/", kNow);
  jar.Take(Set("d=1; Secure"), "/", kNow);
  EXPECT_EQ(jar.For("/"), "a=1; b=1");
  CookieJar secure("a.example", true);
  secure.Take(Set("d=1; Secure"), "/", kNow);
  EXPECT_EQ(secure.For("/"), "d=1");
}

TEST(CookieJarTest, HasLimitsAndTakesNoRubbish) {
  CookieJar jar("host", false);
  for (const std::string bad : {"", "=", "novalue", "bad name=1", "=x"}) {
    jar.Take(Set(bad), "/", kNow);
  }
  jar.Take(Set("long=" + std::string(CookieJar::kMaxCookieBytes, 'x')), "/", kNow);
  EXPECT_EQ(jar.For("/"), "");
  for (size_t i = 0; i <= CookieJar::kMaxCookies; ++i) {
    jar.Take(Set("c" + std::to_string(i) + "=1"), "/", kNow);
  }
  EXPECT_TRUE(jar.For("/").starts_with("c1=1; "));
}

}  // namespace
}  // namespace gapless::endpoint
