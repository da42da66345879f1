#include "service/config/config.h"

#include "config/yaml.h"
#include "sending/settings_tables.h"
#include "service/config/upstream_types.h"
#include "service/plan/load.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gapless::service {
namespace {

// Components that exist only here: the rules of this room need no real ones.
struct Thing {
  std::string endpoint;
  int64_t size = 1;
  bool operator==(const Thing&) const = default;
};

const config::Table<Thing>& ThingTable() {
  static const config::Table<Thing> table({config::Field("endpoint", &Thing::endpoint, "Where."),
                                           config::Field("size", &Thing::size, "How many.")},
                                          [](const Thing& thing, config::Checker& checker) {
                                            if (thing.endpoint == "bad") {
                                              checker.Fail("endpoint",
                                                           "requires a non-empty \"endpoint\"");
                                            }
                                          });
  return table;
}

constexpr pipeline::ConfigSpec kSpec = pipeline::SpecOf<Thing, ThingTable>();

Factories TestFactories() {
  Factories factories;
  factories.receivers = {{.info = {.type = "otlp", .config = kSpec}}};
  factories.processors = {{.info = {.type = "batch", .config = kSpec}},
                          {.info = {.type = "redact", .config = kSpec}}};
  factories.exporters = {
      {.info = {.type = "otlp_grpc", .alias = "otlp", .config = kSpec},
       .delivery = [](const pipeline::ComponentConfig&) { return sending::DeliverySettings(); }},
      {.info = {.type = "traces_only", .signals = {.traces = true}, .config = kSpec},
       .delivery = [](const pipeline::ComponentConfig&) { return sending::DeliverySettings(); }}};
  factories.connectors = {{.info = {.type = "forward", .config = kSpec}}};
  factories.extensions = {{.info = {.type = "health_check", .config = kSpec}}};
  return factories;
}

constexpr std::string_view kGood = R"(receivers: {otlp: {}}
processors: {batch: {}, redact: {}}
exporters: {otlp/a: {}, otlp/b: {}, traces_only: {}}
connectors: {forward: {}, forward/2: {}}
extensions: {health_check: {}}
service:
  extensions: [health_check]
  pipelines:
    traces: {receivers: [otlp], processors: [batch], exporters: [otlp/a]}
)";

// The report on a configuration; empty: it is good.
std::string ReportOn(const std::string& text) {
  const config::Sources sources{
      .read_file = [&](const std::string&) -> Result<std::string> { return text; },
      .get_env = [](const std::string&) -> std::optional<std::string> { return std::nullopt; },
      .fetch = nullptr};
  const auto loaded = Load({.configs = {"c"}, .sets = {}}, sources, TestFactories());
  return loaded.ok() ? "" : loaded.status().message();
}

std::string With(std::string_view from, std::string_view to) {
  std::string text(kGood);
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

constexpr const char* kUnmarshal =
    "failed to get config: cannot unmarshal the configuration: decoding failed due to the "
    "following error(s):";
constexpr const char* kInvalid = "invalid configuration:";
constexpr const char* kBuild = "failed to build pipelines:";

struct Case {
  const char* situation;
  std::string text;
  std::string want;  // lines after the words of the stage; empty: good
  const char* stage = kInvalid;
};

void Check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    const std::string want = c.want.empty() ? "" : std::string(c.stage) + "\n" + c.want;
    EXPECT_EQ(ReportOn(c.text), want) << c.situation << "\n" << c.text;
  }
}

