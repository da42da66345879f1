#include "exporter/debug/debug_exporter.h"

#include "base/sim_loop.h"
#include "exporter/debug/sampler.h"
#include "exporter/debug/text.h"
#include "exporter/debug/value.h"
#include "telemetry/log_capture.h"
#include "tests/support/otlp_builder.h"

#include <cmath>

namespace gapless::exporter::debug {
namespace {

using gapless::testing::otlp_builder::BytesField;
using gapless::testing::otlp_builder::DoubleField;
using gapless::testing::otlp_builder::Fixed32Field;
using gapless::testing::otlp_builder::Fixed64Field;
using gapless::testing::otlp_builder::PutVarint;
using gapless::testing::otlp_builder::StringAttribute;
using gapless::testing::otlp_builder::VarintField;
using otlp::Signal;
using sending::AttemptResult;
using sending::OutcomeClass;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;

constexpr uint64_t kStart = 1'581'452'772'000'000'321;
constexpr uint64_t kEnd = 1'581'452'773'000'000'789;
const std::string kTraceId = "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10";
const std::string kSpanId = "\x11\x12\x13\x14\x15\x16\x17\x18";

// A request with one resource and one scope that hold `items`, all attributes given.
std::string Request(const std::string& items) {
  const std::string resource = BytesField(1, StringAttribute(1, "service.name", "shop"));
  const std::string scope =
      BytesField(1, BytesField(1, "lib") + BytesField(2, "1.0") + StringAttribute(3, "a", "b"));
  return BytesField(1, resource + BytesField(2, scope + items + BytesField(3, "scope-url")) +
                           BytesField(3, "resource-url"));
}

std::string TestSpan() {
  const std::string event = Fixed64Field(1, kEnd) + BytesField(2, "retry") +
                            StringAttribute(3, "n", "1") + VarintField(4, 2);
  const std::string link =
      BytesField(1, kTraceId) + BytesField(2, kSpanId) + BytesField(3, "k=v") + VarintField(5, 4);
  return BytesField(1, kTraceId) + BytesField(2, kSpanId) + BytesField(3, "ot=th:0") +
         BytesField(5, "checkout") + VarintField(6, 2) + Fixed64Field(7, kStart) +
         Fixed64Field(8, kEnd) + StringAttribute(9, "http.method", "GET") + VarintField(10, 1) +
         BytesField(11, event) + VarintField(12, 3) + BytesField(13, link) +
         BytesField(15, BytesField(2, "boom") + VarintField(3, 2));
}

std::string TestLog() {
  const std::string map =
      BytesField(6, StringAttribute(1, "z", "<1>") + StringAttribute(1, "b", "x\"y"));
  return Fixed64Field(1, kEnd) + VarintField(2, 18) + BytesField(3, "ERROR") + BytesField(5, map) +
         BytesField(6, BytesField(1, "n") + BytesField(2, VarintField(3, 7))) + Fixed32Field(8, 1) +
         BytesField(12, "my.event");
}

std::string Packed64(int number, std::initializer_list<uint64_t> values) {
  std::string body;
  for (const uint64_t value : values) {
    body += Fixed64Field(1, value).substr(1);
  }
  return BytesField(number, body);
}

std::string PackedVarints(int number, std::initializer_list<uint64_t> values) {
  std::string body;
  for (const uint64_t value : values) {
    PutVarint(body, value);
  }
  return BytesField(number, body);
}

std::string Metric(const std::string& name, int kind, const std::string& data) {
  return BytesField(2, BytesField(1, name) + BytesField(3, "1") + BytesField(kind, data));
}

std::string TestMetrics() {
  const std::string times = Fixed64Field(2, kStart) + Fixed64Field(3, kEnd);
  const std::string exemplar = StringAttribute(7, "f", "g") + Fixed64Field(2, kEnd) +
                               Fixed64Field(6, 15) + BytesField(4, kSpanId) +
                               BytesField(5, kTraceId);
  const std::string histogram_point =
      times + StringAttribute(9, "l", "v") + Fixed64Field(4, 3) + DoubleField(5, 15.5) +
      Packed64(6, {1, 2}) + BytesField(7, DoubleField(1, 0.125).substr(1)) +
      BytesField(8, exemplar) + DoubleField(11, 0.017) + DoubleField(12, 8.13);
  const std::string exponential_point =
      times + Fixed64Field(4, 5) + DoubleField(5, 0.15) + VarintField(6, 2) +  // scale 1
      Fixed64Field(7, 1) + BytesField(8, VarintField(1, 2) + PackedVarints(2, {1, 1})) +
      BytesField(9, VarintField(1, 1) + PackedVarints(2, {1, 1}));
  const std::string summary_point = times + Fixed64Field(4, 1) + DoubleField(5, 15) +
                                    BytesField(6, DoubleField(1, 0.01) + DoubleField(2, 15));
  const std::string temporality = VarintField(2, 2);
  return Metric("gauge", 5,
                BytesField(1, times + StringAttribute(7, "x", "1") + StringAttribute(7, "y", "2") +
                                  DoubleField(4, 78.901234567))) +
         Metric("sum", 7,
                BytesField(1, times + Fixed64Field(6, static_cast<uint64_t>(-5))) + temporality +
                    VarintField(3, 1)) +
         Metric("histogram", 9, BytesField(1, histogram_point) + temporality) +
         Metric("exponential", 10, BytesField(1, exponential_point) + VarintField(2, 1)) +
         Metric("summary", 11, BytesField(1, summary_point)) +
         BytesField(2, BytesField(1, "empty"));
}

otlp::Batch BatchOf(Signal signal, const std::string& items) {
  otlp::Batch batch;
  batch.signal = signal;
  batch.items = 1;
  batch.body = Rope::CopyOf(Request(items));
  batch.raw_size = batch.body.size();
  return batch;
}

TEST(DebugTextTest, NormalTraces) {
  EXPECT_EQ(NormalText(Signal::kTraces, AsBytes(Request(BytesField(2, TestSpan())))),
            "ResourceTraces #0 [resource-url] service.name=shop\n"
            "ScopeTraces #0 lib@1.0 [scope-url] a=b\n"
            "checkout 0102030405060708090a0b0c0d0e0f10 1112131415161718 http.method=GET\n");
}

TEST(DebugTextTest, NormalLogs) {
  EXPECT_EQ(NormalText(Signal::kLogs, AsBytes(Request(BytesField(2, TestLog())))),
            "ResourceLog #0 [resource-url] service.name=shop\n"
            "ScopeLog #0 lib@1.0 [scope-url] a=b\n"
            "{\"b\":\"x\\\"y\",\"z\":\"\\u003c1\\u003e\"} n=7\n");
}

TEST(DebugTextTest, NormalMetrics) {
  EXPECT_EQ(NormalText(Signal::kMetrics, AsBytes(Request(TestMetrics()))),
            "ResourceMetrics #0 [resource-url] service.name=shop\n"
            "ScopeMetrics #0 lib@1.0 [scope-url] a=b\n"
            "gauge{x=1,y=2} 78.901234567\n"
            "sum{} -5\n"
            "histogram{l=v} count=3 sum=15.5 min=0.017 max=8.13 le0.125=1 2\n"
            "exponential{} count=5 sum=0.15\n"
            "summary{} count=1 sum=15.000000 q0.01=15\n");
}

TEST(DebugTextTest, DetailedTraces) {
  EXPECT_EQ(DetailedText(Signal::kTraces, AsBytes(Request(BytesField(2, TestSpan())))),
            "ResourceSpans #0\n"
            "Resource SchemaURL: resource-url\n"
            "Resource attributes:\n"
            "     -> service.name: Str(shop)\n"
            "ScopeSpans #0\n"
            "ScopeSpans SchemaURL: scope-url\n"
            "InstrumentationScope lib 1.0\n"
            "InstrumentationScope attributes:\n"
            "     -> a: Str(b)\n"
            "Span #0\n"
            "    Trace ID       : 0102030405060708090a0b0c0d0e0f10\n"
            "    Parent ID      : \n"
            "    ID             : 1112131415161718\n"
            "    Name           : checkout\n"
            "    Kind           : Server\n"
            "    TraceState     : ot=th:0\n"
            "    Start time     : 2020-02-11 20:26:12.000000321 +0000 UTC\n"
            "    End time       : 2020-02-11 20:26:13.000000789 +0000 UTC\n"
            "    Status code    : Error\n"
            "    Status message : boom\n"
            "    DroppedAttributesCount: 1\n"
            "    DroppedEventsCount: 3\n"
            "    DroppedLinksCount: 0\n"
            "Attributes:\n"
            "     -> http.method: Str(GET)\n"
            "Events:\n"
            "SpanEvent #0\n"
            "     -> Name: retry\n"
            "     -> Timestamp: 2020-02-11 20:26:13.000000789 +0000 UTC\n"
            "     -> DroppedAttributesCount: 2\n"
            "     -> Attributes::\n"
            "          -> n: Str(1)\n"
            "Links:\n"
            "SpanLink #0\n"
            "     -> Trace ID: 0102030405060708090a0b0c0d0e0f10\n"
            "     -> ID: 1112131415161718\n"
            "     -> TraceState: k=v\n"
            "     -> DroppedAttributesCount: 4\n");
}

TEST(DebugTextTest, DetailedLogs) {
  EXPECT_THAT(DetailedText(Signal::kLogs, AsBytes(Request(BytesField(2, TestLog())))),
              EndsWith("LogRecord #0\n"
                       "ObservedTimestamp: 1970-01-01 00:00:00 +0000 UTC\n"
                       "Timestamp: 2020-02-11 20:26:13.000000789 +0000 UTC\n"
                       "SeverityText: ERROR\n"
                       "SeverityNumber: Error2(18)\n"
                       "EventName: my.event\n"
                       "Body: Map({\"b\":\"x\\\"y\",\"z\":\"\\u003c1\\u003e\"})\n"
                       "Attributes:\n"
                       "     -> n: Int(7)\n"
                       "Trace ID: \n"
                       "Span ID: \n"
                       "Flags: 1\n"));
}

TEST(DebugTextTest, DetailedMetricsOfEveryKind) {
  const std::string text = DetailedText(Signal::kMetrics, AsBytes(Request(TestMetrics())));
  const std::string times =
      "StartTimestamp: 2020-02-11 20:26:12.000000321 +0000 UTC\n"
      "Timestamp: 2020-02-11 20:26:13.000000789 +0000 UTC\n";
  EXPECT_THAT(text, HasSubstr("Metric #0\nDescriptor:\n     -> Name: gauge\n"
                              "     -> Description: \n     -> Unit: 1\n     -> DataType: Gauge\n"
                              "NumberDataPoints #0\nData point attributes:\n"
                              "     -> x: Str(1)\n     -> y: Str(2)\n" +
                              times + "Value: 78.901235\n"));
  EXPECT_THAT(text, HasSubstr("     -> DataType: Sum\n     -> IsMonotonic: true\n"
                              "     -> AggregationTemporality: Cumulative\n"
                              "NumberDataPoints #0\n" +
                              times + "Value: -5\n"));
  EXPECT_THAT(text, HasSubstr("Count: 3\nSum: 15.500000\nMin: 0.017000\nMax: 8.130000\n"
                              "ExplicitBounds #0: 0.125000\n"
                              "Buckets #0, Count: 1\nBuckets #1, Count: 2\n"
                              "Exemplars:\nExemplar #0\n"
                              "     -> Trace ID: 0102030405060708090a0b0c0d0e0f10\n"
                              "     -> Span ID: 1112131415161718\n"
                              "     -> Timestamp: 2020-02-11 20:26:13.000000789 +0000 UTC\n"
                              "     -> Value: 15\n"
                              "     -> FilteredAttributes:\n"
                              "          -> f: Str(g)\n"));
  EXPECT_THAT(text, HasSubstr("     -> AggregationTemporality: Delta\n"
                              "ExponentialHistogramDataPoints #0\n" +
                              times +
                              "Count: 5\nSum: 0.150000\n"
                              "Bucket [-1.414214, -1.000000), Count: 1\n"
                              "Bucket [-1.000000, -0.707107), Count: 1\n"
                              "Bucket [0, 0], Count: 1\n"
                              "Bucket (1.414214, 2.000000], Count: 1\n"
                              "Bucket (2.000000, 2.828427], Count: 1\n"));
  EXPECT_THAT(text, HasSubstr("SummaryDataPoints #0\n" + times +
                              "Count: 1\nSum: 15.000000\n"
                              "QuantileValue #0: Quantile 0.010000, Value 15.000000\n"));
  EXPECT_THAT(text, EndsWith("     -> Name: empty\n     -> Description: \n     -> Unit: \n"
                             "     -> DataType: Empty\n"));
}

TEST(DebugTextTest, EntityReferences) {
  const std::string ref = BytesField(1, "url") + BytesField(2, "service") +
                          BytesField(3, "service.name") + BytesField(4, "service.version");
  const std::string request = BytesField(1, BytesField(1, BytesField(3, ref)));
  EXPECT_EQ(DetailedText(Signal::kTraces, AsBytes(request)),
            "ResourceSpans #0\n"
            "Resource SchemaURL: \n"
            "Resource entity refs:\n"
            "     -> Entity ref #0:\n"
            "          -> Type: service\n"
            "          -> Schema URL: url\n"
            "          -> ID keys:\n"
            "               -> service.name\n"
            "          -> Description keys:\n"
            "               -> service.version\n");
}

TEST(DebugTextTest, EveryCutOfARequestPrintsSomethingOrNothing) {
  const std::string request = Request(BytesField(2, TestSpan()));
  size_t longest = 0;
  for (size_t size = 0; size <= request.size(); ++size) {
    const ByteSpan cut = AsBytes(request).first(size);
    longest = std::max(longest, DetailedText(Signal::kTraces, cut).size());
    NormalText(Signal::kMetrics, cut);
    DetailedText(Signal::kMetrics, cut);
    DetailedText(Signal::kLogs, cut);
  }
  EXPECT_EQ(longest, DetailedText(Signal::kTraces, AsBytes(request)).size());
}

TEST(DebugValueTest, EveryTypeHasItsForm) {
  const std::string list =
      BytesField(5, BytesField(1, VarintField(2, 1)) + BytesField(1, DoubleField(4, 1e-7)) +
                        BytesField(1, "") + BytesField(1, BytesField(7, "hi!!")));
  const std::pair<std::string, std::string> rows[] = {
      {BytesField(1, "x"), "Str(x)"},
      {VarintField(2, 0), "Bool(false)"},
      {VarintField(3, static_cast<uint64_t>(-3)), "Int(-3)"},
      {DoubleField(4, 34.22), "Double(34.22)"},
      {DoubleField(4, 1e21), "Double(1e+21)"},
      {DoubleField(4, 2), "Double(2)"},
      {BytesField(7, "h"), "Bytes(aA==)"},
      {BytesField(7, "hi"), "Bytes(aGk=)"},
      {BytesField(7, "hi!"), "Bytes(aGkh)"},
      {list, "Slice([true,1e-7,null,\"aGkhIQ==\"])"},
      {"", "Empty()"},
      {BytesField(1, "first") + VarintField(3, 2), "Int(2)"},
  };
  for (const auto& [value, text] : rows) {
    EXPECT_EQ(TypedValueText(Record(AsBytes(value))), text);
  }
}

TEST(DebugValueTest, NumbersAreGos) {
  EXPECT_EQ(ShortDouble(1e20), "100000000000000000000");
  EXPECT_EQ(ShortDouble(1e21), "1e+21");
  EXPECT_EQ(ShortDouble(0.0001), "0.0001");
  EXPECT_EQ(ShortDouble(0.00001), "1e-05");
  EXPECT_EQ(ShortDouble(0), "0");
  EXPECT_EQ(FixedDouble(NAN), "NaN");
  EXPECT_EQ(FixedDouble(-INFINITY), "-Inf");
  EXPECT_EQ(TimeText(0), "1970-01-01 00:00:00 +0000 UTC");
  EXPECT_EQ(TimeText(1'500'000'000), "1970-01-01 00:00:01.5 +0000 UTC");
}

TEST(DebugSamplerTest, FollowsInitialAndThereafterPerSecondAndText) {
  Sampler sampler(2, 3);
  const TimePoint now{std::chrono::seconds(10)};
  std::string admitted;
  for (int i = 1; i <= 8; ++i) {
    admitted += sampler.Admit("a", now) ? 'y' : 'n';
  }
  EXPECT_EQ(admitted, "yynnynny");
  EXPECT_TRUE(sampler.Admit("b", now));
  EXPECT_TRUE(sampler.Admit("a", now + std::chrono::seconds(1)));
  Sampler none(0, 0);
  EXPECT_FALSE(none.Admit("a", now));
}

struct Fixture {
  SimLoop loop;
  telemetry::LogCapture log;
  std::vector<OutcomeClass> answers;

  std::unique_ptr<sending::Transport> Make(const Config& config, Signal signal) {
    return MakeTransport(config, signal, loop, log.logger());
  }
  sending::AttemptCallback Collect() {
    return [this](AttemptResult result) { answers.push_back(result.outcome); };
  }
};

TEST(DebugExporterTest, BasicIsOneLineOfCountsPerRequest) {
  Fixture f;
  const auto traces = f.Make({}, Signal::kTraces);
  const auto metrics = f.Make({}, Signal::kMetrics);
  const auto logs = f.Make({}, Signal::kLogs);
  traces->Attempt(BatchOf(Signal::kTraces, BytesField(2, TestSpan())), Duration(0), f.Collect());
  metrics->Attempt(BatchOf(Signal::kMetrics, TestMetrics()), Duration(0), f.Collect());
  logs->Attempt(BatchOf(Signal::kLogs, BytesField(2, TestLog())), Duration(0), f.Collect());
  EXPECT_TRUE(f.answers.empty());
  f.loop.RunPosted();
  EXPECT_THAT(f.answers, ElementsAre(OutcomeClass::kOk, OutcomeClass::kOk, OutcomeClass::kOk));
  EXPECT_THAT(f.log.lines(),
              ElementsAre(EndsWith("\tTraces\t{\"resource spans\": 1, \"spans\": 1}"),
                          EndsWith("\tMetrics\t{\"resource metrics\": 1, \"metrics\": 6, "
                                   "\"data points\": 5}"),
                          EndsWith("\tLogs\t{\"resource logs\": 1, \"log records\": 1}")));
}

TEST(DebugExporterTest, NormalAndDetailedAddTheirText) {
  Fixture f;
  const otlp::Batch batch = BatchOf(Signal::kTraces, BytesField(2, TestSpan()));
  f.Make({.verbosity = Verbosity::kNormal}, Signal::kTraces)
      ->Attempt(batch, Duration(0), f.Collect());
  EXPECT_THAT(f.log.text(), HasSubstr("\tResourceTraces #0"));
  f.Make({.verbosity = Verbosity::kDetailed}, Signal::kTraces)
      ->Attempt(batch, Duration(0), f.Collect());
  EXPECT_THAT(f.log.text(), HasSubstr("\tResourceSpans #0\nResource SchemaURL"));
}

TEST(DebugExporterTest, SamplingCountsEachTextPerSecond) {
  Fixture f;
  const auto transport = f.Make({.sampling_initial = 2, .sampling_thereafter = 0}, Signal::kTraces);
  const otlp::Batch batch = BatchOf(Signal::kTraces, BytesField(2, TestSpan()));
  for (int i = 0; i < 5; ++i) {
    transport->Attempt(batch, Duration(0), f.Collect());
  }
  f.loop.AdvanceBy(std::chrono::seconds(1));
  transport->Attempt(batch, Duration(0), f.Collect());
  EXPECT_EQ(f.log.Count("Traces"), 3u);
  EXPECT_EQ(f.answers.size(), 5u);
}

TEST(DebugExporterTest, ACorruptRequestIsRejected) {
  Fixture f;
  otlp::Batch batch;
  batch.body = Rope::CopyOf("\x0a\xff");
  const auto transport = f.Make({}, Signal::kTraces);
  transport->Attempt(batch, Duration(0), f.Collect());
  transport->Probe(Duration(0), f.Collect());
  f.loop.RunPosted();
  EXPECT_THAT(f.answers, ElementsAre(OutcomeClass::kRejected, OutcomeClass::kOk));
}

Config Decoded(const config::Node& node, config::Errors& errors) {
  Config config;
  config::Decode(ConfigTable(), node, "exporters::debug", config, errors);
  config::Validate(ConfigTable(), config, node, "exporters::debug", errors);
  return config;
}

TEST(DebugConfigTest, DefaultsAreUpstreams) {
  config::Errors errors;
  const Config config = Decoded(config::Node::Null(), errors);
  EXPECT_TRUE(errors.ok()) << errors.ToString();
  EXPECT_EQ(config.verbosity, Verbosity::kBasic);
  EXPECT_TRUE(config.use_internal_logger);
  EXPECT_FALSE(ToSettings(config).queue.enabled);
  EXPECT_EQ(config.sampling_initial, 2u);
  EXPECT_EQ(config.sampling_thereafter, 1u);
}

TEST(DebugConfigTest, VerbosityIsReadInAnyCaseAndOthersAreErrors) {
  for (const char* text : {"detailed", "Detailed"}) {
    config::Node node = config::Node::Map();
    node.Set("verbosity", config::Node::String(text));
    config::Errors errors;
    EXPECT_EQ(Decoded(node, errors).verbosity, Verbosity::kDetailed) << text;
    EXPECT_TRUE(errors.ok()) << errors.ToString();
  }
  config::Node node = config::Node::Map();
  node.Set("verbosity", config::Node::String("none"));
  config::Errors errors;
  Decoded(node, errors);
  EXPECT_FALSE(errors.ok());
}

TEST(DebugConfigTest, OutputPathsAreUsedAndNotEmptyWithoutTheInternalLoggerOnly) {
  config::Node node = config::Node::Map();
  node.Set("output_paths", config::Node::List({}));
  config::Errors unused;
  Decoded(node, unused);
  EXPECT_THAT(unused.ToString(), HasSubstr("output_paths is not supported"));
  node.Set("use_internal_logger", config::Node::Bool(false));
  config::Errors used;
  Decoded(node, used);
  EXPECT_THAT(used.ToString(), HasSubstr("output_paths must not be empty"));
}

}  // namespace
}  // namespace gapless::exporter::debug
