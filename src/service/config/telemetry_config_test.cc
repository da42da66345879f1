#include "service/config/telemetry_config.h"

#include "config/yaml.h"

namespace gapless::service {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

struct Decoded {
  TelemetryConfig config;
  config::Errors errors;

  std::string warning() const {
    return errors.warnings().empty() ? "" : errors.warnings().front().message;
  }
};

Decoded Decode(std::string_view yaml) {
  Decoded decoded;
  const auto node = config::ParseYaml(yaml, "c.yaml");
  EXPECT_TRUE(node.ok()) << node.status().ToString();
  config::Decode(TelemetryTable(), *node, "service::telemetry", decoded.config, decoded.errors);
  if (decoded.errors.ok()) {
    config::Validate(TelemetryTable(), decoded.config, *node, "service::telemetry", decoded.errors);
  }
  return decoded;
}

const telemetry::Labels kDefaults = {{"service.instance.id", "id"}, {"service.name", "gapless"}};

TEST(TelemetryConfigTest, ByDefaultPrometheusIsServedOnLocalhost8888) {
  const auto readers = Decode("{}").config.metrics.WantedReaders();
  ASSERT_EQ(readers.size(), 1U);
  const PrometheusConfig& prometheus = *readers[0].pull->exporter.prometheus;
  EXPECT_EQ(prometheus.Endpoint(), "localhost:8888");
  EXPECT_TRUE(prometheus.without_units && prometheus.without_type_suffix &&
              prometheus.without_scope_info);
}

TEST(TelemetryConfigTest, LevelNoneHasNoReader) {
  EXPECT_THAT(Decode("metrics: {level: None}").config.metrics.WantedReaders(), IsEmpty());
}

TEST(TelemetryConfigTest, TheOldAddressStandsInPlaceOfTheDefaultReaderWithAWarning) {
  const Decoded decoded = Decode("metrics: {address: '0.0.0.0:9999'}");
  EXPECT_TRUE(decoded.errors.ok());
  EXPECT_THAT(decoded.warning(), HasSubstr("readers"));
  const auto readers = decoded.config.metrics.WantedReaders();
  ASSERT_EQ(readers.size(), 1U);
  EXPECT_EQ(readers[0].pull->exporter.prometheus->Endpoint(), "0.0.0.0:9999");
}

TEST(TelemetryConfigTest, TheOldAddressStandsBesideReadersThatAreWritten) {
  const Decoded decoded = Decode(
      "metrics: {address: '[::1]:1', readers: [{pull: {exporter: {prometheus: {port: 2}}}}]}");
  const auto readers = decoded.config.metrics.WantedReaders();
  ASSERT_EQ(readers.size(), 2U);
  EXPECT_EQ(readers[0].pull->exporter.prometheus->port, 2);
  EXPECT_EQ(readers[1].pull->exporter.prometheus->Endpoint(), "[::1]:1");
}

TEST(TelemetryConfigTest, ReadersThatCannotWorkAreErrors) {
  const std::pair<const char*, const char*> cases[] = {
      {"metrics: {readers: []}", "reader should exist when metric level is not none"},
      {"metrics: {readers: [{}]}", "expected pull or periodic"},
      {"metrics: {readers: [{pull: {exporter: {}}}]}", "expected exporter::prometheus"},
      {"metrics: {readers: [{periodic: {exporter: {}}}]}", "expected otlp"},
      {"metrics: {readers: [{periodic: {exporter: {otlp: {}}}}]}", "non-empty \"endpoint\""},
      {"metrics: {readers: [{periodic: {interval: 0, exporter: {otlp: {endpoint: a:1}}}}]}",
       "positive"},
      {"metrics: {readers: [{pull: {exporter: {prometheus: {}}}, periodic: {exporter: {otlp: "
       "{endpoint: a:1}}}}]}",
       "both a pull and a periodic"},
      {"metrics: {readers: [{periodic: {exporter: {otlp: {endpoint: a:1, protocol: carrier}}}}]}",
       "unsupported protocol"},
      {"metrics: {address: 'nonsense'}", "nonsense"},
      {"resource: {a: [1]}", "must be a scalar"},
      {"resource: {attributes: [{name: a, value: b}], c: d}",
       "resource::attributes cannot be used together with legacy inline resource attributes"},
      {"resource: {attributes: [{value: b}]}", "{name: …, value: …}"},
  };
  for (const auto& [yaml, error] : cases) {
    EXPECT_THAT(Decode(yaml).errors.ToString(), HasSubstr(error)) << yaml;
  }
}

TEST(TelemetryConfigTest, WhatHasNoEffectIsToldAsAWarning) {
  const std::pair<const char*, const char*> cases[] = {
      {"metrics: {views: []}", "no effect"},
      {"logs: {processors: [{batch: {}}]}", "not exported"},
      {"traces: {processors: [{batch: {}}]}", "not recorded"},
      {"metrics: {readers: [{periodic: {exporter: {console: {}}}}]}", "console"},
      {"metrics: {readers: [{periodic: {exporter: {otlp: {endpoint: a:1, "
       "temporality_preference: delta}}}}]}",
       "cumulative"},
  };
  for (const auto& [yaml, warning] : cases) {
    const Decoded decoded = Decode(yaml);
    EXPECT_TRUE(decoded.errors.ok()) << decoded.errors.ToString();
    EXPECT_THAT(decoded.warning(), HasSubstr(warning)) << yaml;
  }
  EXPECT_EQ(Decode("traces: {level: none}").warning(), "");
}

TEST(TelemetryConfigTest, ResourceAttributesAddReplaceAndRemove) {
  for (const char* yaml :
       {"resource: {service.name: mine, deployment: prod, service.instance.id: null}",
        "resource: {attributes: [{name: service.name, value: mine}, {name: deployment, value: "
        "prod}, {name: service.instance.id, value: null}], schema_url: x}"}) {
    const Decoded decoded = Decode(yaml);
    EXPECT_TRUE(decoded.errors.ok()) << decoded.errors.ToString();
    EXPECT_THAT(decoded.config.Resource(kDefaults),
                ElementsAre(Pair("service.name", "mine"), Pair("deployment", "prod")))
        << yaml;
  }
  EXPECT_EQ(Decode("{}").config.Resource(kDefaults), kDefaults);
}

TEST(TelemetryConfigTest, ConstantLabelsAreChosenByPatterns) {
  struct Case {
    const char* yaml;
    bool takes_name;
    bool takes_id;
  };
  const Case cases[] = {
      {"{}", false, false},
      {"{included: []}", true, true},
      {"{included: ['service.name']}", true, false},
      {"{included: ['service.*'], excluded: ['*.id']}", true, false},
      {"{excluded: ['x']}", false, false},
  };
  for (const Case& c : cases) {
    const Decoded decoded = Decode(std::string("metrics: {readers: [{pull: {exporter: {prometheus: "
                                               "{with_resource_constant_labels: ") +
                                   c.yaml + "}}}}]}");
    ASSERT_TRUE(decoded.errors.ok()) << decoded.errors.ToString();
    const ResourceLabels& labels =
        decoded.config.metrics.readers[0].pull->exporter.prometheus->with_resource_constant_labels;
    EXPECT_EQ(labels.Takes("service.name"), c.takes_name) << c.yaml;
    EXPECT_EQ(labels.Takes("service.instance.id"), c.takes_id) << c.yaml;
  }
}

TEST(TelemetryConfigTest, LogsReadUpstreamsKeys) {
  const Decoded decoded = Decode(
      "logs: {level: WARN, encoding: json, development: true, disable_caller: true, "
      "disable_stacktrace: true, output_paths: [stdout, /tmp/x], error_output_paths: [stderr], "
      "initial_fields: {a: b}, sampling: {enabled: false}}");
  EXPECT_TRUE(decoded.errors.ok()) << decoded.errors.ToString();
  EXPECT_EQ(decoded.config.logs.level, telemetry::LogLevel::kWarn);
  EXPECT_TRUE(decoded.config.logs.json);
  EXPECT_FALSE(decoded.config.logs.sampling);
  EXPECT_THAT(decoded.config.logs.output_paths, ElementsAre("stdout", "/tmp/x"));
}

}  // namespace
}  // namespace gapless::service