TEST(ConfigTest, SectionsMustBeThere) {
  Check({
      {"good", std::string(kGood), ""},
      {"nothing configured", "", "c:1:1: empty configuration file"},
      {"an empty map", "{}", "c:1:1: empty configuration file"},
      {"no receivers", With("receivers: {otlp: {}}\n", ""),
       "c:1:1: no receiver configuration specified in config\n"
       "c:8:26: service::pipelines::traces: references receiver \"otlp\" which is not configured"},
      {"null receivers", With("receivers: {otlp: {}}", "receivers:"),
       "c:1:11: no receiver configuration specified in config\n"
       "c:9:26: service::pipelines::traces: references receiver \"otlp\" which is not configured"},
      {"connectors do not count as exporters",
       "receivers: {otlp: }\nconnectors: {forward: }\nservice: {pipelines: {traces/1: {receivers: "
       "[otlp], exporters: [forward]}, traces/2: {receivers: [forward], exporters: [forward]}}}",
       "c:1:1: no exporter configuration specified in config\n"
       "failed to build pipelines:\n"
       "c:3:23: cycle detected: connector \"forward\" (traces to traces) -> connector \"forward\" "
       "(traces to traces)"},
      {"no pipelines",
       With("  pipelines:\n    traces: {receivers: [otlp], processors: [batch], "
            "exporters: [otlp/a]}\n",
            ""),
       "c:1:1: service::pipelines: service must have at least one pipeline"},
      {"no service", "receivers: {otlp: }\nexporters: {otlp: }\n",
       "c:1:1: service::pipelines: service must have at least one pipeline"},
      {"null sections are empty", With("connectors: {forward: {}, forward/2: {}}", "connectors:"),
       ""},
      {"no receiver in a pipeline", With("receivers: [otlp]", "receivers: []"),
       "c:9:5: service::pipelines::traces: must have at least one receiver"},
      {"no exporter in a pipeline", With(", exporters: [otlp/a]", ""),
       "c:9:5: service::pipelines::traces: must have at least one exporter"},
      {"an empty pipeline",
       With("{receivers: [otlp], processors: [batch], exporters: [otlp/a]}", ""),
       "c:9:5: service::pipelines::traces: must have at least one receiver\n"
       "c:9:5: service::pipelines::traces: must have at least one exporter"},
  });
}

TEST(ConfigTest, ReferencesMustMeanSomething) {
  Check({
      {"undefined receiver", With("[otlp]", "[otlp/x]"),
       "c:9:26: service::pipelines::traces: references receiver \"otlp/x\" which is not configured "
       "(did you mean \"otlp\"?)"},
      {"undefined processor", With("[batch]", "[bach]"),
       "c:9:46: service::pipelines::traces: references processor \"bach\" which is not configured "
       "(did you mean \"batch\"?)"},
      {"undefined exporter", With("[otlp/a]", "[wholly_else]"),
       "c:9:66: service::pipelines::traces: references exporter \"wholly_else\" which is not "
       "configured"},
      {"undefined extension", With("[health_check]", "[health_chek]"),
       "c:7:16: service::extensions: references extension \"health_chek\" which is not configured "
       "(did you mean \"health_check\"?)"},
      {"a connector stands on both sides",
       With("traces: {receivers: [otlp], processors: [batch], exporters: [otlp/a]}",
            "traces/1: {receivers: [otlp], exporters: [forward]}\n    traces/2: {receivers: "
            "[forward], exporters: [otlp/a]}"),
       ""},
      {"a connector is no processor", With("[batch]", "[forward]"),
       "c:9:46: service::pipelines::traces: references processor \"forward\" which is not "
       "configured"},
      {"a processor twice", With("[batch]", "[batch, redact, batch, batch]"),
       "c:9:61: service::pipelines::traces: references processor \"batch\" multiple times"},
      {"receivers and exporters twice are once",
       With("[otlp], processors: [batch], exporters: [otlp/a]",
            "[otlp, otlp], exporters: [otlp/a, otlp/a]"),
       ""},
  });
}

TEST(ConfigTest, OneIdMeansOneThing) {
  Factories factories = TestFactories();
  factories.connectors.push_back({.info = {.type = "otlp", .config = kSpec}});
  const auto node = config::ParseYaml(With("forward/2", "otlp/a"), "c");
  config::Errors errors;
  DecodeConfig(*node, factories, errors);
  EXPECT_EQ(errors.ToString(),
            "c:4:27: connectors::otlp/a: ambiguous ID: Found both \"otlp/a\" exporter and "
            "\"otlp/a\" connector. Change one of the components' IDs to eliminate ambiguity (e.g. "
            "rename connector \"otlp/a\" to \"otlp/a/connector\")");
}

