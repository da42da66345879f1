#include "processor/attributes/attributes_processor.h"

#include "config/yaml.h"
#include "otlp/any_value.h"
#include "otlp/scan.h"
#include "processor/attributes/factory.h"
#include "tests/support/otlp_builder.h"
#include "wire/digest.h"

#include <map>
#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace gapless::processor::attributes {
namespace {

namespace b = testing::otlp_builder;
using otlp::AttributesOf;
using otlp::Batch;
using otlp::Signal;

template <typename T>
config::Errors Read(const config::Table<T>& table, const std::string& yaml, T* out) {
  config::Errors errors;
  auto node = config::ParseYaml(yaml, "config.yaml");
  EXPECT_TRUE(node.ok()) << node.status().ToString();
  config::Decode(table, *node, "processors::attributes", *out, errors);
  if (errors.ok()) {
    config::Validate(table, *out, *node, "processors::attributes", errors);
  }
  return errors;
}

std::string ErrorOf(const std::string& yaml) {
  AttributesConfig config;
  return Read(AttributesTable(), yaml, &config).ToString();
}

// The actions of `yaml` (a list), then include and exclude.
std::unique_ptr<AttributesProcessor> Make(const std::string& yaml,
                                          Signal signal = Signal::kTraces) {
  AttributesConfig config;
  const config::Errors errors = Read(AttributesTable(), yaml, &config);
  EXPECT_TRUE(errors.ok()) << errors.ToString();
  EXPECT_TRUE(CheckSignal(config, signal).ok());
  AttributesProcessor::Options options{
      .actions = Actions::Compile(config.actions).value(),
      .include = std::nullopt,
      .exclude = std::nullopt,
  };
  if (config.include) {
    options.include = Matcher::Compile(*config.include, signal).value();
  }
  if (config.exclude) {
    options.exclude = Matcher::Compile(*config.exclude, signal).value();
  }
  return std::make_unique<AttributesProcessor>(std::move(options));
}

Batch BatchOf(Signal signal, const std::string& request) {
  return {.signal = signal,
          .items = 1,
          .body = Rope::CopyOf(request),
          .raw_size = request.size(),
          .metadata = nullptr,
          .context = nullptr};
}

std::string Attribute(int number, const std::string& key, const std::string& value) {
  return b::BytesField(number, b::BytesField(1, key) + b::BytesField(2, value));
}

struct SpanOf {
  std::string attributes;
  std::string name = "GET /";
  int kind = 2;
  std::string service = "shop";
  std::string scope = "library";
  std::string version = "1.0";
};

std::string Request(const SpanOf& span) {
  return b::BytesField(
      1,
      b::BytesField(1, b::StringAttribute(1, "service.name", span.service)) +
          b::BytesField(
              2, b::BytesField(1, b::BytesField(1, span.scope) + b::BytesField(2, span.version)) +
                     b::BytesField(2, b::BytesField(5, span.name) +
                                          b::VarintField(6, static_cast<uint64_t>(span.kind)) +
                                          span.attributes)));
}

// The attributes of the one span, as text.
std::map<std::string, std::string> AttributesOfSpan(const Batch& batch) {
  std::map<std::string, std::string> found;
  const std::string request = batch.body.ToString();
  const auto span = b::Children(b::Children(b::Children(request, 1).at(0), 2).at(0), 2).at(0);
  for (const auto attribute : b::Children(span, 9)) {
    const otlp::KeyValue pair = otlp::ReadKeyValue(AsBytes(attribute));
    const otlp::AnyValue value = otlp::ReadValue(pair.value);
    found[std::string(pair.key)] = std::string(ToString(value.type)) + " " + ValueText(value);
  }
  return found;
}

using Found = std::map<std::string, std::string>;

Found Apply(const std::string& actions, const std::string& attributes) {
  auto done = Make("actions: " + actions)->Process(BatchOf(Signal::kTraces, Request({attributes})));
  EXPECT_TRUE(done.ok() && *done);
  return AttributesOfSpan(**done);
}

TEST(AttributesProcessorTest, InsertAddsOnlyWhatIsNotThere) {
  EXPECT_EQ(Apply("[{key: a, value: 1, action: insert}, {key: b, value: 2, action: insert}]",
                  b::StringAttribute(9, "a", "old")),
            (Found{{"a", "Str old"}, {"b", "Int 2"}}));
}

TEST(AttributesProcessorTest, UpdateChangesOnlyWhatIsThere) {
  EXPECT_EQ(Apply("[{key: a, value: new, action: UPDATE}, {key: b, value: 2, action: update}]",
                  b::StringAttribute(9, "a", "old")),
            (Found{{"a", "Str new"}}));
}

TEST(AttributesProcessorTest, UpsertDoesBothWithValuesOfEveryType) {
  EXPECT_EQ(Apply("[{key: a, value: true, action: upsert}, {key: b, value: 1.5, action: upsert},"
                  " {key: c, value: [1, x], action: upsert},"
                  " {key: d, value: {k: {n: null}}, action: upsert}]",
                  b::StringAttribute(9, "a", "old")),
            (Found{{"a", "Bool true"},
                   {"b", "Double 1.5"},
                   {"c", "Slice [1,\"x\"]"},
                   {"d", R"(Map {"k":{"n":null}})"}}));
}

TEST(AttributesProcessorTest, FromAttributeCopiesAndActionsRunInOrder) {
  // Upstream's example attributes/complex.
  const std::string actions =
      "[{key: operation, value: default, action: insert},"
      " {key: svc.operation, from_attribute: operation, action: upsert},"
      " {key: operation, action: delete}]";
  EXPECT_EQ(Apply(actions, b::StringAttribute(9, "operation", "subtract")),
            (Found{{"svc.operation", "Str subtract"}}));
  EXPECT_EQ(Apply(actions, ""), (Found{{"svc.operation", "Str default"}}));
  EXPECT_EQ(Apply("[{key: b, from_attribute: absent, action: insert}]", ""), Found());
}

TEST(AttributesProcessorTest, ADefaultValueStandsInForWhatIsNotFound) {
  const std::string actions =
      "[{key: region, from_attribute: cloud.region, default_value: us-east-1, action: insert},"
      " {key: tenant, from_context: metadata.tenant, default_value: 7, action: upsert},"
      " {key: only, default_value: true, action: insert}]";
  EXPECT_EQ(Apply(actions, ""),
            (Found{{"region", "Str us-east-1"}, {"tenant", "Int 7"}, {"only", "Bool true"}}));
  EXPECT_EQ(Apply(actions, b::StringAttribute(9, "cloud.region", "eu")).at("region"), "Str eu");
}

TEST(AttributesProcessorTest, DeleteAndHashTakeKeysAndPatterns) {
  const std::string attributes =
      b::StringAttribute(9, "user.email", "a@b.c") + b::StringAttribute(9, "user.name", "ann") +
      Attribute(9, "user.id", otlp::IntValue(7)) + b::StringAttribute(9, "other", "x");
  EXPECT_EQ(Apply("[{pattern: '^user', action: delete}]", attributes), (Found{{"other", "Str x"}}));
  const Found hashed = Apply(
      "[{key: user.email, action: hash}, {pattern: 'd$', action: hash}, {key: x, action: hash}]",
      attributes);
  EXPECT_EQ(hashed.at("user.email"), "Str " + wire::Sha256Hex(AsBytes("a@b.c")));
  EXPECT_EQ(hashed.at("user.id"),
            "Str " + wire::Sha256Hex(AsBytes(std::string("\7\0\0\0\0\0\0\0", 8))));
  EXPECT_EQ(hashed.at("user.name"), "Str ann");
}

TEST(AttributesProcessorTest, ExtractMakesAttributesOfNamedGroups) {
  // Upstream's example attributes/regex_insert.
  const std::string actions =
      "[{key: http.url, action: extract, pattern: '^(?P<http_protocol>.*):\\/\\/"
      "(?P<http_domain>.*)\\/(?P<http_path>.*)(?P<mark>\\?|\\&)(?P<http_query_params>.*)'}]";
  const std::string url = "http://example.com/path?queryParam1=value1,queryParam2=value2";
  EXPECT_EQ(Apply(actions, b::StringAttribute(9, "http.url", url) +
                               b::StringAttribute(9, "http_path", "before")),
            (Found{{"http.url", "Str " + url},
                   {"http_protocol", "Str http"},
                   {"http_domain", "Str example.com"},
                   {"http_path", "Str path"},
                   {"mark", "Str ?"},
                   {"http_query_params", "Str queryParam1=value1,queryParam2=value2"}}));
  EXPECT_EQ(Apply(actions, Attribute(9, "http.url", otlp::IntValue(1))),
            (Found{{"http.url", "Int 1"}}));
}

TEST(AttributesProcessorTest, AGroupMayBeNamedAsInGo) {
  const std::string actions =
      "[{key: url, action: extract, pattern: '^(?<proto>[a-z]+)://(?P<host>[^/]+)'}]";
  EXPECT_EQ(Apply(actions, b::StringAttribute(9, "url", "https://h/p")),
            (Found{{"url", "Str https://h/p"}, {"proto", "Str https"}, {"host", "Str h"}}));
}

TEST(AttributesProcessorTest, FromContextTakesTheAddressOfTheClient) {
  const auto processor = Make(
      "actions: [{key: addr, from_context: client.address, action: upsert},"
      " {key: who, from_context: auth.client.address, action: upsert}]");
  EXPECT_TRUE(processor->wants_client_address());
  EXPECT_FALSE(Make("actions: [{key: a, from_context: metadata.b, action: upsert}]")
                   ->wants_client_address());
  Batch batch = BatchOf(Signal::kTraces, Request({}));
  auto context = std::make_shared<otlp::RequestContext>();
  context->client_address = "10.1.2.3";
  batch.context = std::move(context);
  batch.metadata = std::make_shared<const otlp::Metadata>(otlp::Metadata{{"a", "b"}});
  // Behind a journal the context is gone, and the address stands with the metadata.
  Batch stored = otlp::WithClientAddress(batch);
  stored.context = nullptr;
  for (const Batch& given : {batch, stored}) {
    const auto done = processor->Process(given);
    ASSERT_TRUE(done.ok() && *done);
    EXPECT_EQ(AttributesOfSpan(**done), (Found{{"addr", "Str 10.1.2.3"}}));
  }
}

TEST(AttributesProcessorTest, ConvertLeavesWhatCannotBeConverted) {
  const auto convert = [](const std::string& type, const std::string& value) {
    return Apply("[{key: k, action: convert, converted_type: " + type + "}]",
                 Attribute(9, "k", value))
        .at("k");
  };
  EXPECT_EQ(convert("int", otlp::StringValue("+42")), "Int 42");
  EXPECT_EQ(convert("int", otlp::StringValue("4x")), "Str 4x");
  EXPECT_EQ(convert("int", otlp::DoubleValue(-2.9)), "Int -2");
  EXPECT_EQ(convert("int", otlp::DoubleValue(1e300)), "Int 9223372036854775807");
  EXPECT_EQ(convert("int", otlp::BoolValue(true)), "Int 1");
  EXPECT_EQ(convert("double", otlp::StringValue("0.5")), "Double 0.5");
  EXPECT_EQ(convert("double", otlp::IntValue(3)), "Double 3");
  EXPECT_EQ(convert("string", otlp::IntValue(3)), "Str 3");
  EXPECT_EQ(convert("string", b::BytesField(5, b::BytesField(1, otlp::IntValue(1)))), "Str [1]");
}

TEST(AttributesProcessorTest, FromContextTakesClientMetadata) {
  Batch batch = BatchOf(Signal::kTraces, Request({}));
  batch.metadata = std::make_shared<const otlp::Metadata>(
      otlp::Metadata{{"origin", "a"}, {"origin", "b"}, {"x-tenant", "t"}});
  auto done = Make(
                  "actions: [{key: o, from_context: metadata.Origin, action: insert},"
                  " {key: t, from_context: X-Tenant, action: insert},"
                  " {key: n, from_context: metadata.none, action: insert}]")
                  ->Process(std::move(batch));
  ASSERT_TRUE(done.ok() && *done);
  EXPECT_EQ(AttributesOfSpan(**done), (Found{{"o", "Str a;b"}, {"t", "Str t"}}));
  EXPECT_NE((*done)->metadata, nullptr);
}

TEST(AttributesProcessorTest, ABatchThatNothingTouchesKeepsItsBuffers) {
  Batch batch = BatchOf(Signal::kTraces, Request({b::StringAttribute(9, "a", "same")}));
  const std::byte* before = batch.body.slices()[0].data();
  auto done = Make(
                  "actions: [{key: a, value: same, action: upsert},"
                  " {key: absent, action: delete}, {key: absent, value: 1, action: update}]")
                  ->Process(std::move(batch));
  ASSERT_TRUE(done.ok() && *done);
  EXPECT_EQ((*done)->body.slices()[0].data(), before);
}

TEST(AttributesProcessorTest, CompressedBatchesAreReadAndKeptIfUnchanged) {
  const std::string request = Request({b::StringAttribute(9, "a", "x")});
  Batch batch = BatchOf(Signal::kTraces, request);
  batch.codec = wire::Codec::kGzip;
  batch.body = wire::Compress(wire::Codec::kGzip, 1, Rope::CopyOf(request)).value();
  auto kept = Make("actions: [{key: absent, action: delete}]")->Process(batch);
  ASSERT_TRUE(kept.ok() && *kept);
  EXPECT_EQ((*kept)->codec, wire::Codec::kGzip);
  auto changed = Make("actions: [{key: a, action: delete}]")->Process(batch);
  ASSERT_TRUE(changed.ok() && *changed);
  EXPECT_EQ((*changed)->codec, wire::Codec::kIdentity);
  EXPECT_EQ((*changed)->body.ToString(), Request({}));
  EXPECT_EQ((*changed)->raw_size, Request({}).size());
}

// Whether `match`, as include, lets the action reach the span.
bool Included(const std::string& match, const SpanOf& span) {
  auto done = Make("{include: " + match + ", actions: [{key: hit, value: 1, action: insert}]}")
                  ->Process(BatchOf(Signal::kTraces, Request(span)));
  EXPECT_TRUE(done.ok() && *done);
  return AttributesOfSpan(**done).contains("hit");
}

TEST(AttributesProcessorTest, IncludeByEveryPropertyOfSpans) {
  struct Case {
    std::string match;
    bool yes;
  };
  const std::string attributes = b::StringAttribute(9, "env", "dev") +
                                 Attribute(9, "code", otlp::IntValue(200)) +
                                 Attribute(9, "flag", otlp::BoolValue(false));
  const SpanOf span{.attributes = attributes};
  for (const Case& c : {
           Case{"{match_type: strict, services: [other, shop]}", true},
           Case{"{match_type: strict, services: [sho]}", false},
           Case{"{match_type: regexp, services: ['^s.o']}", true},
           Case{"{match_type: strict, span_names: ['GET /']}", true},
           Case{"{match_type: regexp, span_names: ['^/']}", false},
           Case{"{match_type: strict, span_kinds: [SPAN_KIND_SERVER]}", true},
           Case{"{match_type: regexp, span_kinds: ['CLIENT|CONSUMER']}", false},
           Case{"{match_type: strict, attributes: [{key: env, value: dev}, {key: code}]}", true},
           Case{"{match_type: strict, attributes: [{key: env, value: dev}, {key: no}]}", false},
           Case{"{match_type: strict, attributes: [{key: code, value: 200}]}", true},
           Case{"{match_type: strict, attributes: [{key: code, value: '200'}]}", false},
           Case{"{match_type: regexp, attributes: [{key: code, value: '^2..$'}]}", true},
           Case{"{match_type: strict, attributes: [{key: flag, value: false}]}", true},
           Case{"{match_type: strict, resources: [{key: service.name, value: shop}]}", true},
           Case{"{match_type: strict, resources: [{key: host.name}]}", false},
           Case{"{match_type: strict, libraries: [{name: no}, {name: library}]}", true},
           Case{"{match_type: strict, libraries: [{name: library, version: '2.0'}]}", false},
           Case{"{match_type: regexp, libraries: [{name: '^lib', version: '^1'}]}", true},
           Case{"{match_type: strict, services: [shop], span_names: [no]}", false},
       }) {
    EXPECT_EQ(Included(c.match, span), c.yes) << c.match;
  }
  EXPECT_FALSE(Included("{match_type: strict, attributes: [{key: env}]}", {}));
}

TEST(AttributesProcessorTest, ExcludeIsAskedAfterInclude) {
  const std::string config =
      "{include: {match_type: regexp, services: ['auth.*']},"
      " exclude: {match_type: regexp, span_names: ['login.*']},"
      " actions: [{key: token, action: delete}]}";
  const auto left = [&](const std::string& service, const std::string& name) {
    auto done = Make(config)->Process(
        BatchOf(Signal::kTraces, Request({.attributes = b::StringAttribute(9, "token", "t"),
                                          .name = name,
                                          .service = service})));
    return AttributesOfSpan(**done).contains("token");
  };
  EXPECT_FALSE(left("auth-1", "list"));
  EXPECT_TRUE(left("auth-1", "login-page"));
  EXPECT_TRUE(left("shop", "list"));
}

std::string LogRequest(const std::string& record) {
  return b::BytesField(1, b::BytesField(2, b::BytesField(2, record)));
}

TEST(AttributesProcessorTest, LogsMatchByBodyAndSeverity) {
  const std::string record = b::VarintField(2, 13) + b::BytesField(3, "WARN") +
                             b::BytesField(5, otlp::StringValue("AUTH failed"));
  const auto hit = [&](const std::string& match) {
    auto done = Make("{include: " + match + ", actions: [{key: hit, value: 1, action: insert}]}",
                     Signal::kLogs)
                    ->Process(BatchOf(Signal::kLogs, LogRequest(record)));
    return (*done)->body.ToString() == LogRequest(record + Attribute(6, "hit", otlp::IntValue(1)));
  };
  EXPECT_TRUE(hit("{match_type: regexp, log_bodies: ['^AUTH']}"));
  EXPECT_FALSE(hit("{match_type: strict, log_bodies: [AUTH]}"));
  EXPECT_TRUE(hit("{match_type: strict, log_severity_texts: [WARN]}"));
  EXPECT_TRUE(hit("{match_type: strict, log_severity_number: {min: 13}}"));
  EXPECT_FALSE(hit("{match_type: strict, log_severity_number: {min: 17}}"));
}

TEST(AttributesProcessorTest, MetricsMatchByNameAndEveryKindOfPointIsChanged) {
  const std::string request = testing::BuildMetrics({.items = 5, .points_per_metric = 1});
  auto done = Make(
                  "{include: {match_type: regexp, metric_names: ['[0-3]$']},"
                  " actions: [{key: id, action: delete}]}",
                  Signal::kMetrics)
                  ->Process(BatchOf(Signal::kMetrics, request));
  ASSERT_TRUE(done.ok() && *done);
  EXPECT_EQ(testing::ExtractIds((*done)->body.ToString(), Signal::kMetrics),
            (std::vector<std::string>{"<none>", "<none>", "<none>", "<none>", "item-4"}));
}

TEST(AttributesProcessorTest, AResourceProcessorChangesResourcesOnly) {
  ResourceConfig config;
  ASSERT_TRUE(Read(ResourceTable(),
                   "attributes: [{key: service.name, action: update, value: renamed},"
                   " {key: cluster, action: upsert, value: eu-1}]",
                   &config)
                  .ok());
  AttributesProcessor processor({.of = AttributesOf::kResources,
                                 .actions = Actions::Compile(config.attributes).value(),
                                 .include = std::nullopt,
                                 .exclude = std::nullopt});
  for (const Signal signal : otlp::kSignals) {
    const std::string request = testing::BuildRequest(signal, {.resources = 2, .items = 3});
    Batch batch = BatchOf(signal, request);
    batch.lanes = *otlp::LanesOf(batch.body, signal);
    auto done = processor.Process(batch);
    ASSERT_TRUE(done.ok() && *done);
    const std::string changed = (*done)->body.ToString();
    EXPECT_NE((*done)->lanes, batch.lanes);
    EXPECT_EQ((*done)->lanes, *otlp::LanesOf((*done)->body, signal));
    EXPECT_EQ(testing::ExtractIds(changed, signal), testing::ExtractIds(request, signal));
    for (const auto block : b::Children(changed, 1)) {
      EXPECT_EQ(b::Children(block, 1).at(0), b::StringAttribute(1, "service.name", "renamed") +
                                                 b::StringAttribute(1, "cluster", "eu-1"));
    }
  }
}

TEST(AttributesConfigTest, ErrorsAreUpstreams) {
  struct Case {
    std::string yaml;
    std::string error;
  };
  for (const Case& c : {
           Case{"{}", "missing required field \"actions\""},
           Case{"actions: [{key: a, action: frobnicate}]", "unsupported action \"frobnicate\""},
           Case{"actions: [{action: insert, value: 1}]", "missing required field \"key\" at the 0"},
           Case{"actions: [{action: delete}]", "at least one of \"key\" and \"pattern\""},
           Case{"actions: [{key: a, action: insert}]",
                "Either field \"value\", \"from_attribute\""},
           Case{"actions: [{key: a, action: upsert, value: 1, from_attribute: b}]",
                "multiple value sources"},
           Case{"actions: [{key: a, action: upsert, value: 1, pattern: b}]",
                "does not use the \"pattern\" field"},
           Case{"actions: [{key: a, action: hash, value: 1}]",
                "does not use \"value\" or \"from_attribute\" field"},
           Case{"actions: [{key: a, action: extract}]", "missing required field \"pattern\""},
           Case{"actions: [{key: a, action: extract, pattern: 'x'}]", "no named matcher groups"},
           Case{"actions: [{key: a, action: extract, pattern: '(?P<n>x)(y)'}]",
                "at least one unnamed matcher group"},
           Case{"actions: [{key: a, action: delete, pattern: '('}]", "invalid pattern: \"(\""},
           Case{"actions: [{key: a, action: convert}]",
                "missing required field \"converted_type\""},
           Case{"actions: [{key: a, action: convert, converted_type: bool}]",
                "invalid value \"bool\" in field \"converted_type\""},
           Case{"{actions: [{key: a, action: delete}], include: {services: [a]}}",
                "unrecognized match_type: '', valid types are: [regexp strict]"},
           Case{"{actions: [{key: a, action: delete}],"
                " exclude: {match_type: regexp, services: ['(']}}",
                "error creating service name filters"},
       }) {
    EXPECT_NE(ErrorOf(c.yaml).find(c.error), std::string::npos) << c.yaml << "\n"
                                                                << ErrorOf(c.yaml);
  }
}

TEST(AttributesConfigTest, PropertiesOfOtherSignalsAreRefusedAsUpstreamDoes) {
  const auto check = [](const std::string& match, Signal signal) {
    AttributesConfig config;
    EXPECT_TRUE(Read(AttributesTable(),
                     "{actions: [{key: a, action: delete}], include: " + match + "}", &config)
                    .ok());
    return CheckSignal(config, signal);
  };
  const std::string services = "{match_type: strict, services: [a]}";
  EXPECT_TRUE(check(services, Signal::kTraces).ok());
  EXPECT_TRUE(check(services, Signal::kMetrics).ok());
  EXPECT_EQ(check(services, Signal::kLogs).message(),
            "services, span_names, and span_kinds are not valid for log records");
  EXPECT_FALSE(check("{match_type: strict, log_bodies: [a]}", Signal::kTraces).ok());
  EXPECT_FALSE(check("{match_type: strict}", Signal::kTraces).ok());
  EXPECT_FALSE(check("{match_type: strict, span_kinds: [Server]}", Signal::kTraces).ok());
}

TEST(AttributesConfigTest, WarnsOfContextThatIsNeverThere) {
  AttributesConfig config;
  const config::Errors errors =
      Read(AttributesTable(), "actions: [{key: a, from_context: auth.subject, action: insert}]",
           &config);
  EXPECT_TRUE(errors.ok());
  EXPECT_EQ(errors.warnings().size(), 1U);
}

TEST(AttributesConfigTest, AConfigurationReadsBackAsItIsPrinted) {
  const std::string yaml =
      "{include: {match_type: strict, libraries: [{name: a, version: ''}],"
      " attributes: [{key: k, value: 1}]}, actions: [{key: a, value: [1, x], action: insert}]}";
  AttributesConfig config;
  ASSERT_TRUE(Read(AttributesTable(), yaml, &config).ok());
  const config::Node printed = config::Print(AttributesTable(), config, config::Secrets::kRevealed);
  AttributesConfig again;
  config::Errors errors;
  config::Decode(AttributesTable(), printed, "processors::attributes", again, errors);
  EXPECT_TRUE(errors.ok()) << errors.ToString();
  EXPECT_EQ(config::Print(AttributesTable(), again, config::Secrets::kRevealed), printed);
}

}  // namespace
}  // namespace gapless::processor::attributes
