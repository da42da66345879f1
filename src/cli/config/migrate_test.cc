#include "cli/config/migrate.h"

#include "cli/config/components.h"
#include "cli/config/migrate_facts.h"
#include "config/table.h"
#include "config/yaml.h"
#include "service/config/telemetry_config.h"

#include <algorithm>

#include <fmt/format.h>

namespace gapless::cli {
namespace {

Migration MigrationOf(std::string_view text) {
  config::Resolved resolved;
  resolved.root = *config::ParseYaml(text, "c.yaml");
  return Migrate(resolved, Components());
}

// "verdict line" of a key; empty: it is not there.
std::string Of(const Migration& migration, std::string_view key) {
  const auto it = std::ranges::find(migration.lines, key, &MigrationLine::key);
  return it == migration.lines.end() ? ""
                                     : fmt::format("{} {}", ToString(it->verdict), it->mark.line);
}

constexpr std::string_view kGood = R"(receivers:
  otlp: {protocols: {grpc: {endpoint: 'localhost:4317'}}}
processors:
  batch: {timeout: 1s}
exporters:
  otlp/a:
    endpoint: localhost:14317
    sending_queue: {enabled: true, storage: file_storage}
extensions:
  file_storage:
service:
  extensions: [file_storage]
  telemetry: {metrics: {level: detailed}}
  pipelines:
    traces: {receivers: [otlp], processors: [batch], exporters: [otlp/a]}
)";

TEST(MigrateTest, EveryWrittenKeyGetsALineInTheOrderOfTheFile) {
  const Migration migration = MigrationOf(kGood);
  EXPECT_EQ(migration.missing(), 0u) << migration.ToText();
  EXPECT_EQ(Of(migration, "receivers::otlp"), "better 2");
  EXPECT_EQ(Of(migration, "receivers::otlp::protocols::grpc::endpoint"), "same 2");
  EXPECT_EQ(Of(migration, "processors::batch"), "better 4");
  EXPECT_EQ(Of(migration, "processors::batch::timeout"), "same 4");
  EXPECT_EQ(Of(migration, "exporters::otlp/a"), "same 6");
  EXPECT_EQ(Of(migration, "exporters::otlp/a::sending_queue::storage"), "better 8");
  EXPECT_EQ(Of(migration, "service::telemetry::metrics::level"), "same 13");
  EXPECT_EQ(Of(migration, "service::pipelines::traces"), "same 15");
  EXPECT_TRUE(std::ranges::is_sorted(migration.lines, {},
                                     [](const MigrationLine& line) { return line.mark.line; }));
  EXPECT_THAT(migration.ToText(),
              testing::HasSubstr("0 missing: gapless runs this configuration unchanged."));
}

TEST(MigrateTest, WhatThePlanDoesThatNoLineSaysFollowsTheLines) {
  const std::string text = MigrationOf(R"(receivers: {otlp: {protocols: {grpc: }}}
exporters:
  otlp/a: {endpoint: 'localhost:1', sending_queue: {queue_size: 77}}
  otlp/b: {endpoint: 'localhost:2'}
connectors: {failover: {priority_levels: [[otlp/a], [otlp/b]]}}
service:
  pipelines:
    traces: {receivers: [otlp], exporters: [failover]}
    traces/a: {receivers: [failover], exporters: [otlp/a]}
    traces/b: {receivers: [failover], exporters: [otlp/b]}
)")
                               .ToText();
  EXPECT_THAT(text, testing::HasSubstr("\nplan: failover (traces): the sending queues of its "
                                       "levels' exporters are lifted in front of the decision\n"));
}

TEST(MigrateTest, WhatIsNotThereIsMissingWithTheReason) {
  std::string text(kGood);
  text.replace(text.find("  batch: {timeout: 1s}"), 22, "  batch:\n  filter: {x: 1}");
  text.replace(text.find("endpoint: localhost:14317"), 25,
               "endpoint: localhost:14317\n    colour: 1");
  const Migration migration = MigrationOf(text);
  EXPECT_EQ(Of(migration, "processors::filter"), "missing 5");
  EXPECT_EQ(Of(migration, "exporters::otlp/a"), "same 7");
  EXPECT_THAT(migration.ToText(), testing::HasSubstr("OTTL"));
  EXPECT_THAT(migration.ToText(), testing::HasSubstr("c.yaml:9 "));
  EXPECT_THAT(migration.ToText(), testing::HasSubstr("colour"));
  EXPECT_EQ(migration.missing(), 2u) << migration.ToText();
}

TEST(MigrateTest, AProblemTakesThePlaceOfWhatWasSaidOfTheSpot) {
  std::string text(kGood);
  text.replace(text.find("timeout: 1s"), 11, "timeout: abc");
  const Migration migration = MigrationOf(text);
  EXPECT_EQ(migration.missing(), 1u);
  EXPECT_EQ(std::ranges::count(migration.lines, "processors::batch::timeout", &MigrationLine::key),
            1);
  EXPECT_FALSE(migration.runs);
}

TEST(MigrateTest, WhatHasNoEffectIsMissingOnlyWhereItAsksForOne) {
  struct Case {
    const char* situation;
    const char* telemetry;
    const char* key;
    const char* verdict;
  };
  const Case cases[] = {
      {"traces that nobody gets", "traces: {level: normal}", "traces", "same 13"},
      {"traces turned off", "traces: {level: None, processors: [{batch: }]}", "traces", "same 13"},
      {"traces with a receiver", "traces: {processors: [{batch: }]}", "traces", "missing 13"},
      {"no views", "metrics: {level: detailed, views: []}", "metrics::views", "same 13"},
      {"views", "metrics: {level: detailed, views: [{a: b}]}", "metrics::views", "missing 13"},
      {"logs for nobody", "logs: {processors: []}", "logs::processors", "same 13"},
      {"logs with a receiver", "logs: {processors: [{batch: }]}", "logs::processors", "missing 13"},
      {"a default that is written", "logs: {development: false}", "logs::development", "same 13"},
      {"a key without effect", "logs: {development: true}", "logs::development", "missing 13"},
      {"what is not needed", "logs: {error_output_paths: [stderr]}", "logs::error_output_paths",
       "better 13"},
  };
  for (const Case& c : cases) {
    std::string text(kGood);
    text.replace(text.find("metrics: {level: detailed}"), 26, c.telemetry);
    const Migration migration = MigrationOf(text);
    EXPECT_EQ(Of(migration, fmt::format("service::telemetry::{}", c.key)), c.verdict)
        << c.situation;
    EXPECT_TRUE(migration.runs) << c.situation << migration.ToText();
    EXPECT_THAT(migration.ToText(),
                testing::HasSubstr(migration.missing() == 0 ? "runs this configuration unchanged."
                                                            : "without what is missing."))
        << c.situation;
  }
}

TEST(MigrateTest, KeysThatTheCollectorDoesNotHaveAreNamedAsOwn) {
  const Migration migration = MigrationOf(
      "connectors: {failover: {priority_levels: [[otlp]], fall: 2, backfill: {max_age: 1h}, "
      "sending_queue: {on_full: block}}}");
  EXPECT_EQ(Of(migration, "connectors::failover::fall"), "better 1");
  EXPECT_EQ(Of(migration, "connectors::failover::backfill"), "better 1");
  EXPECT_EQ(Of(migration, "connectors::failover::backfill::max_age"), "");
  EXPECT_EQ(Of(migration, "connectors::failover::sending_queue::on_full"), "better 1");
}

// Facts speak of keys that exist.
TEST(MigrateFactsTest, EveryFactIsAboutAKeyOfATable) {
  const service::Factories factories = Components();
  for (const Fact& fact : Facts()) {
    EXPECT_TRUE(fact.sentence.ends_with('.')) << fact.sentence;
    const size_t at = fact.where.find("::");
    const std::string_view section = fact.where.substr(0, at);
    const std::string_view type = at < fact.where.size() ? fact.where.substr(at + 2) : "*";
    EXPECT_EQ(FindFact(section, type, fact.key), &fact);
    std::vector<const config::TableBase*> tables;
    if (section == "service") {
      tables = {&service::TelemetryTable()};
    }
    for (const service::Kind kind : service::kKinds) {
      for (const pipeline::TypeInfo* info : factories.All(kind)) {
        if ((section == "*" || service::SectionOf(kind) == section) &&
            (type == "*" || type == info->type)) {
          tables.push_back(&info->config.table());
        }
      }
    }
    const bool known = std::ranges::any_of(tables, [&](const config::TableBase* table) {
      const auto rows = config::Describe(*table);
      return fact.key.empty() ||
             std::ranges::find(rows, fact.key, &config::DocRow::key) != rows.end();
    });
    EXPECT_TRUE(known) << fact.where << " " << fact.key;
  }
}

TEST(MigrateFactsTest, TheFactOfTheVeryTypeComesFirst) {
  EXPECT_EQ(FindFact("exporters", "otlp_grpc", "sending_queue::storage")->where, "*");
  EXPECT_EQ(FindFact("processors", "batch", "")->where, "processors::batch");
  EXPECT_EQ(FindFact("processors", "batch", "timeout"), nullptr);
}

}  // namespace
}  // namespace gapless::cli
