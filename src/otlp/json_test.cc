#include "base/rng.h"
#include "otlp/json_decode.h"
#include "otlp/json_encode.h"
#include "otlp/scan.h"
#include "tests/support/otlp_builder.h"

namespace gapless::otlp {
namespace {

using gapless::testing::BuildRequest;
using gapless::testing::ExtractIds;
namespace b = gapless::testing::otlp_builder;

std::string MustEncode(const std::string& request, Signal signal) {
  std::string out;
  const Status status = EncodeJson(Rope::CopyOf(request), signal, &out);
  EXPECT_TRUE(status.ok()) << status.ToString();
  return out;
}

std::string MustDecode(const std::string& json, Signal signal) {
  const auto result = DecodeJson(Rope::CopyOf(json), signal);
  EXPECT_TRUE(result.ok()) << result.status().ToString();
  return result.ok() ? result->ToString() : "";
}

std::string InSpan(const std::string& span) {
  return b::BytesField(1, b::BytesField(2, b::BytesField(2, span)));
}
std::string SpanJson(const std::string& members) {
  return R"({"resourceSpans":[{"scopeSpans":[{"spans":[{)" + members + "}]}]}]}";
}
std::string WrittenSpan(const std::string& members) {
  return R"({"resourceSpans":[{"resource":{},"scopeSpans":[{"scope":{},"spans":[{)" + members +
         R"("status":{}}]}]}]})";
}

TEST(JsonEncodeTest, TracesLookAsUpstreamWritesThem) {
  const std::string span =
      b::BytesField(1, std::string(16, '\x5b')) + b::BytesField(2, std::string(8, '\xee')) +
      b::BytesField(5, "I'm a \"server\" span") + b::VarintField(6, 2) +
      b::Fixed64Field(7, 1544712660000000000) + b::Fixed64Field(8, 1544712661000000000) +
      b::StringAttribute(9, "my.span.attr", "some value") +
      b::BytesField(11, b::Fixed64Field(1, 5) + b::BytesField(2, "e")) +
      b::BytesField(13, b::BytesField(1, std::string(16, '\1'))) +
      b::BytesField(15, b::BytesField(2, "m") + b::VarintField(3, 2)) + b::Fixed32Field(16, 257);
  EXPECT_EQ(
      MustEncode(b::BytesField(1, b::BytesField(1, b::StringAttribute(1, "service.name", "s")) +
                                      b::BytesField(2, b::BytesField(1, b::BytesField(1, "lib")) +
                                                           b::BytesField(2, span)) +
                                      b::BytesField(3, "url")),
                 Signal::kTraces),
      R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name",)"
      R"("value":{"stringValue":"s"}}]},)"
      R"("scopeSpans":[{"scope":{"name":"lib"},"spans":[{)"
      R"("traceId":"5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b",)"
      R"("spanId":"eeeeeeeeeeeeeeee","flags":257,"name":"I'm a \"server\" span","kind":2,)"
      R"("startTimeUnixNano":"1544712660000000000","endTimeUnixNano":"1544712661000000000",)"
      R"("attributes":[{"key":"my.span.attr","value":{"stringValue":"some value"}}],)"
      R"("events":[{"timeUnixNano":"5","name":"e"}],)"
      R"("links":[{"traceId":"01010101010101010101010101010101"}],)"
      R"("status":{"message":"m","code":2}}]}],"schemaUrl":"url"}]})");
}

TEST(JsonEncodeTest, MetricsOfEveryKind) {
  const std::string points[] = {
      b::BytesField(5, b::BytesField(1, b::DoubleField(4, 0))),
      b::BytesField(7, b::BytesField(1, b::Fixed64Field(6, static_cast<uint64_t>(-5))) +
                           b::VarintField(2, 2) + b::VarintField(3, 1)),
      b::BytesField(
          9, b::BytesField(1, b::Fixed64Field(4, 3) + b::DoubleField(5, 0) + b::Fixed64Field(6, 1) +
                                  b::Fixed64Field(6, 2) + b::BytesField(7, std::string(8, '\0')))),
      b::BytesField(10, b::BytesField(1, b::VarintField(6, 3) +
                                             b::BytesField(8, b::VarintField(1, 2) +
                                                                  b::BytesField(2, "\1\2")))),
      b::BytesField(11, b::BytesField(1, b::BytesField(6, b::DoubleField(1, 0.5)))),
  };
  const char* json[] = {
      R"("gauge":{"dataPoints":[{"asDouble":0}]})",
      R"("sum":{"dataPoints":[{"asInt":"-5"}],"aggregationTemporality":2,"isMonotonic":true})",
      R"("histogram":{"dataPoints":[{"count":"3","sum":0,"bucketCounts":["1","2"],)"
      R"("explicitBounds":[0]}]})",
      R"("exponentialHistogram":{"dataPoints":[{"scale":-2,"positive":{"offset":1,)"
      R"("bucketCounts":["1","2"]},"negative":{}}]})",
      R"("summary":{"dataPoints":[{"quantileValues":[{"quantile":0.5}]}]})",
  };
  for (size_t i = 0; i < std::size(json); ++i) {
    EXPECT_EQ(MustEncode(InSpan(b::BytesField(1, "m") + points[i]), Signal::kMetrics),
              std::string(R"({"resourceMetrics":[{"resource":{},"scopeMetrics":[{"scope":{},)"
                          R"("metrics":[{"name":"m",)") +
                  json[i] + "}]}]}]}");
  }
}

TEST(JsonEncodeTest, LogsAndEveryKindOfValue) {
  const std::pair<std::string, std::string> values[] = {
      {"", "{}"},
      {b::BytesField(1, ""), R"({"stringValue":""})"},
      {b::VarintField(2, 0), R"({"boolValue":false})"},
      {b::VarintField(3, static_cast<uint64_t>(-1)), R"({"intValue":"-1"})"},
      {b::DoubleField(4, -0.5), R"({"doubleValue":-0.5})"},
      {b::BytesField(5, b::BytesField(1, b::VarintField(2, 1)) + b::BytesField(1, "")),
       R"({"arrayValue":{"values":[{"boolValue":true},{}]}})"},
      {b::BytesField(6, b::StringAttribute(1, "k", "v")),
       R"({"kvlistValue":{"values":[{"key":"k","value":{"stringValue":"v"}}]}})"},
      {b::BytesField(7, "fo"), R"({"bytesValue":"Zm8="})"},
      // two members of the oneof: the last one counts
      {b::BytesField(1, "first") + b::VarintField(3, 2), R"({"intValue":"2"})"},
  };
  for (const auto& [value, json] : values) {
    EXPECT_EQ(MustEncode(InSpan(b::VarintField(2, 9) + b::BytesField(5, value)), Signal::kLogs),
              R"({"resourceLogs":[{"resource":{},"scopeLogs":[{"scope":{},"logRecords":[)"
              R"({"severityNumber":9,"body":)" +
                  json + "}]}]}]}");
  }
}

TEST(JsonEncodeTest, RepeatedFieldsThatAreTornApartAreOneArray) {
  const std::string span = b::StringAttribute(9, "a", "1") + b::BytesField(5, "old") +
                           b::StringAttribute(9, "b", "2") + b::BytesField(5, "new");
  EXPECT_EQ(MustEncode(InSpan(span), Signal::kTraces),
            WrittenSpan(R"("name":"new","attributes":[{"key":"a","value":{"stringValue":"1"}},)"
                        R"({"key":"b","value":{"stringValue":"2"}}],)"));
}

TEST(JsonEncodeTest, EmptyRequestIsAnEmptyObjectAndUnknownFieldsVanish) {
  EXPECT_EQ(MustEncode("", Signal::kTraces), "{}");
  EXPECT_EQ(MustEncode(b::VarintField(9, 1) + b::BytesField(1000, "x"), Signal::kLogs), "{}");
}

TEST(JsonEncodeTest, MalformedOrDeepRequestIsInvalidArgument) {
  std::string value = b::BytesField(1, "leaf");
  for (int i = 0; i < 200; ++i) {
    value = b::BytesField(5, b::BytesField(1, value));
  }
  for (const std::string& bad : {InSpan("\x0a"), InSpan(b::VarintField(5, 1)),
                                 InSpan(b::BytesField(9, b::BytesField(2, value)))}) {
    std::string out;
    EXPECT_EQ(EncodeJson(Rope::CopyOf(bad), Signal::kTraces, &out).code(), Code::kInvalidArgument);
  }
}

TEST(JsonTest, EncodedRequestDecodesToTheSameItems) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    const Signal signal = kSignals[rng.Below(3)];
    const std::string request =
        BuildRequest(signal, {.resources = 1 + static_cast<int>(rng.Below(3)),
                              .scopes = 1 + static_cast<int>(rng.Below(2)),
                              .items = 1 + static_cast<int>(rng.Below(20)),
                              .attributes = static_cast<int>(rng.Below(13))});
    const std::string json = MustEncode(request, signal);
    const std::string back = MustDecode(json, signal);
    EXPECT_EQ(ExtractIds(back, signal), ExtractIds(request, signal));
    EXPECT_TRUE(Scan(Rope::CopyOf(back), signal).ok());
    EXPECT_EQ(MustEncode(back, signal), json);
  }
}

