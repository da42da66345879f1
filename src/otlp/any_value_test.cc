#include "otlp/any_value.h"

#include "tests/support/otlp_builder.h"

#include <gtest/gtest.h>

namespace gapless::otlp {
namespace {

namespace b = testing::otlp_builder;

TEST(AnyValueTest, EncodesWhatItReads) {
  EXPECT_EQ(StringValue("x"), b::BytesField(1, "x"));
  EXPECT_EQ(BoolValue(true), b::VarintField(2, 1));
  EXPECT_EQ(IntValue(-3), b::VarintField(3, static_cast<uint64_t>(-3)));
  EXPECT_EQ(DoubleValue(0.25), b::DoubleField(4, 0.25));
  EXPECT_EQ(ReadValue(AsBytes(StringValue("x"))).text(), "x");
  EXPECT_TRUE(ReadValue(AsBytes(BoolValue(true))).as_bool());
  EXPECT_EQ(ReadValue(AsBytes(IntValue(-3))).as_int(), -3);
  EXPECT_EQ(ReadValue(AsBytes(DoubleValue(0.25))).as_double(), 0.25);
  EXPECT_EQ(ReadValue({}).type, ValueType::kEmpty);
}

TEST(AnyValueTest, TheLastMemberOfTheOneofCounts) {
  const std::string two = StringValue("first") + IntValue(2);
  EXPECT_EQ(ReadValue(AsBytes(two)).type, ValueType::kInt);
}

TEST(AnyValueTest, TextIsPdatasAsString) {
  EXPECT_EQ(ValueText(AsBytes(StringValue("as \"is\""))), "as \"is\"");
  EXPECT_EQ(ValueText(AsBytes(BoolValue(false))), "false");
  EXPECT_EQ(ValueText(AsBytes(IntValue(-12))), "-12");
  EXPECT_EQ(ValueText(AsBytes(DoubleValue(1.5))), "1.5");
  EXPECT_EQ(ValueText(AsBytes(DoubleValue(3))), "3");
  EXPECT_EQ(ValueText(AsBytes(DoubleValue(1e-9))), "1e-9");
  EXPECT_EQ(ValueText(AsBytes(DoubleValue(1e21))), "1e+21");
  EXPECT_EQ(ValueText(AsBytes(b::BytesField(7, "hi!?"))), "aGkhPw==");
  EXPECT_EQ(ValueText(ByteSpan()), "");
  const std::string map = b::BytesField(
      6,
      b::BytesField(1, b::BytesField(1, "b") + b::BytesField(2, IntValue(1))) +
          b::BytesField(1, b::BytesField(1, "a") +
                               b::BytesField(2, b::BytesField(5, b::BytesField(1, BoolValue(true)) +
                                                                     b::BytesField(1, "")))));
  EXPECT_EQ(ValueText(AsBytes(map)), R"({"a":[true,null],"b":1})");
}

TEST(AnyValueTest, ReadsKeyAndValueOfAPair) {
  const std::string pair = b::BytesField(1, "k") + b::BytesField(2, IntValue(5));
  EXPECT_EQ(ReadKeyValue(AsBytes(pair)).key, "k");
  EXPECT_EQ(ReadValue(ReadKeyValue(AsBytes(pair)).value).as_int(), 5);
  EXPECT_TRUE(ReadKeyValue(AsBytes(b::BytesField(1, "k"))).value.empty());
}

}  // namespace
}  // namespace gapless::otlp
