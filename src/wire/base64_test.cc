#include "wire/base64.h"

#include "base/rng.h"

namespace gapless::wire {
namespace {

TEST(Base64Test, MatchesTheVectorsOfRfc4648) {
  const std::vector<std::pair<std::string, std::string>> cases = {{"", ""},
                                                                  {"f", "Zg=="},
                                                                  {"fo", "Zm8="},
                                                                  {"foo", "Zm9v"},
                                                                  {"foob", "Zm9vYg=="},
                                                                  {"fooba", "Zm9vYmE="},
                                                                  {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, coded] : cases) {
    std::string out;
    AppendBase64(AsBytes(plain), true, &out);
    EXPECT_EQ(out, coded);
    std::string back;
    EXPECT_TRUE(ParseBase64(coded, &back));
    EXPECT_EQ(back, plain);
  }
}

TEST(Base64Test, EveryLengthGoesThereAndBackWithAndWithoutPadding) {
  Rng rng(11);
  for (size_t size = 0; size < 70; ++size) {
    std::string text(size, '\0');
    for (char& c : text) {
      c = static_cast<char>(rng.Next());
    }
    for (const bool padded : {false, true}) {
      std::string out;
      AppendBase64(AsBytes(text), padded, &out);
      std::string back;
      EXPECT_TRUE(ParseBase64(out, &back));
      EXPECT_EQ(back, text);
    }
    std::string hex;
    AppendHex(AsBytes(text), &hex);
    EXPECT_EQ(hex.size(), 2 * size);
    std::string back;
    EXPECT_TRUE(ParseHex(hex, &back));
    EXPECT_EQ(back, text);
  }
}

TEST(Base64Test, UrlAlphabetIsRead) {
  std::string out;
  EXPECT_TRUE(ParseBase64("-_-_", &out));
  std::string standard;
  EXPECT_TRUE(ParseBase64("+/+/", &standard));
  EXPECT_EQ(out, standard);
}

TEST(Base64Test, MalformedTextIsRejected) {
  std::string out;
  for (const char* bad : {"A", "AAAAA", "A===", "=", "====", "AA=A", "A A=", "\xff\xff\xff\xff"}) {
    EXPECT_FALSE(ParseBase64(bad, &out)) << bad;
  }
  for (const char* bad : {"a", "0g", "zz", " 0", "0x"}) {
    EXPECT_FALSE(ParseHex(bad, &out)) << bad;
  }
  EXPECT_TRUE(ParseHex("aAfF", &out));
}

}  // namespace
}  // namespace gapless::wire
