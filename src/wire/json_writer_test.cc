#include "wire/json_writer.h"

#include <cmath>
#include <limits>

namespace gapless::wire {
namespace {

std::string Quoted(std::string_view text) {
  std::string out;
  AppendJsonString(text, &out);
  return out;
}

std::string Number(double value) {
  std::string out;
  JsonWriter(&out).Double(value);
  return out;
}

TEST(JsonWriterTest, CommasStandBetweenMembersAndElements) {
  std::string out;
  JsonWriter json(&out);
  json.BeginObject();
  json.Key("a");
  json.BeginArray();
  json.Int(-1);
  json.Uint(2);
  json.BeginObject();
  json.EndObject();
  json.EndArray();
  json.EscapedKey("b\"");
  json.Null();
  json.Key("c");
  json.Bool(true);
  json.Key("d");
  json.QuotedInt(-5);
  json.Key("e");
  json.QuotedUint(UINT64_MAX);
  json.Key("f");
  json.Base64(AsBytes("fo"));
  json.Key("g");
  json.Hex(AsBytes("\x01\xab"));
  json.Key("h");
  json.BeginArray();
  json.EndArray();
  json.EndObject();
  EXPECT_EQ(out, R"({"a":[-1,2,{}],"b\"":null,"c":true,"d":"-5","e":"18446744073709551615",)"
                 R"("f":"Zm8=","g":"01ab","h":[]})");
}

TEST(JsonWriterTest, StringsAreEscapedAndAlwaysUtf8) {
  EXPECT_EQ(Quoted("plain"), "\"plain\"");
  EXPECT_EQ(Quoted("q\"b\\n\nr\rt\t"), R"("q\"b\\n\nr\rt\t")");
  EXPECT_EQ(Quoted(std::string_view("\0\x1f\x7f", 3)), "\"\\u0000\\u001f\x7f\"");
  EXPECT_EQ(Quoted("grüß 漢 😀"), "\"grüß 漢 😀\"");
  // stray continuation, overlong, surrogate, beyond U+10FFFF, cut off
  EXPECT_EQ(Quoted("\x80"), R"("\ufffd")");
  EXPECT_EQ(Quoted("\xc0\xaf"), R"("\ufffd\ufffd")");
  EXPECT_EQ(Quoted("\xe0\x80\x80"), R"("\ufffd\ufffd\ufffd")");
  EXPECT_EQ(Quoted("\xed\xa0\x80"), R"("\ufffd\ufffd\ufffd")");
  EXPECT_EQ(Quoted("\xf4\x90\x80\x80"), R"("\ufffd\ufffd\ufffd\ufffd")");
  EXPECT_EQ(Quoted("a\xe6\xbc"), R"("a\ufffd\ufffd")");
}

TEST(JsonWriterTest, DoublesAreShortestAndNeverBareNan) {
  EXPECT_EQ(Number(0), "0");
  EXPECT_EQ(Number(-0.0), "-0");
  EXPECT_EQ(Number(0.1), "0.1");
  EXPECT_EQ(Number(100000), "100000");
  EXPECT_EQ(Number(1e20), "100000000000000000000");
  EXPECT_EQ(Number(1e21), "1e+21");
  EXPECT_EQ(Number(1e-7), "1e-07");
  EXPECT_EQ(Number(-1.7976931348623157e308), "-1.7976931348623157e+308");
  EXPECT_EQ(Number(std::nan("")), "\"NaN\"");
  EXPECT_EQ(Number(std::numeric_limits<double>::infinity()), "\"Infinity\"");
  EXPECT_EQ(Number(-std::numeric_limits<double>::infinity()), "\"-Infinity\"");
}

}  // namespace
}  // namespace gapless::wire
