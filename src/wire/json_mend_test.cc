#include "wire/json_mend.h"

#include "base/rng.h"
#include "wire/json_reader.h"

namespace gapless::wire {
namespace {

TEST(JsonMendTest, HalvesOfSurrogatePairsBecomeReplacementCharacters) {
  EXPECT_EQ(MendJson(R"("\ud83d")"), R"("\ufffd")");
  EXPECT_EQ(MendJson(R"("\uDE00")"), R"("\ufffd")");
  EXPECT_EQ(MendJson(R"("\ud83d\ude00")"), R"("\ud83d\ude00")");
  EXPECT_EQ(MendJson(R"("\ud83d\ud83d\ude00")"), R"("\ufffd\ud83d\ude00")");
  EXPECT_EQ(MendJson(R"("\ud83d\u0041")"), R"("\ufffd\u0041")");
  EXPECT_EQ(MendJson(R"("\ud83dx\n")"), R"("\ufffdx\n")");
  EXPECT_EQ(MendJson(R"("\\ud83d")"), R"("\\ud83d")") << "an escaped backslash and plain text";
  EXPECT_EQ(MendJson(R"("\u00e9")"), R"("\u00e9")");
  EXPECT_EQ(MendJson(R"({"\ud83d":1})"), R"({"\ufffd":1})") << "also in keys";
}

TEST(JsonMendTest, EachByteThatIsNotUtf8BecomesOneReplacementCharacter) {
  const std::string mark = "\xef\xbf\xbd";
  const std::pair<std::string, std::string> cases[] = {
      {"\xff", mark},
      {"a\xe9z", "a" + mark + "z"},
      {"\xc0\xaf", mark + mark},             // overlong
      {"\xed\xa0\x80", mark + mark + mark},  // a surrogate as UTF-8
      {"\xf4\x90\x80\x80", mark + mark + mark + mark},
      {"\xe2\x82", mark + mark},  // cut
      {"\xe2\x82\xac", "\xe2\x82\xac"},
      {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
      {"\xef\xbf\xbd", mark},
  };
  for (const auto& [bytes, mended] : cases) {
    EXPECT_EQ(MendJson("\"" + bytes + "\""), "\"" + mended + "\"");
  }
}

TEST(JsonMendTest, NumbersThatFitNowhereAreWrittenDifferently) {
  EXPECT_EQ(MendJson("[100000000000000000000,18446744073709551615,-9223372036854775809]"),
            "[100000000000000000000e0,18446744073709551615,-9223372036854775809e0]");
  EXPECT_EQ(MendJson("[1e999,-1e999,1e-999,1.5,01]"), R"(["1e999","-1e999",1e-999,1.5,01])");
  EXPECT_EQ(MendJson(R"(["99999999999999999999"])"), R"(["99999999999999999999"])");
}

TEST(JsonMendTest, WhatFollowsTheFirstValueIsDropped) {
  EXPECT_EQ(MendJson(" {\"a\":[1]}\n{\"b\":2}"), " {\"a\":[1]}");
  EXPECT_EQ(MendJson("\"a\" b"), "\"a\"");
  EXPECT_EQ(MendJson("5 x"), "5");
  EXPECT_EQ(MendJson("]]{}"), "]");
}

TEST(JsonMendTest, OtherTextStaysAsItIs) {
  for (const char* text : {"", "{", "[1,]", "nul", "\"\\x\"", "\"\\u12\"", "[\"open", "\"\\"}) {
    EXPECT_EQ(MendJson(text), text);
  }
}

TEST(JsonMendTest, ProperJsonIsNeverChangedAndMendedTextNeverAgain) {
  static constexpr std::string_view kNoise = "{}[]\",:019-.eE\\ud83f \xe2\x82\xac\n";
  JsonParser parser;
  const std::string proper = R"({"a":["\ud83d\ude00",12,-1.5e3,"x"],"b":{}})";
  EXPECT_EQ(MendJson(proper), proper);
  for (uint64_t seed = 1; seed <= 20000; ++seed) {
    Rng rng(seed);
    std::string text = proper;
    for (uint64_t n = 1 + rng.Below(3); n > 0; --n) {
      text[rng.Below(text.size())] = kNoise[rng.Below(kNoise.size())];
    }
    const std::string mended = MendJson(text);
    EXPECT_EQ(MendJson(mended), mended) << "seed " << seed;
    EXPECT_LE(mended.size(), 3 * text.size());
    EXPECT_EQ(parser.Parse(Rope::CopyOf(text), 8).ok(), parser.Parse(Rope::CopyOf(mended), 8).ok())
        << "seed " << seed;
  }
}

}  // namespace
}  // namespace gapless::wire
