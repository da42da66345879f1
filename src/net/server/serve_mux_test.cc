#include "net/server/serve_mux.h"

#include <gtest/gtest.h>

namespace gapless::net {
namespace {

// What Go 1.26 answers.
struct Case {
  const char* pattern;
  const char* target;
  int status;
  const char* location;
};

TEST(ServeMuxTest, AProbeBelowAPathThatEndsWithASlashIsAnswered) {
  const Case cases[] = {
      {"/", "/", 200, ""},
      {"/", "/health/live", 200, ""},
      {"/", "//health", 307, "/health"},
      {"/", "/x/../health", 307, "/health"},
      {"/", "/a/b//", 307, "/a/b/"},
      {"/health", "/", 404, ""},
      {"/health", "/health", 200, ""},
      {"/health", "/health/", 404, ""},
      {"/health", "/healthz", 404, ""},
      {"/health", "/health/live", 404, ""},
      {"/health", "//health", 307, "/health"},
      {"/health", "/health//live", 307, "/health/live"},
      {"/health", "/./health", 307, "/health"},
      {"/health", "/x/../health", 307, "/health"},
      {"/health", "/%68ealth", 200, ""},
      {"/health", "/health%2Flive", 404, ""},
      {"/health", "/health?verbose", 200, ""},
      {"/health", "/health/?a=b&c", 404, ""},
      {"/health", "/..", 307, "/"},
      {"/health", "/health/..", 307, "/"},
      {"/health", "/health/.", 307, "/health"},
      {"/health", "/%2e%2e/health", 404, ""},
      {"/health/", "/", 404, ""},
      {"/health/", "/health", 307, "/health/"},
      {"/health/", "/health/", 200, ""},
      {"/health/", "/healthz", 404, ""},
      {"/health/", "/health/live", 200, ""},
      {"/health/", "//health", 307, "/health/"},
      {"/health/", "/health//live", 307, "/health/live"},
      {"/health/", "/./health", 307, "/health/"},
      {"/health/", "/x/../health", 307, "/health/"},
      {"/health/", "/health%2Flive", 404, ""},
      {"/health/", "/health?verbose", 307, "/health/?verbose"},
      {"/health/", "/health/?a=b&c", 200, ""},
      {"/health/", "/..", 307, "/"},
      {"/health/", "/health/..", 307, "/"},
      {"/health/", "/health/.", 307, "/health/"},
      {"/health/", "/%2e%2e/health", 404, ""},
      {"/a/b/", "/a/b", 307, "/a/b/"},
      {"/a/b/", "/a/b/", 200, ""},
      {"/a/b/", "/a", 404, ""},
      {"/a/b/", "/a/", 404, ""},
      {"/a/b/", "/a/b/c/", 200, ""},
      {"/a/b/", "/A/b", 404, ""},
      {"/a/b/", "/a/b//", 307, "/a/b/"},
      {"/a/b", "/a/b", 200, ""},
      {"/a/b", "/a/b//", 307, "/a/b/"},
      {"/debug/pprof/", "/debug/pprof", 307, "/debug/pprof/"},
      {"/debug/pprof/", "//debug/pprof", 307, "/debug/pprof/"},
      {"/debug/pprof/", "/debug/pprof/heap", 200, ""},
      {"/debug/pprof/", "/v1//traces", 307, "/v1/traces"},
      {"/debug/pprof/", "/v1/./traces?x=1", 307, "/v1/traces?x=1"},
      {"/v1/traces", "//debug/pprof", 307, "/debug/pprof"},
      {"/v1/traces", "/v1//traces", 307, "/v1/traces"},
      {"/v1/traces", "/v1/trac%65s", 200, ""},
      {"/v1/traces", "/v1/./traces?x=1", 307, "/v1/traces?x=1"},
  };
  for (const Case& c : cases) {
    const ServeMux mux({c.pattern});
    HttpRequest request;
    request.target = c.target;
    const auto redirect = mux.Redirect(request);
    const int status = redirect ? redirect->status : mux.Find(request.path()) ? 200 : 404;
    EXPECT_EQ(status, c.status) << c.pattern << " asked for " << c.target;
    EXPECT_EQ(redirect ? redirect->headers.Find("location").value_or("") : "", c.location)
        << c.pattern << " asked for " << c.target;
  }
}

TEST(ServeMuxTest, TheLongestPatternWins) {
  const ServeMux mux({"/", "/debug/", "/debug/pprof/", "/debug/x"});
  EXPECT_EQ(mux.Find("/debug/pprof/heap"), 2U);
  EXPECT_EQ(mux.Find("/debug/x"), 3U);
  EXPECT_EQ(mux.Find("/debug/x/y"), 1U);
  EXPECT_EQ(mux.Find("/metrics"), 0U);
  EXPECT_EQ(mux.Find("*"), std::nullopt);
}

TEST(ServeMuxTest, ARedirectNeverLeavesTheServer) {
  const ServeMux mux({"/"});
  HttpRequest request;
  request.target = "//evil.example/%0d%0a?<script>";
  const auto redirect = mux.Redirect(request);
  ASSERT_TRUE(redirect.has_value());
  EXPECT_EQ(redirect->headers.Find("location"), "/evil.example/%0d%0a?<script>");
  EXPECT_EQ(redirect->body.ToString().find("<script>"), std::string::npos);
}

TEST(ServeMuxTest, PathsAreCleaned) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "/"},
      {"/", "/"},
      {"//", "/"},
      {"/a//b/./c", "/a/b/c"},
      {"/a/../../b/", "/b/"},
      {"/a/b/..", "/a"},
      {"/a/b/../", "/a/"},
      {"/...", "/..."},
  };
  for (const auto& [path, clean] : cases) {
    EXPECT_EQ(CleanPath(path), clean) << path;
  }
}

}  // namespace
}  // namespace gapless::net