struct Case {
  const char* json;
  std::string span;
};

TEST(JsonDecodeTest, ReaderIsAsLenientAsUpstream) {
  const std::string id16(16, '\xab');
  const std::vector<Case> cases = {
      {R"("traceId":"ABABABABABABABABABABABABABABABAB")", b::BytesField(1, id16)},
      {R"("trace_id":"abababababababababababababababab")", b::BytesField(1, id16)},
      {R"("traceId":"","spanId":"")", ""},
      {R"("traceId":null,"name":null,"attributes":null,"status":null)", ""},
      {R"("unknown":{"a":[1,{}]},"name":"x")", b::BytesField(5, "x")},
      {R"("name":"gr\u00fc\u00df \ud83d\ude00")", b::BytesField(5, "grüß 😀")},
      {R"("name":"")", ""},
      {R"("kind":3)", b::VarintField(6, 3)},
      {R"("kind":"SPAN_KIND_CLIENT")", b::VarintField(6, 3)},
      {R"("kind":0)", ""},
      {R"("startTimeUnixNano":"18446744073709551615")", b::Fixed64Field(7, UINT64_MAX)},
      {R"("start_time_unix_nano":18446744073709551615)", b::Fixed64Field(7, UINT64_MAX)},
      {R"("startTimeUnixNano":1e3)", b::Fixed64Field(7, 1000)},
      {R"("droppedAttributesCount":"7")", b::VarintField(10, 7)},
      {R"("flags":4294967295)", b::Fixed32Field(16, UINT32_MAX)},
      {R"("status":{"code":"STATUS_CODE_ERROR"})", b::BytesField(15, b::VarintField(3, 2))},
      {R"("status":{})", b::BytesField(15, "")},
      {R"("attributes":[{"key":"k","value":{"intValue":-5}}])",
       b::BytesField(9, b::BytesField(1, "k") +
                            b::BytesField(2, b::VarintField(3, static_cast<uint64_t>(-5))))},
      {R"("attributes":[{"key":"k","value":{"string_value":""}}])",
       b::BytesField(9, b::BytesField(1, "k") + b::BytesField(2, b::BytesField(1, "")))},
      {R"("attributes":[{"value":{"doubleValue":"NaN"}}])",
       b::BytesField(9, b::BytesField(2, b::Fixed64Field(4, 0x7ff8000000000000)))},
      {R"("attributes":[{"value":{"doubleValue":"1.5"}}])",
       b::BytesField(9, b::BytesField(2, b::DoubleField(4, 1.5)))},
      {R"("attributes":[{"value":{"doubleValue":2}}])",
       b::BytesField(9, b::BytesField(2, b::DoubleField(4, 2)))},
      {R"("attributes":[{"value":{"bytesValue":"Zm8"}}])",
       b::BytesField(9, b::BytesField(2, b::BytesField(7, "fo")))},
      {R"("name":"cut \ud83d")", b::BytesField(5, "cut \xef\xbf\xbd")},
      {"\"name\":\"\xe9t\xe9\"", b::BytesField(5, "\xef\xbf\xbdt\xef\xbf\xbd")},
      {"\"name\":\"\\\\\ttab\"", b::BytesField(5, "\\\ttab")},
      {R"("name":"x","unknown":1e999)", b::BytesField(5, "x")},
      {R"("attributes":[null])", b::BytesField(9, "")},
      {R"("attributes":[{"value":{"stringValue":null}}])",
       b::BytesField(9, b::BytesField(2, b::BytesField(1, "")))},
      {R"("attributes":[{"value":{"arrayValue":null}}])",
       b::BytesField(9, b::BytesField(2, b::BytesField(5, "")))},
      {R"("attributes":[{"value":{"intValue":"+5"}}])",
       b::BytesField(9, b::BytesField(2, b::VarintField(3, 5)))},
      {R"("attributes":[{"value":{"doubleValue":"-inf"}}])",
       b::BytesField(9, b::BytesField(2, b::Fixed64Field(4, 0xfff0000000000000)))},
      {R"("attributes":[{"value":{"doubleValue":"+1.5"}}])",
       b::BytesField(9, b::BytesField(2, b::DoubleField(4, 1.5)))},
      {R"("attributes":[{"value":{"boolValue":false}},{}])",
       b::BytesField(9, b::BytesField(2, b::VarintField(2, 0))) + b::BytesField(9, "")},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.json);
    EXPECT_EQ(MustDecode(SpanJson(c.json), Signal::kTraces), InSpan(c.span));
  }
}

