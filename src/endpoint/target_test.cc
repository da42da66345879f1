#include "endpoint/target.h"

#include <gtest/gtest.h>

namespace gapless::endpoint {
namespace {

struct GrpcCase {
  const char* endpoint;
  const char* error;  // null: fine
  const char* host = "";
  uint16_t port = 0;
  bool https = false;
};

TEST(GrpcEndpointTest, ReadsWhatUpstreamReadsAndFailsInItsWords) {
  const GrpcCase cases[] = {
      {"localhost:4317", nullptr, "localhost", 4317},
      {"https://backend.example.com:443", nullptr, "backend.example.com", 443, true},
      {"http://backend:4317", nullptr, "backend", 4317},
      {"HTTPS://Backend:4317", nullptr, "Backend", 4317, true},
      {"DNS:///backend:4317", nullptr, "backend", 4317},
      {"dns:///backend:4317", nullptr, "backend", 4317},
      {"dns://8.8.8.8/backend:4317", nullptr, "backend", 4317},
      {"[::1]:4317", nullptr, "::1", 4317},
      {"", "requires a non-empty \"endpoint\""},
      {"https://", "requires a non-empty \"endpoint\""},
      {"http://", "requires a non-empty \"endpoint\""},
      {"backend\n:4317", "invalid control character in endpoint"},
      {"backend", "address backend: missing port in address"},
      {"[::1]", "address [::1]: missing port in address"},
      {"backend:otlp", "invalid port \"otlp\""},
      {"backend:", "invalid port \"\""},
  };
  for (const GrpcCase& c : cases) {
    SCOPED_TRACE(c.endpoint);
    const auto target = ParseGrpcEndpoint(c.endpoint);
    if (c.error != nullptr) {
      ASSERT_FALSE(target.ok());
      EXPECT_EQ(target.status().message(), c.error);
      continue;
    }
    ASSERT_TRUE(target.ok()) << target.status().ToString();
    EXPECT_EQ(target->address.host, c.host);
    EXPECT_EQ(target->address.port, c.port);
    EXPECT_EQ(target->https, c.https);
  }
}

TEST(GrpcEndpointTest, UnixSocketsHaveAPathAndNoPort) {
  const auto target = ParseGrpcEndpoint("unix:///run/otlp.sock");
  ASSERT_TRUE(target.ok());
  EXPECT_EQ(target->unix_address->ToString(), "/run/otlp.sock");
  EXPECT_EQ(target->authority, "localhost");
}

struct UrlCase {
  const char* url;
  bool ok;
  const char* authority = "";
  const char* path = "";
  uint16_t port = 0;
  bool https = false;
};

TEST(UrlTest, UserAndPasswordBecomeAnAuthorization) {
  const std::pair<const char*, const char*> cases[] = {
      {"http://joe:s3cret%40x@127.0.0.1:4318/p", "Basic am9lOnMzY3JldEB4"},
      {"http://joe@127.0.0.1:4318/p", "Basic am9lOg=="},
      {"http://joe:a@b@127.0.0.1:4318/p", "Basic am9lOmFAYg=="},
      {"http://127.0.0.1:4318/p", ""},
  };
  for (const auto& [url, authorization] : cases) {
    const auto target = ParseUrl(url);
    ASSERT_TRUE(target.ok()) << url;
    EXPECT_EQ(target->authorization, authorization) << url;
    EXPECT_EQ(target->authority, "127.0.0.1:4318") << url;
    EXPECT_EQ(WithoutUser(url), "http://127.0.0.1:4318/p");
  }
  EXPECT_EQ(ParseUrl("http://joe:secret@h:x/").status().message().find("secret"),
            std::string::npos);
  EXPECT_FALSE(ParseUrl("http://joe:secret@/").ok());
}

TEST(GrpcEndpointTest, UnixSocketsMayBeAbstract) {
  EXPECT_EQ(ParseGrpcEndpoint("unix-abstract:name")->unix_address->ToString(), "@name");
}

TEST(UrlTest, TakesHttpUrlsApart) {
  const UrlCase cases[] = {
      {"http://h:4318", true, "h:4318", "/", 4318},
      {"https://h", true, "h", "/", 443, true},
      {"http://h/base/v1/traces?x=1#f", true, "h", "/base/v1/traces?x=1", 80},
      {"https://[::1]:8443/p", true, "[::1]:8443", "/p", 8443, true},
      {"http://h?x=1", true, "h", "/?x=1", 80},
      {"HTTP://LOCALHOST:4318", true, "LOCALHOST:4318", "/", 4318},
      {"Https://h/P", true, "h", "/P", 443, true},
      {"http://h:/p", true, "h", "/p", 80},
      {"http://h/a b{c}", true, "h", "/a%20b%7Bc%7D", 80},
      {"http://h/a%20b", true, "h", "/a%20b", 80},
      {"http://h/\xc3\xa4", true, "h", "/%C3%A4", 80},
      {"http://[fe80::1%25lo]:4318/", true, "[fe80::1%25lo]:4318", "/", 4318},
      {"h:4318", false},
      {"ftp://h", false},
      {"http://", false},
      {"http:///path", false},
      {"http://h:99999/", false},
      {"http://h/\r\nEvil: 1", false},
  };
  for (const UrlCase& c : cases) {
    SCOPED_TRACE(c.url);
    const auto target = ParseUrl(c.url);
    ASSERT_EQ(target.ok(), c.ok);
    if (c.ok) {
      EXPECT_EQ(target->authority, c.authority);
      EXPECT_EQ(target->path, c.path);
      EXPECT_EQ(target->address.port, c.port);
      EXPECT_EQ(target->https, c.https);
    }
  }
}

TEST(UrlTest, ARedirectWithinTheServerIsAPath) {
  const UrlTarget target = ParseUrl("http://h:4318/base/v1/traces?k=1").value();
  const auto path = [&](std::string_view location) {
    return SameServerPath(target, target.path, location);
  };
  EXPECT_EQ(path("/v2/traces"), "/v2/traces");
  EXPECT_EQ(path("/v2/traces?x=1#f"), "/v2/traces?x=1");
  EXPECT_EQ(path("http://H:4318/v2"), "/v2");
  EXPECT_EQ(path("//h:4318/v2"), "/v2");
  EXPECT_EQ(path("other"), "/base/v1/other");
  EXPECT_EQ(path("?k=2"), "/base/v1/traces?k=2");
  EXPECT_EQ(path("a:b/c"), std::nullopt) << "a scheme";
  EXPECT_EQ(path("x/a:b"), "/base/v1/x/a:b");
  EXPECT_EQ(SameServerPath(ParseUrl("https://h/a").value(), "/a", "https://h:443/b"), "/b");
}

TEST(UrlTest, ARedirectToAnotherServerOrToNothingIsNone) {
  const UrlTarget target = ParseUrl("http://h:4318/a").value();
  for (const std::string_view location :
       {"", "https://h:4318/a", "http://h/a", "http://other:4318/a", "//other/a", "ftp://h/a",
        "http://", "/a\r\nb: c"}) {
    EXPECT_EQ(SameServerPath(target, "/a", location), std::nullopt) << location;
  }
}

}  // namespace
}  // namespace gapless::endpoint