TEST(ConfigTest, KeysTypesAndIdsMustBeKnown) {
  const std::vector<Case> cases = {
      {"top-level keys", "extra: 1\n" + std::string(kGood) + "exporter: 2\n",
       "c:1:1: '' has invalid keys: extra\n"
       "c:11:1: '' has invalid keys: exporter (did you mean \"exporters\"?)"},
      {"service keys", With("  extensions:", "  pipeline: 1\n  extensions:"),
       "c:7:3: service: 'service' has invalid keys: pipeline (did you mean \"pipelines\"?)"},
      {"pipeline keys", With("processors: [batch]", "processor: [batch]"),
       "c:9:33: service::pipelines::traces: 'service.pipelines[traces]' has invalid keys: "
       "processor "
       "(did you mean \"processors\"?)"},
      {"component keys", With("otlp/a: {}", "otlp/a: {endpont: x}"),
       "c:3:22: exporters::otlp/a: error reading configuration for \"otlp/a\": decoding failed due "
       "to the following error(s): '' has invalid keys: endpont (did you mean \"endpoint\"?)"},
      {"component values", With("otlp/a: {}", "otlp/a: {size: many}"),
       "c:3:28: exporters::otlp/a::size: error reading configuration for \"otlp/a\": decoding "
       "failed "
       "due to the following error(s): 'size' expected type 'int64', got unconvertible type "
       "'string'"},
      {"component types", With("otlp/a: {}", "otpl/a: {}, otlp/a: {}"),
       "c:3:13: exporters::otpl/a: unknown type: \"otpl\" for id: \"otpl/a\" (valid values: [otlp "
       "otlp_grpc traces_only]) (did you mean \"otlp\"?)"},
      {"logging", With("otlp/a: {}", "logging: {}, otlp/a: {}"),
       "c:3:13: exporters::logging: the logging exporter has been deprecated, use the debug "
       "exporter instead"},
      {"a reference to an unknown type is no second problem",
       With("otlp/a: {}", "otlp/a: {}, x/y: "),
       "c:3:25: exporters::x/y: unknown type: \"x\" for id: \"x/y\" (valid values: [otlp otlp_grpc "
       "traces_only])"},
      {"IDs", With("otlp/a: {}", "otlp/a=b: {}"),
       "c:3:13: exporters: in \"otlp/a=b\" id: invalid character(s) in name \"a=b\": a name has no "
       "spaces, control characters or symbols such as = + < $ ~"},
      {"IDs without a type", With("otlp/a: {}", "otlp/a: {}, /x: {}"),
       "c:3:25: exporters: in \"/x\" id: the part before / should not be empty"},
      {"IDs of pipelines", With("    traces:", "    traces/: {}\n    traces:"),
       "c:9:5: service::pipelines: in \"traces/\" id: the part after / should not be empty"},
      {"IDs in lists", With("[batch]", "[batch/]"),
       "c:9:46: service::pipelines::traces: 'service.pipelines[traces].processors[0]' in "
       "\"batch/\" id: the part after / should not be empty"},
      {"limits keys", With("  extensions: [", "  limits: {memry: 1}\n  extensions: ["),
       "c:7:12: service::limits: 'service.limits' has invalid keys: memry (did you mean "
       "\"memory\"?)"},
      {"telemetry keys", With("  extensions: [", "  telemetry: {log: 1}\n  extensions: ["),
       "c:7:15: service::telemetry: 'service.telemetry' has invalid keys: log (did you mean "
       "\"logs\"?)"},
      {"equal IDs", With("otlp/a: {}", "otlp/a: {}, ' otlp / a ': {}"),
       "c:3:25: exporters: duplicate name \"otlp/a\" (also at c:3:13)"},
  };
  for (Case c : cases) {
    c.stage = kUnmarshal;
    Check({c});
  }
}

TEST(ConfigTest, ListsAndMapsMustBeSuch) {
  const std::vector<Case> cases = {
      {"signals", With("    traces:", "    trace:"),
       "c:9:5: service::pipelines: in \"trace\" id: unknown pipeline signal: \"trace\" (did you "
       "mean "
       "\"traces\"?)"},
      {"equal pipelines",
       With("    traces:",
            "    ' traces': {receivers: [otlp], exporters: "
            "[otlp/b]}\n    traces:"),
       "c:10:5: service::pipelines: duplicate name \"traces\""},
      {"lists", With("[batch]", "batch"),
       "c:9:45: service::pipelines::traces: 'service.pipelines[traces].processors' source data "
       "must "
       "be an array or slice, got string"},
      {"items", With("[batch]", "[[batch]]"),
       "c:9:46: service::pipelines::traces: 'service.pipelines[traces].processors[0]' expected a "
       "component ID, got \"slice\""},
      {"sections", With("{batch: {}, redact: {}}", "[batch]"),
       "c:2:13: processors: 'processors' expected a map or struct, got \"slice\""},
      {"a section that is a word", With("{health_check: {}}", "health_check"),
       "c:5:13: extensions: 'extensions' expected a map or struct, got \"string\""},
      {"service", "receivers: {otlp: }\nexporters: {otlp: }\nservice: [x]\n",
       "c:3:10: service: 'service' expected a map or struct, got \"slice\""},
      {"pipelines", "receivers: {otlp: }\nexporters: {otlp: }\nservice: {pipelines: [x]}\n",
       "c:3:22: service::pipelines: 'service.pipelines' expected type 'pipelines.Config', got "
       "unconvertible type '[]interface {}'"},
      {"a pipeline", "receivers: {otlp: }\nexporters: {otlp: }\nservice: {pipelines: {logs: x}}\n",
       "c:3:29: service::pipelines::logs: 'service.pipelines[logs]' expected a map or struct, got "
       "\"string\""},
      {"a component", With("otlp/a: {}", "otlp/a: x"),
       "c:3:21: exporters::otlp/a: error reading configuration for \"otlp/a\": decoding failed due "
       "to the following error(s): '' expected a map or struct, got \"string\""},
  };
  for (Case c : cases) {
    c.stage = kUnmarshal;
    Check({c});
  }
}

