// The whole way from a tree to a plan, with the real components, on configurations that somebody
// has damaged: a value or an error, and what is accepted can be printed and read again.
#include "base/rng.h"
#include "cli/config/components.h"
#include "cli/config/config_way_test.h"
#include "config/yaml.h"

namespace gapless::cli {
namespace {

constexpr std::string_view kConfig = R"(receivers:
  otlp: {protocols: {grpc: {endpoint: 'localhost:0', keepalive: {}}, http: }}
  otlp/2: {protocols: {http: {cors: {allowed_origins: [a, b]}}}}
processors: {batch: {timeout: 1s, metadata_keys: [a]}}
exporters:
  otlp/a: {endpoint: 'a:1', headers: {k: v}, sending_queue: {storage: file_storage, batch: {}}}
  otlp_http/b: {endpoint: 'http://b', retry_on_failure: {max_elapsed_time: 0s}}
  file/c: {path: x, rotation: {max_megabytes: 1}}
  debug: {verbosity: normal}
connectors:
  failover: {priority_levels: [[otlp/a], [otlp_http/b, traces/c]], retry_interval: 5s}
  forward:
extensions: {file_storage: {directory: d, create_directory: true}, health_check: }
service:
  extensions: [file_storage, health_check]
  telemetry: {metrics: {level: detailed}, logs: {level: debug}, resource: {a: b}}
  pipelines:
    traces/in: {receivers: [otlp, otlp/2], processors: [batch], exporters: [failover, forward]}
    traces/a: {receivers: [failover], exporters: [otlp/a]}
    traces/b: {receivers: [failover], exporters: [otlp_http/b]}
    traces/c: {receivers: [failover, forward], exporters: [file/c, debug]}
    logs: {receivers: [otlp], exporters: [otlp/a, debug]}
)";

// Every value of the tree.
void Collect(config::Node& node, std::vector<config::Node*>& out) {
  out.push_back(&node);
  for (config::Node& item : node.list()) {
    Collect(item, out);
  }
  for (config::MapEntry& entry : node.map()) {
    Collect(entry.value, out);
  }
}

void Damage(config::Node& root, Rng& rng) {
  static constexpr std::string_view kValues[] = {
      "",         "x",  "0",   "-1",     "true", "5s",  "a:1",     "{}",      "[]",
      "[a, [b]]", "''", "1e9", "otlp/a", "~",    "1.5", "forward", "traces/", "{a: }"};
  std::vector<config::Node*> all;
  Collect(root, all);
  config::Node& victim = *all[rng.Below(all.size())];
  switch (rng.Below(4)) {
    case 0:
      victim = *config::ParseYaml(kValues[rng.Below(std::size(kValues))], "v");
      break;
    case 1: {
      const config::Node other = *all[rng.Below(all.size())];
      victim = other;
      break;
    }
    case 2:
      if (!victim.map().empty()) {
        victim.map().erase(victim.map().begin() +
                           static_cast<std::ptrdiff_t>(rng.Below(victim.map().size())));
      }
      break;
    default:
      if (!victim.map().empty()) {
        victim.map()[rng.Below(victim.map().size())].key = kValues[rng.Below(std::size(kValues))];
      }
  }
}

TEST(ConfigPropertyTest, ADamagedConfigurationIsAPlanOrAnError) {
  const service::Factories factories = Components();
  const config::Node good = *config::ParseYaml(kConfig, "c");
  int planned = 0;
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    config::Node root = good;
    for (uint64_t n = rng.Below(4); n > 0; --n) {
      Damage(root, rng);
    }
    config::Resolved resolved;
    resolved.root = root;
    const Way way = WalkConfig(resolved, factories);
    planned += way.planned ? 1 : 0;
    EXPECT_EQ(way.broken, "") << config::ToYaml(root);
  }
  EXPECT_GT(planned, 300);
}

}  // namespace
}  // namespace gapless::cli
