#include "config/yaml.h"

#include "base/rng.h"
#include "config/limits.h"

#include <cmath>

namespace gapless::config {
namespace {

Node Parsed(std::string_view text) {
  Result<Node> node = ParseYaml(text, "f.yaml");
  EXPECT_TRUE(node.ok()) << text << "\n" << node.status().ToString();
  return node.ok() ? *node : Node();
}

std::string Problem(std::string_view text) {
  const Result<Node> node = ParseYaml(text, "f.yaml");
  EXPECT_FALSE(node.ok()) << text;
  return node.ok() ? "" : node.status().message();
}

TEST(YamlTest, EmptyTextIsNull) {
  for (const char* text : {"", "   \n", "# only a comment\n", "---\n", "~"}) {
    EXPECT_TRUE(Parsed(text).is_null()) << text;
  }
}

TEST(YamlTest, PlainScalarsAreTypedAsGoYamlDoes) {
  struct Case {
    const char* text;
    Node value;
  };
  const Case cases[] = {
      {"true", Node::Bool(true)},
      {"False", Node::Bool(false)},
      {"TRUE", Node::Bool(true)},
      {"yes", Node::String("yes")},
      {"on", Node::String("on")},
      {"tRUE", Node::String("tRUE")},
      {"null", Node::Null()},
      {"Null", Node::Null()},
      {"nULL", Node::String("nULL")},
      {"0", Node::Int(0)},
      {"-12", Node::Int(-12)},
      {"+12", Node::Int(12)},
      {"1_000", Node::Int(1000)},
      {"0123", Node::Int(83)},
      {"0o17", Node::Int(15)},
      {"0777", Node::Int(511)},
      {"0xdeadbeef", Node::Int(0xdeadbeef)},
      {"-0x10", Node::Int(-16)},
      {"0b101", Node::Int(5)},
      {"08", Node::Float(8)},
      {"9223372036854775807", Node::Int(INT64_MAX)},
      {"-9223372036854775808", Node::Int(INT64_MIN)},
      {"9223372036854775808", Node::Float(9223372036854775808.0)},
      {"1.5", Node::Float(1.5)},
      {"1e3", Node::Float(1000)},
      {"+1.5e-1", Node::Float(0.15)},
      {".5", Node::Float(0.5)},
      {"5.", Node::Float(5)},
      {".inf", Node::Float(HUGE_VAL)},
      {"-.INF", Node::Float(-HUGE_VAL)},
      {".nan", Node::Float(NAN)},
      {".", Node::String(".")},
      {"1e", Node::String("1e")},
      {"1.2.3", Node::String("1.2.3")},
      {"0x", Node::String("0x")},
      {"10s", Node::String("10s")},
      {"2001-12-14", Node::String("2001-12-14")},
      {"0.0.0.0:4317", Node::String("0.0.0.0:4317")},
      {"12:30", Node::String("12:30")},
      {"'12'", Node::String("12")},
      {"\"true\"", Node::String("true")},
      {"!!str 12", Node::String("12")},
      {"!!int \"12\"", Node::Int(12)},
      {"!!float 3", Node::Float(3)},
      {"!custom 3", Node::String("3")},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(Parsed(c.text), c.value) << c.text << " is " << ToText(Parsed(c.text));
  }
}

TEST(YamlTest, ScalarKeepsItsTextAndPlace) {
  const Node root = Parsed("a:\n  b: 0123\n");
  const Node* value = FindPath(root, "a::b");
  ASSERT_NE(value, nullptr);
  EXPECT_EQ(value->text(), "0123");
  EXPECT_EQ(value->mark().ToString(), "f.yaml:2:6");
  EXPECT_EQ(FindEntry(*root.Find("a"), "b")->key_mark.ToString(), "f.yaml:2:3");
}

TEST(YamlTest, AnchorsAndAliasesCopyValues) {
  EXPECT_EQ(ToText(Parsed("a: &x {k: [1, 2]}\nb: *x\n")), "{a: {k: [1, 2]}, b: {k: [1, 2]}}");
}

TEST(YamlTest, MergeKeysFillInWhatIsNotWritten) {
  EXPECT_EQ(ToText(Parsed("base: &b {x: 1, z: 2}\nuse:\n  <<: *b\n  z: 3\n")),
            "{base: {x: 1, z: 2}, use: {z: 3, x: 1}}");
}

TEST(YamlTest, EarlierMapInAMergeListWins) {
  const Node root = Parsed("a: &a {x: 1}\nb: &b {x: 2, z: 3}\nuse: {<<: [*a, *b]}\n");
  EXPECT_EQ(ToText(*root.Find("use")), "{x: 1, z: 3}");
}

TEST(YamlTest, QuotedMergeKeyIsAnOrdinaryKey) {
  EXPECT_EQ(ToText(Parsed("'<<': {x: 1}")), "{\"<<\": {x: 1}}");
}

TEST(YamlTest, ErrorsNameThePlace) {
  EXPECT_EQ(Problem("a: 1\nb: 2\na: 3\n"),
            "f.yaml:3:1: yaml: mapping key \"a\" already defined at f.yaml:1:1");
  EXPECT_EQ(Problem("a: *x"), "f.yaml:1:4: yaml: unknown anchor 'x' referenced");
  EXPECT_EQ(Problem("a: &x [*x]"), "f.yaml:1:8: yaml: anchor 'x' value contains itself");
  EXPECT_EQ(Problem("<<: 3"),
            "f.yaml:1:1: yaml: map merge requires map or sequence of maps as the value");
  EXPECT_EQ(
      Problem("a:\n\tb: 1\n"),
      "f.yaml:2:1: yaml: while scanning for the next token: found character that cannot start "
      "any token");
  EXPECT_EQ(Problem("ok: 1\nbad: \x01\n"), "f.yaml:2:6: yaml: control characters are not allowed");
  EXPECT_EQ(Problem("? [a]\n: 1\n"), "f.yaml:1:3: yaml: a map key must be a scalar");
  EXPECT_EQ(Problem("!!int x"), "f.yaml:1:1: yaml: cannot decode !!str `x` as a !!int");
}

TEST(YamlTest, AliasBombIsRefused) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    const std::string name = "a" + std::to_string(i);
    text += name + ": &" + name + " [";
    for (int j = 0; j < 10; ++j) {
      text += last + (j < 9 ? ", " : "]\n");
    }
  }
  EXPECT_THAT(Problem(text), testing::HasSubstr("excessive aliasing"));
}

