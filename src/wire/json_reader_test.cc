#include "wire/json_reader.h"

#include "base/rng.h"

namespace gapless::wire {
namespace {

TEST(JsonReaderTest, WalksObjectsAndArraysInOrder) {
  JsonParser parser;
  const auto root = parser.Parse(
      Rope::CopyOf(R"({"a":[1,-2,18446744073709551615,1.5,"x\n",true,null,{}],"b":{"a":false}})"),
      8);
  ASSERT_TRUE(root.ok()) << root.status().ToString();
  ASSERT_EQ(root->type(), JsonType::kObject);
  JsonCursor members(*root);
  std::string_view key;
  JsonValue value;
  ASSERT_TRUE(members.Next(&key, &value));
  EXPECT_EQ(key, "a");
  ASSERT_EQ(value.type(), JsonType::kArray);
  JsonCursor elements(value);
  std::vector<JsonType> types;
  for (JsonValue element; elements.Next(&key, &element);) {
    EXPECT_EQ(key, "");
    types.push_back(element.type());
    switch (element.type()) {
      case JsonType::kInt64:
        EXPECT_THAT(element.int64(), ::testing::AnyOf(1, -2));
        break;
      case JsonType::kUint64:
        EXPECT_EQ(element.uint64(), UINT64_MAX);
        break;
      case JsonType::kDouble:
        EXPECT_EQ(element.number(), 1.5);
        break;
      case JsonType::kString:
        EXPECT_EQ(element.string(), "x\n");
        break;
      case JsonType::kBool:
        EXPECT_TRUE(element.boolean());
        break;
      case JsonType::kObject:
      case JsonType::kArray:
      case JsonType::kNull:
        break;
    }
  }
  EXPECT_THAT(types, ::testing::ElementsAre(JsonType::kInt64, JsonType::kInt64, JsonType::kUint64,
                                            JsonType::kDouble, JsonType::kString, JsonType::kBool,
                                            JsonType::kNull, JsonType::kObject));
  ASSERT_TRUE(members.Next(&key, &value));
  EXPECT_EQ(key, "b");
  EXPECT_FALSE(members.Next(&key, &value));
}

TEST(JsonReaderTest, WhatIsNotOneJsonValueIsInvalidArgument) {
  JsonParser parser;
  for (const char* bad : {"", " ", "{", "[1,]", "{\"a\":}", "nul", "01", "'a'", "x{}", "[1 2]",
                          "[\"\\x\"]", "[\"\xff]", "\"\\ud83\"", "[1e999 2]"}) {
    EXPECT_EQ(parser.Parse(Rope::CopyOf(bad), 8).status().code(), Code::kInvalidArgument) << bad;
  }
}

TEST(JsonReaderTest, WholeNumbersBeyond64BitsAreDoubles) {
  JsonParser parser;
  const auto root = parser.Parse(
      Rope::CopyOf(R"(["\\\"99999999999999999999",100000000000000000000,-9223372036854775809,)"
                   R"(18446744073709551615,-9223372036854775808,5])"),
      8);
  ASSERT_TRUE(root.ok()) << root.status().ToString();
  JsonCursor elements(*root);
  std::string_view key;
  JsonValue value;
  ASSERT_TRUE(elements.Next(&key, &value));
  EXPECT_EQ(value.string(), "\\\"99999999999999999999");
  ASSERT_TRUE(elements.Next(&key, &value));
  EXPECT_EQ(value.number(), 1e20);
  ASSERT_TRUE(elements.Next(&key, &value));
  EXPECT_EQ(value.number(), -9223372036854775808.0);
  ASSERT_TRUE(elements.Next(&key, &value));
  EXPECT_EQ(value.uint64(), UINT64_MAX);
  ASSERT_TRUE(elements.Next(&key, &value));
  EXPECT_EQ(value.int64(), INT64_MIN);
  EXPECT_FALSE(parser.Parse(Rope::CopyOf("[100000000000000000000,01]"), 8).ok());
}

TEST(JsonReaderTest, TextThatGoTakesIsReadAsThere) {
  JsonParser parser;
  const std::pair<const char*, const char*> cases[] = {
      {R"(["cut \ud83d"])", "cut \xef\xbf\xbd"},
      {R"(["\ude00 cut"])", "\xef\xbf\xbd cut"},
      {"[\"latin \xe9\"]", "latin \xef\xbf\xbd"},
      {"[\"tab\there\"]", "tab\there"},
      {R"(["first"] ["second"])", "first"},
      {R"(["first"]garbage)", "first"},
      {R"([1e999])", "1e999"},
  };
  for (const auto& [text, string] : cases) {
    SCOPED_TRACE(text);
    const auto root = parser.Parse(Rope::CopyOf(text), 8);
    ASSERT_TRUE(root.ok()) << root.status().ToString();
    JsonCursor elements(*root);
    std::string_view key;
    JsonValue value;
    ASSERT_TRUE(elements.Next(&key, &value));
    ASSERT_EQ(value.type(), JsonType::kString);
    EXPECT_EQ(value.string(), string);
  }
}

TEST(JsonReaderTest, NestingIsBounded) {
  JsonParser parser;
  EXPECT_TRUE(parser.Parse(Rope::CopyOf("[[[[1]]]]"), 8).ok());
  EXPECT_FALSE(parser.Parse(Rope::CopyOf(std::string(100000, '[')), 8).ok());
  const std::string deep = std::string(20, '[') + std::string(20, ']');
  EXPECT_FALSE(parser.Parse(Rope::CopyOf(deep), 8).ok());
  EXPECT_TRUE(parser.Parse(Rope::CopyOf(deep), 32).ok());
}

TEST(JsonReaderTest, ParserIsReusableAfterErrorsAndRelease) {
  JsonParser parser;
  EXPECT_FALSE(parser.Parse(Rope::CopyOf("{"), 8).ok());
  EXPECT_TRUE(parser.Parse(Rope::CopyOf("{}"), 8).ok());
  EXPECT_TRUE(parser.Parse(Rope::CopyOf("[" + std::string(10000, ' ') + "]"), 8).ok());
  EXPECT_GE(parser.capacity(), 10002u);
  parser.Release();
  EXPECT_EQ(parser.capacity(), 0u);
  EXPECT_TRUE(parser.Parse(Rope::CopyOf("[]"), 8).ok());
}

}  // namespace
}  // namespace gapless::wire
