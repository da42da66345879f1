#include "config/fields.h"

#include "base/rng.h"
#include "config/sample_config_test.h"
#include "config/yaml.h"

namespace gapless::config {
namespace {

using namespace std::chrono_literals;
using sample::Everything;
using sample::EverythingTable;

struct Decoded {
  Node node;
  Everything value;
  Errors errors;
};

Decoded DecodeText(std::string_view yaml) {
  Decoded out;
  Result<Node> node = ParseYaml(yaml, "f.yaml");
  EXPECT_TRUE(node.ok()) << node.status().ToString();
  out.node = *std::move(node);
  Decode(EverythingTable(), out.node, "exporters::x", out.value, out.errors);
  return out;
}

// The config's value at `key`, after decoding `yaml`, as text; or the errors.
std::string Value(std::string_view yaml, std::string_view key) {
  const Decoded decoded = DecodeText(yaml);
  if (!decoded.errors.ok()) {
    return decoded.errors.ToString();
  }
  const Node printed = Print(EverythingTable(), decoded.value, Secrets::kRevealed);
  return ToText(*FindPath(printed, key));
}

TEST(DecodeTest, AbsentKeysKeepTheirDefaults) {
  for (const char* yaml : {"", "{}"}) {
    const Decoded decoded = DecodeText(yaml);
    EXPECT_TRUE(decoded.errors.ok());
    EXPECT_EQ(decoded.value.shared.timeout, 5s);
    EXPECT_EQ(decoded.value.port, 4317);
    EXPECT_THAT(decoded.value.endpoints, testing::ElementsAre("default"));
    EXPECT_TRUE(decoded.value.shared.sending_queue.enabled);
    EXPECT_FALSE(decoded.value.shared.sending_queue.present);
  }
}

struct ValueCase {
  const char* situation;
  const char* yaml;
  const char* key;
  const char* want;
};
const ValueCase kValues[] = {
    {"a duration of several units", "timeout: 1h15m", "timeout", "1h15m0s"},
    {"a duration with a fraction", "timeout: 1.5s", "timeout", "1.5s"},
    {"a bare integer is nanoseconds", "timeout: 250000000", "timeout", "250ms"},
    {"zero without a unit", "timeout: 0", "timeout", "0s"},
    {"a string", "endpoint: a:1", "endpoint", "a:1"},
    {"a quoted number is a string", "endpoint: '0123'", "endpoint", "\"0123\""},
    {"a secret", "token: secret", "token", "secret"},
    {"a boolean in capitals", "insecure: TRUE", "insecure", "true"},
    {"an octal integer", "count: 0123", "count", "83"},
    {"a hexadecimal integer", "count: 0x10", "count", "16"},
    {"a float without a fraction is an integer", "count: 12.0", "count", "12"},
    {"an integer is a float", "ratio: 1", "ratio", "1.0"},
    {"a list of strings", "endpoints: [a, b]", "endpoints", "[a, b]"},
    {"a string is split at commas", "endpoints: a,b", "endpoints", "[a, b]"},
    {"an empty string is an empty list", "endpoints: ''", "endpoints", "[]"},
    {"null keeps a default list", "endpoints:", "endpoints", "[default]"},
    {"null in a list of strings", "endpoints: [a, null]", "endpoints", "[a, \"\"]"},
    {"an ID is trimmed", "storage: ' file_storage / q '", "storage", "file_storage/q"},
    {"a list of lists of IDs", "priority_levels: [[otlp/a, otlp/b], [debug]]", "priority_levels",
     "[[otlp/a, otlp/b], [debug]]"},
    {"lists within a list from strings", "priority_levels: [otlp/a, 'otlp/b,debug']",
     "priority_levels", "[[otlp/a], [otlp/b, debug]]"},
    {"a map of structs", "health_check: {otlp/a: {kind: http, threshold: 2}}", "health_check",
     "{otlp/a: {kind: http, threshold: 2.0}}"},
    {"null keeps the defaults of a struct", "health_check: {otlp/a: }", "health_check",
     "{otlp/a: {kind: probe, threshold: null}}"},
    {"a map of strings", "labels: {b: x, a: 'yes'}", "labels", "{a: \"yes\", b: x}"},
    {"a list of structs", "checks: [{kind: a}, {}]", "checks",
     "[{kind: a, threshold: null}, {kind: probe, threshold: null}]"},
    {"an optional value", "linger: 3ms", "linger", "3ms"},
    {"null keeps an optional value away", "linger:", "linger", "null"},
    {"a size with a unit", "disk: 1.5GiB", "disk", "1536MiB"},
    {"a size in bytes", "disk: 2048", "disk", "2KiB"},
    {"a decimal size", "disk: 10MB", "disk", "10000000B"},
    {"a rate", "rate: 8MiB/s", "rate", "8MiB/s"},
    {"a percentage", "share: 42.5%", "share", "\"42.5%\""},
    {"a percentage without its sign", "share: 42", "share", "\"42%\""},
    {"any value as it is", "raw: {any: [1, thing]}", "raw", "{any: [1, thing]}"},
    {"headers as a map", "headers: {a: x, b: 'y2'}", "headers", "{a: x, b: y2}"},
    {"headers as a list", "headers: [{name: a, value: x}, {value: z, name: b}]", "headers",
     "{a: x, b: z}"},
    {"an enum", "sending_queue: {sizer: items}", "sending_queue::sizer", "items"},
};

TEST(DecodeTest, ValuesAreReadByType) {
  for (const ValueCase& c : kValues) {
    EXPECT_EQ(Value(c.yaml, c.key), c.want) << c.situation << ": " << c.yaml;
  }
}

struct MistakeCase {
  const char* situation;
  const char* yaml;
  const char* want;
};
const MistakeCase kMistakes[] = {
    {"a string for an integer", "count: x",
     "1:8: exporters::x::count: 'count' expected type 'uint32', got unconvertible type 'string'"},
    {"a boolean for an integer", "count: true",
     "1:8: exporters::x::count: 'count' expected type 'uint32', got unconvertible type 'bool'"},
    {"a fraction for an integer", "count: 1.5",
     "1:8: exporters::x::count: 'count' expected type 'uint32', got unconvertible type "
     "'float64'"},
    {"a negative number for an unsigned integer", "count: -1",
     "1:8: exporters::x::count: 'count' cannot convert negative value -1 to an unsigned integer"},
    {"an integer out of range", "port: 70000",
     "1:7: exporters::x::port: 'port' value 70000 is out of the range of uint16"},
    {"yes for a boolean", "insecure: yes",
     "1:11: exporters::x::insecure: 'insecure' expected type 'bool', got unconvertible type "
     "'string'"},
    {"an integer for a boolean", "insecure: 1",
     "1:11: exporters::x::insecure: 'insecure' expected type 'bool', got unconvertible type "
     "'int'"},
    {"an integer for a string", "endpoint: 5",
     "1:11: exporters::x::endpoint: 'endpoint' expected type 'string', got unconvertible type "
     "'int'"},
    {"a list for a string", "endpoint: [a]",
     "1:11: exporters::x::endpoint: 'endpoint' expected type 'string', got unconvertible type "
     "'[]interface {}'"},
    {"a bare integer as duration", "timeout: 5", ""},
    {"a duration in quotes without a unit", "timeout: '5'",
     "1:10: exporters::x::timeout: 'timeout' time: missing unit in duration \"5\""},
    {"a duration with an unknown unit", "timeout: 5x",
     "1:10: exporters::x::timeout: 'timeout' time: unknown unit \"x\" in duration \"5x\""},
    {"a duration that is none", "timeout: abc",
     "1:10: exporters::x::timeout: 'timeout' time: invalid duration \"abc\""},
    {"a duration below the least", "timeout: -1s",
     "1:10: exporters::x::timeout: 'timeout' must be at least 0s, got -1s"},
    {"a map for a list", "endpoints: {a: b}",
     "1:12: exporters::x::endpoints: 'endpoints': source data must be an array or slice, got "
     "map"},
    {"an integer for a list", "endpoints: 3",
     "1:12: exporters::x::endpoints: 'endpoints': source data must be an array or slice, got "
     "int"},
    {"an integer in a list of strings", "endpoints: [a, 3]",
     "1:16: exporters::x::endpoints[1]: 'endpoints[1]' expected type 'string', got unconvertible "
     "type 'int'"},
    {"a string for a map", "labels: x",
     "1:9: exporters::x::labels: 'labels' expected a map, got 'string'"},
    {"an integer for a section", "sending_queue: 5",
     "1:16: exporters::x::sending_queue: 'sending_queue' expected a map or struct, got \"int\""},
    {"an unknown key in a section", "sending_queue: {queue_siz: 5}",
     "1:17: exporters::x::sending_queue: 'sending_queue' has invalid keys: queue_siz (did you "
     "mean "
     "\"queue_size\"?)"},
    {"an integer below the least", "sending_queue: {num_consumers: 0}",
     "1:32: exporters::x::sending_queue::num_consumers: 'sending_queue.num_consumers' must be at "
     "least 1, got 0"},
    {"an integer above the most", "sending_queue: {num_consumers: 101}",
     "1:32: exporters::x::sending_queue::num_consumers: 'sending_queue.num_consumers' must be at "
     "most 100, got 101"},
    {"an unknown name of an enum", "sending_queue: {sizer: item}",
     "1:24: exporters::x::sending_queue::sizer: 'sending_queue.sizer' unsupported value \"item\" "
     "(did "
     "you mean \"items\"?) (valid values: requests, items, bytes)"},
    {"enabled that is a word", "sending_queue: {enabled: maybe}",
     "1:26: exporters::x::sending_queue: unexpected type string for 'enabled': got 'maybe' value "
     "expected 'true' or 'false'"},
    {"enabled that is null", "sending_queue: {enabled: }",
     "1:26: exporters::x::sending_queue: unexpected type <nil> for 'enabled': got '<nil>' value "
     "expected 'true' or 'false'"},
    {"a list for a section", "sending_queue: [5]",
     "1:16: exporters::x::sending_queue: 'sending_queue' expected a map or struct, got \"slice\""},
    {"an unknown key", "wholly_unknown: 5",
     "1:1: exporters::x: '' has invalid keys: wholly_unknown"},
    {"a key in another case", "Endpoint: a",
     "1:1: exporters::x: '' has invalid keys: Endpoint (did you mean \"endpoint\"?)"},
    {"a size with an unknown unit", "disk: 5 parrots",
     "1:7: exporters::x::disk: 'disk' invalid size \"5 parrots\": expected a number of bytes or "
     "e.g. \"64MiB\""},
    {"a negative size", "disk: -5", "1:7: exporters::x::disk: 'disk' must not be negative"},
    {"a size above the most", "disk: 2TiB",
     "1:7: exporters::x::disk: 'disk' must be at most 1TiB, got 2TiB"},
    {"a percentage above a hundred", "share: 101%",
     "1:8: exporters::x::share: 'share' invalid percentage \"101%\": expected 0% to 100%"},
    {"a header twice in a list", "headers: [{name: a, value: x}, {name: a, value: y}]",
     "1:32: exporters::x::headers[1]: 'headers[1]' duplicate keys in map-style list: [a]"},
    {"a header without a name", "headers: [{value: x}]",
     "1:11: exporters::x::headers[0]: 'headers[0]' a header needs a non-empty name"},
    {"an integer for a header", "headers: {a: 5}",
     "1:14: exporters::x::headers::a: 'headers.a' expected type 'string', got unconvertible type "
     "'int'"},
    {"IDs that are equal when trimmed", "health_check: {a: {}, ' a ': {}}",
     "1:23: exporters::x::health_check: 'health_check' duplicate name"},
    {"a string for the whole", "text",
     "1:1: exporters::x: '' expected a map or struct, got \"string\""},
};

TEST(DecodeTest, MistakesAreNamedWithPlaceAndPath) {
  for (const MistakeCase& c : kMistakes) {
    const std::string want = *c.want != 0 ? "f.yaml:" + std::string(c.want) : "";
    EXPECT_EQ(DecodeText(c.yaml).errors.ToString(), want) << c.situation << ": " << c.yaml;
  }
}

TEST(DecodeTest, AllMistakesAreReportedAtOnce) {
  const Decoded decoded = DecodeText("count: x\nport: y\nbogus: 1\nsending_queue: {sizer: z}\n");
  EXPECT_EQ(decoded.errors.errors().size(), 4u);
}

TEST(DecodeTest, DeprecatedKeyIsReadWithAWarning) {
  const Decoded decoded = DecodeText("target: a:1");
  EXPECT_TRUE(decoded.errors.ok());
  EXPECT_EQ(decoded.value.endpoint, "a:1");
  ASSERT_EQ(decoded.errors.warnings().size(), 1u);
  EXPECT_EQ(decoded.errors.warnings()[0].ToString(),
            "f.yaml:1:1: exporters::x: \"target\" is deprecated: use endpoint");
}

TEST(DecodeTest, WrittenKeysAreKnownInEveryStructOfTheMap) {
  const Decoded decoded = DecodeText("timeout: 5s\nendpoint:\nsending_queue: {queue_size: 5}\n");
  EXPECT_TRUE(decoded.value.written.IsSet("timeout"));
  EXPECT_TRUE(decoded.value.written.IsSet("endpoint"));
  EXPECT_TRUE(decoded.value.shared.written.IsSet("timeout"));
  EXPECT_FALSE(decoded.value.written.IsSet("token"));
  EXPECT_TRUE(decoded.value.shared.sending_queue.written.IsSet("queue_size"));
  EXPECT_FALSE(decoded.value.shared.sending_queue.written.IsSet("sizer"));
}

TEST(DecodeTest, ExpandedValueGivesItsTextToAString) {
  Node node = Node::Map();
  for (const char* key : {"endpoint", "token"}) {
    Node value = ResolvePlainScalar("0123");
    value.set_expanded(true);
    node.Set(key, value);
  }
  Node list = Node::List({});
  list.set_text("[x]");
  list.set_expanded(true);
  node.Set("labels", Node::Map()).Set("l", list);
  Everything value;
  Errors errors;
  Decode(EverythingTable(), node, "", value, errors);
  EXPECT_TRUE(errors.ok()) << errors.ToString();
  EXPECT_EQ(value.endpoint, "0123");
  EXPECT_EQ(value.token.Reveal(), "0123");
  EXPECT_EQ(value.labels["l"], "[x]");
}

TEST(SectionTest, StateFollowsWhatWasWritten) {
  struct Case {
    const char* yaml;
    bool queue_on;
    bool batch_on;
  };
  const Case cases[] = {
      {"", true, false},
      {"sending_queue:", true, false},
      {"sending_queue: {}", true, false},
      {"sending_queue: {enabled: false}", false, false},
      {"sending_queue: {enabled: true, batch: }", true, true},
      {"sending_queue: {batch: {}}", true, true},
      {"sending_queue: {batch: {enabled: false}}", true, false},
  };
  for (const Case& c : cases) {
    const Decoded decoded = DecodeText(c.yaml);
    EXPECT_TRUE(decoded.errors.ok()) << c.yaml << decoded.errors.ToString();
    EXPECT_EQ(decoded.value.shared.sending_queue.enabled, c.queue_on) << c.yaml;
    EXPECT_EQ(decoded.value.shared.sending_queue->batch.enabled, c.batch_on) << c.yaml;
    EXPECT_EQ(decoded.value.shared.sending_queue.present, *c.yaml != 0) << c.yaml;
  }
}

std::string Invalid(std::string_view yaml) {
  Decoded decoded = DecodeText(yaml);
  EXPECT_TRUE(decoded.errors.ok()) << decoded.errors.ToString();
  Validate(EverythingTable(), decoded.value, decoded.node, "exporters::x", decoded.errors);
  return decoded.errors.ToString();
}

TEST(ValidateTest, EveryLevelThatIsInUseIsChecked) {
  EXPECT_EQ(Invalid("endpoint: a"), "");
  EXPECT_EQ(Invalid("timeout: 5s"), "f.yaml:1:1: exporters::x: requires a non-empty \"endpoint\"");
  EXPECT_EQ(Invalid("{endpoint: a, sending_queue: {queue_size: 0}}"),
            "f.yaml:1:43: exporters::x::sending_queue: `queue_size` must be positive");
  EXPECT_EQ(Invalid("{endpoint: a, sending_queue: {queue_size: 0, enabled: false}}"), "");
  EXPECT_EQ(Invalid("{endpoint: a, sending_queue: {queue_size: 5, batch: {min_size: 6}}}"),
            "f.yaml:1:64: exporters::x::sending_queue: `min_size` must be less than or equal to "
            "`queue_size`");
  EXPECT_EQ(Invalid("{endpoint: a, sending_queue: {queue_size: 5, batch: {}}}"),
            "f.yaml:1:46: exporters::x::sending_queue: `min_size` must be less than or equal to "
            "`queue_size`");
  EXPECT_EQ(Invalid("{endpoint: a, checks: [{}, {kind: ''}], health_check: {a: {kind: ''}}}"),
            "f.yaml:1:66: exporters::x::health_check::a: requires a non-empty \"kind\"\n"
            "f.yaml:1:35: exporters::x::checks[1]: requires a non-empty \"kind\"");
}

TEST(PrintTest, ShowsDefaultsAndHidesSecrets) {
  const Decoded decoded = DecodeText("endpoint: a\ntoken: t0p\nheaders: {k: v}\n");
  const Node hidden = Print(EverythingTable(), decoded.value, Secrets::kRedacted);
  const std::string text = ToYaml(hidden);
  EXPECT_EQ(hidden.Find("token")->text(), kRedacted);
  EXPECT_EQ(FindPath(hidden, "headers::k")->text(), kRedacted);
  EXPECT_FALSE(text.contains("t0p")) << text;
  EXPECT_EQ(
      ToText(*hidden.Find("sending_queue")),
      "{enabled: true, queue_size: 1000, num_consumers: 10, sizer: requests, batch: {enabled: "
      "false, flush_timeout: 200ms, min_size: 8192}}");
  EXPECT_EQ(hidden.Find("target"), nullptr);
  EXPECT_EQ(Print(EverythingTable(), decoded.value, Secrets::kRevealed).Find("token")->text(),
            "t0p");
}

TEST(PrintTest, HidesWhatLooksLikeASecretInRawValues) {
  const Decoded decoded = DecodeText(
      "{endpoint: a, raw: [{headers: {k: t0p}}, {headers: [{name: who, value: t0p}]}, {api_token: "
      "t0p, certificate: file}]}");
  EXPECT_EQ(ToText(*Print(EverythingTable(), decoded.value, Secrets::kRedacted).Find("raw")),
            "[{headers: {k: \"[REDACTED]\"}}, {headers: [{name: who, value: \"[REDACTED]\"}]}, "
            "{api_token: \"[REDACTED]\", certificate: file}]");
}

TEST(ErrorsTest, KnowTheStepTheyBelongTo) {
  Decoded decoded = DecodeText("{endpoint: a, bogus: 1, sending_queue: {queue_size: 0}}");
  Validate(EverythingTable(), decoded.value, decoded.node, "exporters::x", decoded.errors);
  ASSERT_EQ(decoded.errors.errors().size(), 2u);
  EXPECT_EQ(decoded.errors.errors()[0].stage, Stage::kDecode);
  EXPECT_EQ(decoded.errors.errors()[1].stage, Stage::kValidate);
}

TEST(PrintTest, ReadsBackAsTheSameConfig) {
  const Decoded decoded = DecodeText(
      "{endpoint: '0123', timeout: 1500us, headers: {k: 'true'}, endpoints: [], priority_levels: "
      "[[a, "
      "b/c]], health_check: {x/y: {threshold: 0.1}}, checks: [{}], linger: 1h, disk: 3MB, rate: 5, "
      "share: 0.5%, sending_queue: {enabled: false, batch: }, raw: [1, {a: b}], big: 7}");
  ASSERT_TRUE(decoded.errors.ok()) << decoded.errors.ToString();
  const std::string text = ToYaml(Print(EverythingTable(), decoded.value, Secrets::kRevealed));
  const Decoded again = DecodeText(text);
  ASSERT_TRUE(again.errors.ok()) << again.errors.ToString();
  EXPECT_EQ(ToYaml(Print(EverythingTable(), again.value, Secrets::kRevealed)), text);
  EXPECT_FALSE(again.value.shared.sending_queue.enabled);
  EXPECT_TRUE(again.value.shared.sending_queue->batch.enabled);
}

TEST(DescribeTest, ListsEveryKeyWithTypeAndDefault) {
  std::map<std::string, DocRow> rows;
  for (const DocRow& row : Describe(EverythingTable())) {
    rows[row.key] = row;
  }
  EXPECT_EQ(rows["timeout"].type, "duration");
  EXPECT_EQ(rows["timeout"].default_value, "5s");
  EXPECT_EQ(rows["timeout"].doc, "Time for one attempt.");
  EXPECT_EQ(rows["sending_queue"].type, "section");
  EXPECT_EQ(rows["sending_queue"].default_value, "on");
  EXPECT_EQ(rows["sending_queue::batch"].default_value, "off");
  EXPECT_EQ(rows["sending_queue::batch::min_size"].default_value, "8192");
  EXPECT_EQ(rows["sending_queue::sizer"].type, "requests|items|bytes");
  EXPECT_EQ(rows["checks[]::kind"].default_value, "probe");
  EXPECT_EQ(rows["health_check::<name>::kind"].type, "string");
  EXPECT_EQ(rows["priority_levels"].type, "list of list of ID");
  EXPECT_EQ(rows["target"].deprecated, "use endpoint");
}

// A tree of random keys and values, right and wrong mixed.
Node RandomConfig(Rng& rng, const TableBase* table, int depth) {
  static constexpr std::string_view kScalars[] = {
      "", "x", "5", "-1", "1.5", "true", "10s", "a/b", "8MiB", "50%", "null", "a,b", "items"};
  const auto scalar = [&] {
    Node node = ResolvePlainScalar(kScalars[rng.Below(std::size(kScalars))]);
    node.set_expanded(rng.Chance(0.2));
    return node;
  };
  if (depth > 4 || rng.Chance(0.2)) {
    return scalar();
  }
  if (rng.Chance(0.2)) {
    Node list = Node::List({});
    for (uint64_t n = rng.Below(3); n > 0; --n) {
      list.list().push_back(RandomConfig(rng, table, depth + 1));
    }
    return list;
  }
  Node map = Node::Map();
  for (uint64_t n = rng.Below(5); n > 0; --n) {
    const Row* row = table != nullptr ? &table->rows()[rng.Below(table->rows().size())] : nullptr;
    const std::string key = row == nullptr || rng.Chance(0.1) ? "enabled" : std::string(row->key);
    const TableBase* below =
        row != nullptr && row->codec->table() != nullptr ? row->codec->table() : table;
    map.Set(key, rng.Chance(0.5) ? scalar() : RandomConfig(rng, below, depth + 1));
  }
  return map;
}

TEST(DecodePropertyTest, AnyTreeDecodesOrFailsAndWhatDecodesPrintsAndReadsBack) {
  int good = 0;
  for (uint64_t seed = 0; seed < 5000; ++seed) {
    Rng rng(seed);
    const Node node = RandomConfig(rng, &EverythingTable(), 0);
    Everything value;
    Errors errors;
    Decode(EverythingTable(), node, "p", value, errors);
    Errors invalid;
    Validate(EverythingTable(), value, node, "p", invalid);
    const Node printed = Print(EverythingTable(), value, Secrets::kRevealed);
    if (!errors.ok()) {
      continue;
    }
    ++good;
    Everything again;
    Decode(EverythingTable(), printed, "p", again, errors);
    ASSERT_TRUE(errors.ok()) << "seed " << seed << "\n" << ToYaml(printed) << errors.ToString();
    ASSERT_EQ(Print(EverythingTable(), again, Secrets::kRevealed), printed) << "seed " << seed;
  }
  EXPECT_GT(good, 100);
}

}  // namespace
}  // namespace gapless::config