TEST(ConfigTest, TypesOfTheCollectorThatAreNotHereSayWhatToDo) {
  EXPECT_EQ(ReportOn(With("redact: {}", "redact: {}, filter: {}")),
            std::string(kUnmarshal) +
                "\nc:2:37: processors::filter: unknown type: \"filter\" for id: \"filter\" (valid "
                "values: [batch redact]); the Collector has this processor, gapless has not: OTTL "
                "processors are not there yet: run it in a Collector in front of gapless");
  const Factories factories = TestFactories();
  for (const Kind kind : kKinds) {
    EXPECT_FALSE(UpstreamTypes(kind).empty());
    for (const std::string& type : UpstreamTypes(kind)) {
      EXPECT_TRUE(ComponentId::Parse(type).ok()) << type;
      EXPECT_GT(AdviceForUpstreamType(kind, type).size(), 10u) << type;
      EXPECT_EQ(std::ranges::count(UpstreamTypes(kind), type), 1) << type;
    }
  }
  EXPECT_EQ(AdviceForUpstreamType(Kind::kReceiver, "made_up"), "");
  // A misspelled type of the Collector's is named as well.
  EXPECT_THAT(ReportOn(With("redact: {}", "redact: {}, transfrom: {}")),
              testing::HasSubstr("(did you mean \"transform\"?)"));
}

TEST(ConfigTest, UnusedComponentsAreCheckedAndNothingElse) {
  Check({
      {"unused, all right", With("otlp/b: {}", "otlp/b: {endpoint: x}"), ""},
      {"unused and wrong", With("otlp/b: {}", "otlp/b: {endpoint: bad}"),
       "c:3:44: exporters::otlp/b: requires a non-empty \"endpoint\""},
      {"unused connector", With("forward/2: {}", "forward/3: {}"), ""},
      {"unused extension",
       With("extensions: {health_check: {}}",
            "extensions: {health_check: {}, "
            "health_check/2: {}}"),
       ""},
      {"unused extension, wrong",
       With("{health_check: {}}",
            "{health_check: {}, health_check/2: "
            "{endpoint: bad}}"),
       "c:5:59: extensions::health_check/2: requires a non-empty \"endpoint\""},
  });
}

constexpr std::string_view kTraces =
    "    traces: {receivers: [otlp], processors: [batch], exporters: [otlp/a]}\n";

