// What every component type promises, over the one table of factories.
#include "cli/config/components.h"

#include "config/yaml.h"
#include "net/loop/worker.h"
#include "sending/transport.h"
#include "service/config/upstream_types.h"
#include "telemetry/metrics.h"

#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
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

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The page of a component; `resource` is described with `attributes`.
std::string ReadmeOf(const Type& type) {
  const std::string section(service::SectionOf(type.kind));
  const std::string_view folder = type.info->type == "resource" ? "attributes" : type.info->type;
  return fmt::format("{}/src/{}/{}/README.md", GAPLESS_SOURCE_DIR,
                     section.substr(0, section.size() - 1), folder);
}

// "queue_size" of "sending_queue::queue_size", "name" of "levels[]::name".
std::string LastName(std::string_view key) {
  const size_t colon = key.rfind("::");
  std::string_view name = colon == std::string_view::npos ? key : key.substr(colon + 2);
  return std::string(name.substr(0, name.find('[')));
}

bool HasWord(std::string_view text, std::string_view word) {
  const auto inside = [&](size_t at) {
    return at < text.size() &&
           (std::isalnum(static_cast<unsigned char>(text[at])) != 0 || text[at] == '_');
  };
  for (size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    if (!(at > 0 && inside(at - 1)) && !inside(at + word.size())) {
      return true;
    }
  }
  return false;
}

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

TEST_F(ComponentsTest, EveryKeyStandsInTheReadmeOrAmongTheSharedSettings) {
  const std::string shared = ReadFile(GAPLESS_SOURCE_DIR "/docs/settings.md");
  for (const Type& type : Types()) {
    const std::string readme = ReadFile(ReadmeOf(type));
    ASSERT_FALSE(readme.empty()) << ReadmeOf(type);
    for (const config::DocRow& row : config::Describe(type.info->config.table())) {
      if (row.doc.starts_with("No effect") || row.doc.starts_with("Not needed") ||
          row.doc.starts_with("Read and ignored") || row.doc.starts_with("Accepted") ||
          row.doc.starts_with("Not supported")) {
        continue;
      }
      const std::string name = LastName(row.key);
      EXPECT_TRUE(HasWord(readme, name) || HasWord(shared, name))
          << row.key << " is not in " << ReadmeOf(type);
    }
  }
}

TEST_F(ComponentsTest, AnUnknownKeyIsRefused) {
  config::Node node = config::Node::Map();
  node.Set("no_such_key", config::Node::Null());
  for (const Type& type : Types()) {
    config::Errors errors;
    type.info->config.decode(node, type.name(), errors);
    EXPECT_THAT(errors.ToString(), testing::HasSubstr("invalid keys: no_such_key")) << type.name();
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
  for (const queue::ExporterFactory& factory : factories_.exporters) {
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
      std::optional<sending::AttemptResult> answer;
      transport->Probe(std::chrono::seconds(5),
                       [&](sending::AttemptResult result) { answer = std::move(result); });
      EXPECT_FALSE(answer) << type.name() << ": an answer within the call";
      EXPECT_TRUE(worker_.RunUntil([&] { return answer.has_value(); }, std::chrono::seconds(10)));
      // Nobody listens on port 1; everything else is well.
      EXPECT_EQ(answer->outcome,
                has_peer ? sending::OutcomeClass::kTransport : sending::OutcomeClass::kOk)
          << type.name() << ": " << answer->status.ToString();
      transport->Stop();
    }
    ShutDown(*exporter, type.name());
  }
}

// Whatever a transport does with an attempt: the answer comes on a later turn, once, and not after
// Cancel or after the transport is gone.
TEST_F(LifecycleTest, WhatIsCancelledOrWhoseTransportIsGoneIsNotAnswered) {
  for (const queue::ExporterFactory& factory : factories_.exporters) {
    const Type type{.kind = Kind::kExporter, .info = &factory.info};
    const auto exporter = factory.create(SettingsOf(type), Decode(type, Least(type)));
    ASSERT_TRUE(exporter->Start().ok()) << type.name();
    const auto make = [&] {
      auto transport =
          exporter->CreateTransport(otlp::Signal::kTraces, worker_, std::chrono::seconds(1));
      transport->Start();
      return transport;
    };
    int answered = 0;
    const auto wanted = [&](sending::AttemptResult) { ++answered; };
    const auto unwanted = [&](sending::AttemptResult) { ADD_FAILURE() << type.name(); };
    auto gone = make();
    gone->Attempt({}, std::chrono::seconds(5), unwanted);
    gone.reset();
    auto transport = make();
    const auto id = transport->Attempt({}, std::chrono::seconds(5), unwanted);
    transport->Cancel(id);
    transport->Cancel(id + 1000);
    transport->Attempt({}, std::chrono::seconds(5), wanted);
    transport->Attempt({}, std::chrono::seconds(5), wanted);
    EXPECT_EQ(answered, 0) << type.name() << ": an answer within the call";
    EXPECT_TRUE(worker_.RunUntil([&] { return answered == 2; }, std::chrono::seconds(10)))
        << type.name();
    transport->Stop();
    transport.reset();
    ShutDown(*exporter, type.name());
    EXPECT_EQ(answered, 2) << type.name();
  }
}

TEST_F(LifecycleTest, WithoutAStartTheEndIsSafeToo) {
  for (const queue::ExporterFactory& factory : factories_.exporters) {
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
