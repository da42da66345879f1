// What every component type promises, over the one table of factories.
#include "cli/components.h"

#include "config/yaml.h"
#include "delivery/transport.h"
#include "net/worker.h"
#include "service/upstream_types.h"
#include "telemetry/metrics.h"

#include <filesystem>
#include <map>
#include <optional>

#include <fmt/format.h>

namespace gapless::cli {
namespace {

namespace fs = std::filesystem;
using service::Kind;

struct Type {
  Kind kind;
  const pipeline::TypeInfo* info;
  std::string name() const { return fmt::format("{}::{}", service::SectionOf(kind), info->type); }
};

// Types whose defaults are not enough: what must be written at least. `{0}`: an empty folder.
const std::map<std::string, std::string, std::less<>> kLeast = {
    {"receivers::otlp", "protocols: {{grpc: {{endpoint: '127.0.0.1:0'}}}}"},
    {"exporters::otlp_grpc", "{{endpoint: '127.0.0.1:1', tls: {{insecure: true}}}}"},
    {"exporters::otlp_http", "endpoint: 'http://127.0.0.1:1'"},
    {"exporters::file", "path: {0}/out"},
    {"connectors::failover", "priority_levels: [[a], [b]]"},
    {"processors::memory_limiter", "{{check_interval: 1s, limit_mib: 100}}"},
    {"processors::resource", "attributes: [{{key: a, value: b, action: upsert}}]"},
    {"processors::attributes", "actions: [{{key: a, value: b, action: upsert}}]"},
    {"extensions::file_storage", "{{directory: {0}/journals, create_directory: true}}"},
};

// An empty folder that goes with the test.
struct Folder {
  Folder() : path(fs::temp_directory_path() / fmt::format("gapless-{}", getpid())) {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~Folder() { fs::remove_all(path); }
  const fs::path path;
};

class ComponentsTest : public testing::Test {
 protected:
  std::vector<Type> Types() const {
    std::vector<Type> types;
    for (const Kind kind : service::kKinds) {
      for (const pipeline::TypeInfo* info : factories_.All(kind)) {
        types.push_back({.kind = kind, .info = info});
      }
    }
    return types;
  }

  config::Node Least(const Type& type) const {
    const auto it = kLeast.find(type.name());
    if (it == kLeast.end()) {
      return config::Node::Null();
    }
    return *config::ParseYaml(fmt::format(fmt::runtime(it->second), folder_.path.string()), "f");
  }

  // Null and a failure if it has problems.
  pipeline::ComponentConfigPtr Decode(const Type& type, const config::Node& node) const {
    config::Errors errors;
    auto config = type.info->config.decode(node, type.name(), errors);
    EXPECT_TRUE(errors.ok()) << type.name() << "\n" << config::ToYaml(node) << errors.ToString();
    return errors.ok() ? config : nullptr;
  }

