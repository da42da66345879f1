#include "base/go_regex.h"

#include <gtest/gtest.h>

namespace gapless {
namespace {

TEST(GoRegexTest, AGroupMayBeNamedWithoutP) {
  const std::pair<const char*, const char*> cases[] = {
      {R"(^(?<proto>[a-z]+)://(?P<host>[^/]+))", R"(^(?P<proto>[a-z]+)://(?P<host>[^/]+))"},
      {R"((?<a>(?<b>x)|(?:y)))", R"((?P<a>(?P<b>x)|(?:y)))"},
      {R"(\((?<a>x))", R"(\((?P<a>x))"},
      {R"(\(?<a>x)", R"(\(?<a>x)"},
      {R"([(?<a>]x)", R"([(?<a>]x)"},
      {R"([](?<a>]x)", R"([](?<a>]x)"},
      {R"([^]\](?<a>]x)", R"([^]\](?<a>]x)"},
      {R"([[:alpha:](?<a>](?<b>x))", R"([[:alpha:](?<a>](?P<b>x))"},
      {R"(\Q(?<a>\E(?<b>x))", R"(\Q(?<a>\E(?P<b>x))"},
      {R"(\Q(?<a>x)", R"(\Q(?<a>x)"},
      {R"((?<=a)(?<!b))", R"((?<=a)(?<!b))"},
      {R"(a\)", R"(a\)"},
      {"[", "["},
      {"", ""},
  };
  for (const auto& [go, re2] : cases) {
    EXPECT_EQ(ForRe2(go), re2) << go;
  }
}

}  // namespace
}  // namespace gapless