TEST(YamlTest, AliasedTextCountsInFull) {
  std::string text = "a: &a " + std::string(1 << 20, 'x') + "\nb: [";
  for (int i = 0; i < 40; ++i) {
    text += "*a, ";
  }
  EXPECT_THAT(Problem(text + "]"), testing::HasSubstr("excessive aliasing"));
}

TEST(YamlTest, DepthIsLimitedThroughAliasesToo) {
  EXPECT_THAT(Problem(std::string(kDepthMax + 2, '[') + std::string(kDepthMax + 2, ']')),
              testing::HasSubstr("nested deeper"));
  const std::string half(kDepthMax / 2 + 5, '[');
  const std::string end(kDepthMax / 2 + 5, ']');
  EXPECT_THAT(Problem("a: &a " + half + end + "\nb: " + half + "*a" + end),
              testing::HasSubstr("nested deeper"));
}

TEST(YamlTest, OnlyTheFirstDocumentIsRead) {
  EXPECT_EQ(ToText(Parsed("a: 1\n---\nb: 2\n")), "{a: 1}");
}

TEST(YamlWriterTest, WritesBlocksWithCommentsAndQuotesWhatWouldReadBackOtherwise) {
  Node root = Node::Map();
  root.Set("a", Node::String("true"));
  root.Set("b", Parsed("{list: [1, {x: 1, z: [2]}, [3]], empty: {}, none: null}"));
  root.map()[1].comment = "first\nsecond";
  EXPECT_EQ(ToYaml(root), R"(a: "true"
# first
# second
b:
  list:
    - 1
    - x: 1
      z:
        - 2
    -
      - 3
  empty: {}
  none: null
)");
}