TEST(ConfigTest, PipelinesMustJoin) {
  const std::vector<Case> cases = {
      {"a signal that the exporter does not serve",
       With("    traces:",
            "    metrics: {receivers: [otlp], exporters: [traces_only]}\n    traces:"),
       "c:9:46: service::pipelines::metrics: failed to create \"traces_only\" exporter for data "
       "type \"metrics\": telemetry type is not supported"},
      {"a connector that is only a receiver", With("receivers: [otlp]", "receivers: [forward]"),
       "c:4:14: connectors::forward: connector \"forward\" used as receiver in [traces] pipeline "
       "but "
       "not used in any supported exporter pipeline"},
      {"a connector that is only an exporter",
       With(kTraces,
            "    traces/a: {receivers: [otlp], exporters: [forward]}\n    traces/b: "
            "{receivers: [otlp], exporters: [forward]}\n"),
       "c:4:14: connectors::forward: connector \"forward\" used as exporter in [traces/a traces/b] "
       "pipeline but not used in any supported receiver pipeline"},
      {"a connector between signals",
       With(kTraces,
            "    traces: {receivers: [otlp], exporters: [forward]}\n    logs: {receivers: "
            "[forward], exporters: [otlp/a]}\n"),
       "c:4:14: connectors::forward: connector \"forward\" used as exporter in [traces] pipeline "
       "but "
       "not used in any supported receiver pipeline\n"
       "c:4:14: connectors::forward: connector \"forward\" used as receiver in [logs] pipeline but "
       "not used in any supported exporter pipeline"},
      {"a cycle of one",
       With(kTraces,
            "    traces: {receivers: [otlp, forward], processors: [batch], exporters: "
            "[forward, otlp/a]}\n"),
       "c:9:5: cycle detected: connector \"forward\" (traces to traces) -> processor \"batch\" in "
       "pipeline \"traces\" -> connector \"forward\" (traces to traces)"},
      {"a cycle of two behind a way in",
       With(kTraces,
            "    traces/in: {receivers: [otlp], exporters: [forward]}\n    traces/a: "
            "{receivers: [forward], exporters: [forward/2]}\n    traces/b: {receivers: "
            "[forward/2], exporters: [forward, otlp/a]}\n"),
       "c:9:5: cycle detected: connector \"forward\" (traces to traces) -> connector "
       "\"forward/2\" "
       "(traces to traces) -> connector \"forward\" (traces to traces)"},
  };
  for (Case c : cases) {
    c.stage = kBuild;
    Check({c});
  }
  Check({{"a diamond is no cycle",
          With(kTraces,
               "    traces/in: {receivers: [otlp], exporters: [forward, forward/2]}\n    "
               "traces/a: {receivers: [forward, forward/2], exporters: [otlp/a]}\n"),
          ""}});
}

TEST(ConfigTest, EverythingIsToldAtOnceUnderUpstreamsWords) {
  const std::string text =
      "receivers: {otlp: {endpont: x}}\nprocessors: {filter: }\nexporters: {otlp: {endpoint: "
      "bad}}\nservice:\n  pipelines:\n    traces: {receivers: [otlp], exporters: [oltp]}\n";
  EXPECT_EQ(
      ReportOn(text),
      std::string(kUnmarshal) +
          "\nc:1:20: receivers::otlp: error reading configuration for \"otlp\": decoding failed "
          "due to the following error(s): '' has invalid keys: endpont (did you mean "
          "\"endpoint\"?)\nc:2:14: processors::filter: unknown type: \"filter\" for id: "
          "\"filter\" (valid values: [batch redact]); the Collector has this processor, "
          "gapless has not: OTTL processors are not there yet: run it in a Collector in front "
          "of gapless\n" +
          kInvalid +
          "\nc:3:30: exporters::otlp: requires a non-empty \"endpoint\"\nc:6:45: "
          "service::pipelines::traces: references exporter \"oltp\" which is not configured "
          "(did you mean \"otlp\"?)");
}

TEST(ConfigTest, ProfilesAreRefusedWithTheReason) {
  EXPECT_EQ(
      ReportOn(With("    traces:", "    profiles:")),
      std::string(kInvalid) +
          "\nc:9:5: service::pipelines: pipeline \"profiles\": profiling signal support is at "
          "alpha level, gated under the \"service.profilesSupport\" feature gate; gapless "
          "carries traces, metrics and logs");
}

TEST(LoadTest, ResolvingProblemsCarryUpstreamsWords) {
  const config::Sources none{
      .read_file = [](const std::string& path) -> Result<std::string> {
        return NotFound("open " + path + ": no such file or directory");
      },
      .get_env = [](const std::string&) -> std::optional<std::string> { return std::nullopt; },
      .fetch = nullptr};
  const auto message = [&](std::vector<std::string> configs) {
    return Load({.configs = std::move(configs), .sets = {}}, none, TestFactories())
        .status()
        .message();
  };
  EXPECT_EQ(message({}), "at least one config flag must be provided");
  EXPECT_EQ(message({"gone"}),
            "failed to get config: cannot resolve the configuration: cannot retrieve the "
            "configuration: unable to read the file "
            "file:gone: open gone: no such file or directory");
  EXPECT_EQ(message({"yaml:[a]"}),
            "failed to get config: cannot resolve the configuration: yaml:1:1: retrieved value "
            "(type=[]interface {}) cannot be used as a Conf");
}

}  // namespace
}  // namespace gapless::service
