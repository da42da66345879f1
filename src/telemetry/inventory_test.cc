#include "telemetry/inventory.h"

#include <fstream>
#include <set>
#include <sstream>

namespace gapless::telemetry {
namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(InventoryTest, DocsEqualTheTable) {
  const std::string current = InventoryMarkdown();
  if (ReadFile(GAPLESS_SOURCE_DIR "/docs/metrics.md") != current) {
    const std::string path = testing::TempDir() + "metrics.md";
    std::ofstream(path) << current;
    FAIL() << "docs/metrics.md is stale; its new text is in " << path;
  }
}

TEST(InventoryTest, NamesAreUniqueAndValid) {
  std::set<std::string_view> names;
  for (const MetricDef& def : kInventory) {
    EXPECT_TRUE(names.insert(def.name).second) << def.name;
    EXPECT_EQ(def.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_"),
              std::string_view::npos)
        << def.name;
    EXPECT_FALSE(def.name.ends_with("_total")) << def.name << ": the switch adds it";
    EXPECT_FALSE(def.help.empty()) << def.name;
    EXPECT_TRUE(def.help.ends_with('.')) << def.name;
  }
}

TEST(InventoryTest, HistogramsAndOnlyTheyHaveAscendingBounds) {
  for (const MetricDef& def : kInventory) {
    EXPECT_EQ(def.kind == MetricKind::kHistogram, !def.bounds.empty()) << def.name;
    for (size_t i = 1; i < def.bounds.size(); ++i) {
      EXPECT_LT(def.bounds[i - 1], def.bounds[i]) << def.name;
    }
  }
}

TEST(InventoryTest, RowsAreFoundByNameAndBySignal) {
  EXPECT_EQ(Metric("otelcol_process_uptime").unit, "s");
  constexpr auto kSent = MetricsBySignal("otelcol_exporter_sent_");
  EXPECT_EQ(kSent[0]->name, "otelcol_exporter_sent_spans");
  EXPECT_EQ(kSent[1]->name, "otelcol_exporter_sent_metric_points");
  EXPECT_EQ(kSent[2]->name, "otelcol_exporter_sent_log_records");
}

// What public dashboards and alert rules read: a name that changes breaks its users.
TEST(InventoryTest, NamesThatDashboardsReadAreThere) {
  std::set<std::string_view> names;
  for (const MetricDef& def : kInventory) {
    names.insert(def.name);
  }
  for (const char* name :
       {"otelcol_receiver_accepted_spans", "otelcol_receiver_refused_log_records",
        "otelcol_exporter_sent_metric_points", "otelcol_exporter_send_failed_spans",
        "otelcol_exporter_enqueue_failed_spans", "otelcol_exporter_queue_size",
        "otelcol_exporter_queue_capacity", "otelcol_processor_batch_batch_send_size",
        "otelcol_process_uptime", "otelcol_process_memory_rss", "otelcol_process_cpu_seconds",
        "otelcol_connector_failover_active_level", "otelcol_connector_failover_count"}) {
    EXPECT_TRUE(names.contains(name)) << name;
  }
}

}  // namespace
}  // namespace gapless::telemetry