TEST(YamlWriterTest, ANumberIsWrittenAsItWasWritten) {
  const auto root = ParseYaml(
      "account: 012345678901\nhex: 0x1F\nexponent: 1e3\nyes: True\ntilde: ~\ntext: '012'\n", "c");
  ASSERT_TRUE(root.ok());
  EXPECT_EQ(ToYaml(*root),
            "account: 012345678901\nhex: 0x1F\nexponent: 1e3\n\"yes\": True\ntilde: ~\n"
            "text: \"012\"\n");
  Node made = Node::Map();
  made.Set("i", Node::Int(7));
  made.Set("f", Node::Float(7));
  EXPECT_EQ(ToYaml(made), "i: 7\nf: 7.0\n");
  EXPECT_EQ(ParseYaml(ToYaml(*root), "d").value(), *root);
}

TEST(YamlWriterTest, WritesJson) {
  EXPECT_EQ(ToJson(Parsed("{a: [1, x\"y], b: {}, c: .inf, d: 1.0}")), R"({
  "a": [
    1,
    "x\"y"
  ],
  "b": {},
  "c": ".inf",
  "d": 1.0
}
)");
}

std::string RandomText(Rng& rng) {
  static constexpr std::string_view kPieces[] = {
      "a",  "key", ":", " ", "\n", "-",  "0",  "1.5",      "true", "null", "'", "\"",
      "\\", "#",   "{", "}", "[",  "]",  ",",  "&",        "*",    "!",    "|", ">",
      "%",  "@",   "`", "~", "<<", "${", "\t", "\xc3\xa9", "yes",  "0x1",  "."};
  std::string text;
  for (uint64_t n = rng.Below(8); n > 0; --n) {
    text += kPieces[rng.Below(std::size(kPieces))];
  }
  return text;
}

Node RandomNode(Rng& rng, int depth) {
  switch (rng.Below(depth > 3 ? 5 : 7)) {
    case 0:
      return Node::Null();
    case 1:
      return Node::Bool(rng.Chance(0.5));
    case 2:
      return Node::Int(static_cast<int64_t>(rng.Next()));
    case 3:
      return Node::Float((rng.Uniform() - 0.5) * std::pow(10, static_cast<double>(rng.Below(40))));
    case 4:
      return Node::String(RandomText(rng));
    case 5: {
      Node list = Node::List({});
      for (uint64_t n = rng.Below(4); n > 0; --n) {
        list.list().push_back(RandomNode(rng, depth + 1));
      }
      return list;
    }
    default: {
      Node map = Node::Map();
      for (uint64_t n = rng.Below(4); n > 0; --n) {
        map.Set(RandomText(rng), RandomNode(rng, depth + 1));
      }
      return map;
    }
  }
}

TEST(YamlPropertyTest, WhatIsWrittenReadsBackEqual) {
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    Rng rng(seed);
    const Node node = RandomNode(rng, 0);
    const std::string text = ToYaml(node);
    const Result<Node> back = ParseYaml(text, "f");
    ASSERT_TRUE(back.ok()) << "seed " << seed << "\n" << text << back.status().ToString();
    ASSERT_EQ(*back, node) << "seed " << seed << "\n" << text << "is\n" << ToYaml(*back);
    const Result<Node> flow = ParseYaml(ToText(node), "f");
    ASSERT_TRUE(flow.ok()) << "seed " << seed << "\n" << ToText(node) << flow.status().ToString();
    ASSERT_EQ(*flow, node) << "seed " << seed << "\n" << ToText(node);
  }
}

TEST(YamlPropertyTest, AnyTextIsAValueOrAnErrorWithAPlace) {
  for (uint64_t seed = 0; seed < 5000; ++seed) {
    Rng rng(seed);
    std::string text;
    for (uint64_t n = rng.Below(6); n > 0; --n) {
      text += RandomText(rng);
    }
    const Result<Node> node = ParseYaml(text, "f");
    if (!node.ok()) {
      EXPECT_TRUE(node.status().message().starts_with("f:")) << "seed " << seed << text;
    }
  }
}

}  // namespace
}  // namespace gapless::config