TEST(JsonDecodeTest, WhatDoesNotFitIsInvalidArgumentWithItsPath) {
  const std::pair<const char*, const char*> cases[] = {
      {R"("traceId":"abc")", "resourceSpans: scopeSpans: spans: traceId: expected a hex string"},
      {R"("traceId":"zbababababababababababababababab")", "traceId"},
      {R"("spanId":"abababababababababababababababab")", "spanId"},
      {R"("spanId":5)", "spanId"},
      {R"("name":5)", "name: expected a string"},
      {R"("name":["x"])", "name"},
      {R"("kind":"CLIENT")", "kind"},
      {R"("kind":true)", "kind"},
      {R"("flags":-1)", "flags: expected a 32-bit integer"},
      {R"("flags":4294967296)", "flags"},
      {R"("startTimeUnixNano":-1)", "startTimeUnixNano"},
      {R"("startTimeUnixNano":1.5)", "startTimeUnixNano"},
      {R"("startTimeUnixNano":"")", "startTimeUnixNano"},
      {R"("startTimeUnixNano":"1x")", "startTimeUnixNano"},
      {R"("startTimeUnixNano":1e300)", "startTimeUnixNano"},
      {R"("attributes":{})", "attributes: expected an array"},
      {R"("attributes":[5])", "attributes: expected an object"},
      {R"("attributes":[{"value":{"boolValue":"true"}}])", "value: boolValue: expected true"},
      {R"("attributes":[{"value":{"bytesValue":"*"}}])", "bytesValue: expected a base64"},
      {R"("attributes":[{"value":{"doubleValue":"x"}}])", "doubleValue: expected a number"},
      {R"("attributes":[{"value":{"doubleValue":"+-1"}}])", "doubleValue: expected a number"},
      {R"("attributes":[{"value":{"doubleValue":1e999}}])", "doubleValue: expected a number"},
      {R"("attributes":[{"value":{"intValue":"+-1"}}])", "intValue: expected a 64-bit integer"},
      {R"("startTimeUnixNano":"+1")", "startTimeUnixNano"},
      {R"("status":[])", "status: expected an object"},
  };
  for (const auto& [json, message] : cases) {
    SCOPED_TRACE(json);
    const auto result = DecodeJson(Rope::CopyOf(SpanJson(json)), Signal::kTraces);
    EXPECT_EQ(result.status().code(), Code::kInvalidArgument);
    EXPECT_THAT(result.status().message(), ::testing::HasSubstr(message));
  }
  for (const char* text :
       {"", "[]", "5", "{", "{\"resourceSpans\":[{]}", "x{}", "\xef\xbb\xbf{}"}) {
    EXPECT_EQ(DecodeJson(Rope::CopyOf(text), Signal::kTraces).status().code(),
              Code::kInvalidArgument)
        << text;
  }
  for (const char* text : {"{}", "null", "{}\r\n\t ", "{}x"}) {
    EXPECT_EQ(MustDecode(text, Signal::kTraces), "");
  }
}