  const Folder folder_;
  const service::Factories factories_ = Components();
};

TEST_F(ComponentsTest, NamesAreIdsAndUnique) {
  std::map<std::string, int> seen;
  for (const Type& type : Types()) {
    for (const std::string_view name : {type.info->type, type.info->alias}) {
      if (!name.empty()) {
        EXPECT_TRUE(ComponentId::Parse(name).ok()) << name;
        EXPECT_EQ(++seen[fmt::format("{}::{}", service::SectionOf(type.kind), name)], 1) << name;
        EXPECT_EQ(factories_.Find(type.kind, name), type.info);
      }
    }
  }
}

TEST_F(ComponentsTest, WhatIsHereIsNotAmongTheTypesThatOnlyTheCollectorHas) {
  for (const Type& type : Types()) {
    for (const std::string_view name : {type.info->type, type.info->alias}) {
      EXPECT_EQ(service::AdviceForUpstreamType(type.kind, name), "") << type.name();
    }
  }
}

TEST_F(ComponentsTest, DefaultsAndWhatMustBeWrittenAreValid) {
  for (const Type& type : Types()) {
    Decode(type, Least(type));
  }
}

TEST_F(ComponentsTest, WhatIsPrintedReadsBackAsTheSame) {
  for (const Type& type : Types()) {
    const auto config = Decode(type, Least(type));
    if (config == nullptr) {
      continue;
    }
    const std::string printed = config::ToYaml(config->Print(config::Secrets::kRevealed));
    const auto again = Decode(type, *config::ParseYaml(printed, "printed"));
    if (again != nullptr) {
      EXPECT_EQ(config::ToYaml(again->Print(config::Secrets::kRevealed)), printed);
    }
  }
}

TEST_F(ComponentsTest, EveryKeyIsDocumentedAndAMisspelledOneIsNamed) {
  for (const Type& type : Types()) {
    const config::TableBase& table = type.info->config.table();
    for (const config::DocRow& row : config::Describe(table)) {
      EXPECT_GT(row.doc.size(), 2u) << type.name() << " " << row.key;
    }
    for (const config::Row& row : table.rows()) {
      if (row.key.size() < 4 || !row.deprecated.empty()) {
        continue;
      }
      // The first two letters change places.
      std::string misspelled(row.key);
      std::swap(misspelled[0], misspelled[1]);
      if (misspelled == row.key || table.Find(misspelled) != nullptr) {
        continue;
      }
      config::Node node = config::Node::Map();
      node.Set(misspelled, config::Node::Null());
      config::Errors errors;
      type.info->config.decode(node, type.name(), errors);
      ASSERT_FALSE(errors.ok()) << type.name();
      EXPECT_THAT(
          errors.errors()[0].message,
          testing::StartsWith(fmt::format("'' has invalid keys: {} (did you mean \"", misspelled)))
          << type.name();
    }
  }
}

class LifecycleTest : public ComponentsTest {
 protected:
  pipeline::Settings SettingsOf(const Type& type) {
    return {.id = {.type = std::string(type.info->type), .name = ""},
            .log = {},
            .metrics = metrics_,
            .workers = workers_};
  }
  void ShutDown(pipeline::Component& component, const std::string& name) {
    bool done = false;
    component.Shutdown(worker_.Now() + std::chrono::seconds(1), [&] { done = true; });
    EXPECT_TRUE(worker_.RunUntil([&] { return done; }, std::chrono::seconds(10))) << name;
  }

  net::Worker worker_;
  const std::vector<net::Worker*> workers_ = {&worker_};
  telemetry::Registry metrics_;
};

TEST_F(LifecycleTest, ExportersStartAnswerAProbeAndEnd) {
  for (const delivery::ExporterFactory& factory : factories_.exporters) {
    const Type type{.kind = Kind::kExporter, .info = &factory.info};
    const auto config = Decode(type, Least(type));
    ASSERT_NE(config, nullptr);
    const auto settings = factory.delivery(*config);
    EXPECT_GT(settings.queue.queue_size, 0u) << type.name();
    const bool has_peer = factory.info.config.table().Find("endpoint") != nullptr;
    EXPECT_EQ(settings.queue.enabled, has_peer) << type.name();
    const auto exporter = factory.create(SettingsOf(type), config);
    ASSERT_TRUE(exporter->Start().ok()) << type.name();
    for (const otlp::Signal signal : otlp::kSignals) {
      if (!factory.info.signals.Has(signal)) {
        continue;
      }
      auto transport = exporter->CreateTransport(signal, worker_, std::chrono::seconds(1));
      ASSERT_NE(transport, nullptr) << type.name();
      transport->Start();
      std::optional<delivery::AttemptResult> answer;
      transport->Probe(std::chrono::seconds(5),
                       [&](delivery::AttemptResult result) { answer = std::move(result); });
      EXPECT_FALSE(answer) << type.name() << ": an answer within the call";
      EXPECT_TRUE(worker_.RunUntil([&] { return answer.has_value(); }, std::chrono::seconds(10)));
      // Nobody listens on port 1; everything else is well.
      EXPECT_EQ(answer->outcome,
                has_peer ? delivery::OutcomeClass::kTransport : delivery::OutcomeClass::kOk)
          << type.name() << ": " << answer->status.ToString();
      transport->Stop();
    }
    ShutDown(*exporter, type.name());
  }
}

TEST_F(LifecycleTest, WithoutAStartTheEndIsSafeToo) {
  for (const delivery::ExporterFactory& factory : factories_.exporters) {
    const Type type{.kind = Kind::kExporter, .info = &factory.info};
    const auto exporter = factory.create(SettingsOf(type), Decode(type, Least(type)));
    ShutDown(*exporter, type.name());
    ShutDown(*exporter, type.name());
  }
  for (const pipeline::ReceiverFactory& factory : factories_.receivers) {
    const Type type{.kind = Kind::kReceiver, .info = &factory.info};
    const auto receiver = factory.create(SettingsOf(type), Decode(type, Least(type)), {});
    ShutDown(*receiver, type.name());
    ShutDown(*receiver, type.name());
  }
}

}  // namespace
}  // namespace gapless::cli
