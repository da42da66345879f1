#include "config/resolver.h"

#include "base/rng.h"
#include "config/expand.h"
#include "config/limits.h"
#include "config/yaml.h"

#include <map>

namespace gapless::config {
namespace {

// Files, variables and URLs of a test.
struct World {
  std::map<std::string, std::string> files;
  std::map<std::string, std::string> env;
  std::map<std::string, std::string> urls;

  Sources sources() const {
    return {.read_file = [this](const std::string& path) -> Result<std::string> {
              const auto it = files.find(path);
              if (it == files.end()) {
                return NotFound("open " + path + ": no such file or directory");
              }
              return it->second;
            },
            .get_env = [this](const std::string& name) -> std::optional<std::string> {
              const auto it = env.find(name);
              return it == env.end() ? std::nullopt : std::optional(it->second);
            },
            .fetch = [this](const std::string& url) -> Result<std::string> {
              const auto it = urls.find(url);
              if (it == urls.end()) {
                return Unavailable("status 404");
              }
              return it->second;
            }};
  }
};

std::string ResolvedText(const World& world, const ResolveOptions& options) {
  const Result<Resolved> resolved = Resolve(options, world.sources());
  return resolved.ok() ? ToText(resolved->root) : "error: " + resolved.status().message();
}

// The value of `a` when the config is `a: <text>`.
std::string Expanded(const World& world, const std::string& text) {
  World with_file = world;
  with_file.files["c"] = "a: " + text;
  const Result<Resolved> resolved = Resolve({.configs = {"c"}, .sets = {}}, with_file.sources());
  return resolved.ok() ? ToText(*resolved->root.Find("a"))
                       : "error: " + resolved.status().message();
}

TEST(ConfigFlagTest, EveryFormOfTheFlagIsRead) {
  const World world{.files = {{"p/f.yaml", "a: 1"}, {"C:\\x.yaml", "a: 2"}},
                    .env = {{"CONF", "a: 3"}},
                    .urls = {{"http://h/c", "a: 4"}, {"https://h/c", "a: 5"}}};
  struct Case {
    const char* situation;
    const char* flag;
    const char* want;
  };
  const Case cases[] = {
      {"a path", "p/f.yaml", "{a: 1}"},
      {"file: and a path", "file:p/f.yaml", "{a: 1}"},
      {"a Windows path with a drive", "C:\\x.yaml", "{a: 2}"},
      {"a variable that is a document", "env:CONF", "{a: 3}"},
      {"http", "http://h/c", "{a: 4}"},
      {"https", "https://h/c", "{a: 5}"},
      {"text with :: between keys", "yaml:exporters::debug::verbosity: detailed",
       "{exporters: {debug: {verbosity: detailed}}}"},
      {"empty text", "yaml:", "{}"},
      {"an unknown scheme", "s3:bucket", "error: unsupported scheme on URI \"s3:bucket\""},
      {"a scheme with a character that schemes do not have", "no_scheme:x",
       "error: invalid uri: \"no_scheme:x\""},
      {"a file that is not there", "gone.yaml",
       "error: cannot retrieve the configuration: unable to read the file file:gone.yaml: open "
       "gone.yaml: no such file or directory"},
      {"a URL that answers otherwise than 200", "http://h/gone",
       "error: cannot retrieve the configuration: unable to download the file via HTTP GET for uri "
       "\"http://h/gone\": status 404"},
      {"text that is no map", "yaml:text",
       "error: yaml:1:1: retrieved value (type=string) cannot be used as a Conf"},
      {"text that is no YAML", "yaml:a: {",
       "error: yaml:2:1: yaml: while parsing a flow node: did not find expected node "
       "content"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(ResolvedText(world, {.configs = {c.flag}, .sets = {}}), c.want) << c.situation;
  }
}

TEST(ConfigFlagTest, NoneIsAnError) {
  EXPECT_EQ(ResolvedText({}, {}), "error: at least one config flag must be provided");
}

TEST(ConfigFlagTest, CommaListIsNotSplit) {
  EXPECT_EQ(ResolvedText({}, {.configs = {"a,b"}, .sets = {}}),
            "error: cannot retrieve the configuration: unable to read the file file:a,b: open a,b: "
            "no such file or directory");
}

TEST(ConfigFlagTest, WithoutFetchUrlsAreUnsupported) {
  Sources sources = World().sources();
  sources.fetch = nullptr;
  const Result<Resolved> resolved = Resolve({.configs = {"http://h/c"}, .sets = {}}, sources);
  EXPECT_EQ(resolved.status().message(),
            "cannot retrieve the configuration: unsupported scheme on URI \"http://h/c\"");
}

TEST(MergeTest, FollowsUpstreamsRules) {
  struct Case {
    const char* situation;
    std::vector<std::string> configs;
    const char* want;
  };
  const Case cases[] = {
      {"maps are merged key by key",
       {"yaml:{a: {x: 1}}", "yaml:{a: {y2: 2}}"},
       "{a: {x: 1, y2: 2}}"},
      {"later list replaces", {"yaml:{a: [1, 2]}", "yaml:{a: [3]}"}, "{a: [3]}"},
      {"later scalar wins", {"yaml:{a: 1}", "yaml:{a: x}"}, "{a: x}"},
      {"null wipes a map", {"yaml:{a: {x: 1}}", "yaml:a:"}, "{a: null}"},
      {"empty map merges", {"yaml:{a: {x: 1}}", "yaml:{a: {}}"}, "{a: {x: 1}}"},
      {"map replaces scalar", {"yaml:{a: 1}", "yaml:{a: {x: 1}}"}, "{a: {x: 1}}"},
      {"keys with :: are nested",
       {"yaml:{a::b::c: 1}", "yaml:{a: {b::d: 2}}"},
       "{a: {b: {c: 1, d: 2}}}"},
      {"keys with :: in lists are left alone", {"yaml:{a: [{b::c: 1}]}"}, "{a: [{b::c: 1}]}"},
      {"an empty source changes nothing", {"yaml:{a: 1}", "yaml:"}, "{a: 1}"},
      {"lists below service are replaced by default",
       {"yaml:{service: {extensions: [a]}}", "yaml:{service: {extensions: [b]}}"},
       "{service: {extensions: [b]}}"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(ResolvedText({}, {.configs = c.configs, .sets = {}}), c.want) << c.situation;
  }
}

TEST(MergeTest, GateJoinsServiceListsWithoutDuplicates) {
  const ResolveOptions options{
      .configs =
          {"yaml:{x: [a], service: {extensions: [a, b], pipelines: {traces: {exporters: [a], "
           "processors: [p]}}}}",
           "yaml:{x: [b], service: {extensions: [b, c], pipelines: {traces: {exporters: [b], "
           "processors: [q]}}}}"},
      .sets = {},
      .append_service_lists = true};
  EXPECT_EQ(ResolvedText({}, options),
            "{x: [b], service: {extensions: [a, b, c], pipelines: {traces: {exporters: [a, b], "
            "processors: [q]}}}}");
}

TEST(SetFlagTest, FollowsUpstreamsRules) {
  struct Case {
    const char* situation;
    const char* set;
    const char* want;
  };
  const World world{.files = {{"c", "a: {b: 1, l: [1, 2]}"}}, .env = {{"X", "7"}}, .urls = {}};
  const Case cases[] = {
      {"a key below a key", "a.b=2", "{a: {b: 2, l: [1, 2]}}"},
      {"split at the first =", "a.b=x=y2", "{a: {b: x=y2, l: [1, 2]}}"},
      {"spaces around key and value", " a.b = 2 ", "{a: {b: 2, l: [1, 2]}}"},
      {"a list is replaced whole", "a.l=[3]", "{a: {b: 1, l: [3]}}"},
      {"keys that were not there", "a.x.m=true", "{a: {b: 1, l: [1, 2], x: {m: true}}}"},
      {"expansion applies", "a.b=${env:X}", "{a: {b: 7, l: [1, 2]}}"},
      {"no =", "a.b", "error: invalid argument \"a.b\" for \"--set\" flag: missing equal sign"},
      {"a value that is no YAML", "a.b={",
       "error: --set a.b:2:1: yaml: while parsing a flow node: did not find expected node content"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(ResolvedText(world, {.configs = {"c"}, .sets = {c.set}}), c.want) << c.situation;
  }
}

TEST(SetFlagTest, ComesAfterAllConfigs) {
  EXPECT_EQ(ResolvedText({}, {.configs = {"yaml:{a: 1}", "yaml:{a: 2}"}, .sets = {"a=3", "a=4"}}),
            "{a: 4}");
}

struct ExpandCase {
  const char* situation;
  const char* text;
  const char* want;
};
const ExpandCase kExpandCases[] = {
    {"short form", "${NUM}", "12"},
    {"env form", "${env:NUM}", "12"},
    {"default of an unset variable", "${env:NONE:-5}", "5"},
    {"default is not used when set but empty", "${env:EMPTY:-5}", "null"},
    {"explicit empty default", "${env:NONE:-}", "null"},
    {"default with :- in it", "${env:NONE:-a:-b}", "a:-b"},
    {"lenient short default", "${NO_NE:-5}", "5"},
    {"unset is null", "${NONE}", "null"},
    {"no braces is literal", "$NUM", "\"$NUM\""},
    {"double dollar", "a$$b", "\"a$b\""},
    {"escaped reference", "$${NUM}", "\"${NUM}\""},
    {"escaped dollar before reference", "$$${NUM}", "\"$12\""},
    {"two escaped dollars", "$$$${NUM}", "\"$${NUM}\""},
    {"escape stops the rest", "$${NUM} ${NUM}", "\"${NUM} ${NUM}\""},
    {"an equal reference replaces the escaped one, too", "${NUM} $${NUM}", "\"12 $12\""},
    {"dollars in values are unescaped too", "${DOLLARS}", "\"a$b\""},
    {"nested", "${env:${WHICH}}", "12"},
    {"value with a reference", "${REF}", "12"},
    {"value with a reference inside text", "x-${REF}", "x-12"},
    {"whole value keeps type bool", "${YES}", "true"},
    {"whole value keeps type list", "${LIST}", "[1, x]"},
    {"whole value keeps type map", "${MAP}", "{x: 1}"},
    {"quoted reference is a whole value as well", "'${NUM}'", "12"},
    {"octal", "${OCT}", "83"},
    {"quotes stay", "${QUOTED}", "\"\\\"0123\\\"\""},
    {"text keeps original form", "x${OCT}", "x0123"},
    {"map as text", "x${MAP}", "\"x{x: 1}\""},
    {"several in one text", "${NUM}:${OCT}", "\"12:0123\""},
    {"unset inside text is empty", "a${NONE}b", "ab"},
    {"not YAML is taken verbatim", "${BAD}", "\"[unclosed\""},
    {"file", "${file:f}", "{k: [1, 12]}"},
    {"file that is no YAML", "${file:bad}", "\"a: [\""},
    {"url", "${http://h/v}", "5"},
    {"inline yaml", "\"${yaml:[1, 2]}\"", "[1, 2]"},
    {"in lists", "[\"${NUM}\", x]", "[12, x]"},
    {"in maps", "{k: \"${NUM}\"}", "{k: 12}"},
    {"never in keys", "{\"${NUM}\": 1}", "{\"${NUM}\": 1}"},
    {"unclosed", "\"${NUM\"", "\"${NUM\""},
    {"close before open", "\"} ${NUM}\"", "\"} 12\""},
    {"bad name", "${1x}",
     "error: c:1:4: a: environment variable \"1x\" has invalid name: must match regex "
     "^[a-zA-Z_][a-zA-Z0-9_]*$"},
    {"empty name", "${}",
     "error: c:1:4: a: environment variable \"\" has invalid name: must match regex "
     "^[a-zA-Z_][a-zA-Z0-9_]*$"},
    {"unknown scheme", "${foo:bar}", "error: c:1:4: a: unsupported scheme on URI \"foo:bar\""},
    {"dollar in URI", "${env:a$b}",
     "error: c:1:4: a: the uri \"env:a$b\" contains unsupported characters ('$')"},
    {"endless", "${LOOP}", "error: c:1:4: a: too many recursive expansions"},
    {"endless in text", "${GROW}", "error: c:1:4: a: too many recursive expansions"},
};

TEST(ExpandTest, FollowsUpstreamsRules) {
  const World world{.files = {{"f", "{k: [1, '${NUM}']}"}, {"bad", "a: ["}},
                    .env = {{"NUM", "12"},
                            {"OCT", "0123"},
                            {"YES", "true"},
                            {"QUOTED", "\"0123\""},
                            {"EMPTY", ""},
                            {"LIST", "[1, x]"},
                            {"MAP", "{x: 1}"},
                            {"BAD", "[unclosed"},
                            {"WHICH", "NUM"},
                            {"REF", "${env:NUM}"},
                            {"DOLLARS", "a$$b"},
                            {"LOOP", "${LOOP}"},
                            {"GROW", "x${GROW}"}},
                    .urls = {{"http://h/v", "5"}}};
  for (const ExpandCase& c : kExpandCases) {
    EXPECT_EQ(Expanded(world, c.text), c.want) << c.situation << ": " << c.text;
  }
}

TEST(ExpandTest, ExpandedValueKeepsItsTextForStringFields) {
  const World world{.files = {{"c", "a: ${OCT}\nb: ${LIST}\n"}},
                    .env = {{"OCT", "0123"}, {"LIST", "[1, '${OCT}']  # $$"}},
                    .urls = {}};
  const Result<Resolved> resolved = Resolve({.configs = {"c"}, .sets = {}}, world.sources());
  ASSERT_TRUE(resolved.ok()) << resolved.status().ToString();
  const Node& a = *resolved->root.Find("a");
  EXPECT_EQ(a.int_value(), 83);
  EXPECT_TRUE(a.expanded());
  EXPECT_EQ(a.text(), "0123");
  EXPECT_EQ(a.mark().ToString(), "c:1:4");
  const Node& b = *resolved->root.Find("b");
  EXPECT_EQ(b.list().size(), 2u);
  EXPECT_EQ(b.text(), "[1, '0123']  # $");
}

TEST(ExpandTest, UnsetVariableWarnsWithItsPlace) {
  const World world{.files = {{"c", "a:\n  - ${NONE}\n"}}, .env = {}, .urls = {}};
  const Result<Resolved> resolved = Resolve({.configs = {"c"}, .sets = {}}, world.sources());
  ASSERT_TRUE(resolved.ok());
  ASSERT_EQ(resolved->warnings.size(), 1u);
  EXPECT_EQ(resolved->warnings[0].ToString(),
            "c:2:5: a[0]: Configuration references unset environment variable \"NONE\"");
}

TEST(ExpandTest, FilesThatWereReadAreListed) {
  const World world{
      .files = {{"c", "a: ${file:d}\nb: ${file:d}"}, {"d", "1"}}, .env = {}, .urls = {}};
  const Result<Resolved> resolved = Resolve({.configs = {"c"}, .sets = {}}, world.sources());
  ASSERT_TRUE(resolved.ok());
  EXPECT_THAT(resolved->files, testing::ElementsAre("c", "d"));
}

TEST(ExpandTest, KeysWithSeparatorFromExpandedMapsAreNested) {
  const World world{.files = {{"d", "{x::z: 1}"}}, .env = {}, .urls = {}};
  EXPECT_EQ(Expanded(world, "${file:d}"), "{x: {z: 1}}");
}

TEST(ExpandTest, BombsAreRefused) {
  std::string wide(100'000, 'x');
  wide += "${WIDE}${WIDE}";
  const World world{.files = {},
                    .env = {{"TEXT", "${TEXT}${TEXT}x"},
                            {"TREE", "[\"${TREE}\", \"${TREE}\"]"},
                            {"DEEP", "[\"${DEEP}\"]"},
                            {"WIDE", wide}},
                    .urls = {}};
  for (const char* text : {"${TEXT}", "${TREE}", "${DEEP}", "${WIDE}"}) {
    EXPECT_THAT(Expanded(world, text), testing::StartsWith("error: ")) << text;
  }
}

TEST(ExpandTest, DepthOfSplitKeysIsLimited) {
  std::string key = "a";
  for (size_t i = 0; i < 150; ++i) {
    key += "::a";
  }
  EXPECT_THAT(ResolvedText({}, {.configs = {"yaml:" + key + ": 1"}, .sets = {}}),
              testing::HasSubstr("nested deeper"));
}

TEST(ResolverPropertyTest, AnyInputIsAValueOrAnError) {
  static constexpr std::string_view kPieces[] = {
      "${", "}", "$", "$$", "env:", "A",  "B", "C",  ":-", "file:", "yaml:", "f",    "::", ": ",
      "\n", "a", "[", "]",  "{",    ", ", "'", "\"", "1",  "&x ",   "*x",    "<<: ", "-",  " "};
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    Rng rng(seed);
    const auto text = [&] {
      std::string out;
      for (uint64_t n = rng.Below(12); n > 0; --n) {
        out += kPieces[rng.Below(std::size(kPieces))];
      }
      return out;
    };
    const World world{.files = {{"f", text()}, {"c", "a: " + text()}},
                      .env = {{"A", text()}, {"B", text()}, {"C", text()}},
                      .urls = {}};
    const Result<Resolved> resolved =
        Resolve({.configs = {"c", "yaml:" + text()}, .sets = {"a=" + text()}}, world.sources());
    if (resolved.ok()) {
      EXPECT_TRUE(resolved->root.is_map()) << "seed " << seed;
      EXPECT_LE(HeightOf(resolved->root), kDepthMax) << "seed " << seed;
    } else {
      EXPECT_FALSE(resolved.status().message().empty()) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace gapless::config