TEST(JsonDecodeTest, NumbersInArraysArePacked) {
  const std::string json =
      R"({"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"histogram":{"dataPoints":[)"
      R"({"bucketCounts":["1",2],"explicitBounds":[]}]}},{"exponentialHistogram":{"dataPoints":[)"
      R"({"positive":{"bucketCounts":[300]}}]}}]}]}]})";
  const std::string two("\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0", 16);
  EXPECT_EQ(
      MustDecode(json, Signal::kMetrics),
      b::BytesField(
          1, b::BytesField(
                 2, b::BytesField(2, b::BytesField(9, b::BytesField(1, b::BytesField(6, two)))) +
                        b::BytesField(
                            2, b::BytesField(
                                   10, b::BytesField(
                                           1, b::BytesField(8, b::BytesField(2, "\xac\x02"))))))));
}

std::string NestedJson(int levels) {
  std::string value = R"({"stringValue":"leaf"})";
  for (int i = 0; i < levels; ++i) {
    value = R"({"arrayValue":{"values":[)" + value + "]}}";
  }
  return SpanJson(R"("attributes":[{"key":"k","value":)" + value + "}]");
}

TEST(JsonDecodeTest, NestingIsBoundedAsInTheScan) {
  const std::string deepest = MustDecode(NestedJson(47), Signal::kTraces);
  EXPECT_TRUE(Scan(Rope::CopyOf(deepest), Signal::kTraces).ok());
  EXPECT_FALSE(DecodeJson(Rope::CopyOf(NestedJson(48)), Signal::kTraces).ok());
  EXPECT_FALSE(DecodeJson(Rope::CopyOf(NestedJson(3000)), Signal::kTraces).ok());
}

TEST(JsonDecodeTest, WhatNobodyKnowsMayBeNestedDeeper) {
  const std::string deep = std::string(5000, '[') + std::string(5000, ']');
  EXPECT_EQ(MustDecode(SpanJson(R"("name":"x","unknown":)" + deep), Signal::kTraces),
            InSpan(b::BytesField(5, "x")));
}

TEST(JsonDecodeTest, WhateverDecodesIsAValidRequest) {
  for (uint64_t seed = 1; seed <= 3000; ++seed) {
    Rng rng(seed);
    const Signal signal = kSignals[rng.Below(3)];
    std::string json = MustEncode(BuildRequest(signal, {.items = 2, .attributes = 6}), signal);
    static constexpr std::string_view kNoise = "{}[]\",:0129-.eEtfn\\ux";
    for (uint64_t n = 1 + rng.Below(3); n > 0; --n) {
      json[rng.Below(json.size())] = kNoise[rng.Below(kNoise.size())];
    }
    const auto result = DecodeJson(Rope::CopyOf(json), signal);
    if (result.ok()) {
      EXPECT_TRUE(Scan(*result, signal).ok()) << "seed " << seed << " " << json;
    }
  }
}

}  // namespace
}  // namespace gapless::otlp
