// Components for tests of the collector: a receiver that claims a port of a pretended machine, an
// exporter whose peer is a list, with a record of what happened to them, and a storage whose disk
// takes as long as the test wants.
#pragma once

#include "config/fields.h"
#include "journal/budget.h"
#include "journal/memory_journal.h"
#include "pipeline/factory.h"
#include "queue/factory.h"

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace gapless::service::fake {

// What the components of one test did; begun anew by Reset.
struct World {
  std::vector<std::string> events;
  std::set<std::string> ports;
  std::map<std::string, pipeline::Outputs> receivers;
  uint64_t delivered_items = 0;
  bool peer_up = true;
};
inline World& TheWorld() {
  static World world;
  return world;
}
inline void Reset() { TheWorld() = World(); }

// The disk of one test's storages. Service threads use it, too.
struct Disk {
  std::mutex mu;
  std::condition_variable_any changed;
  bool slow = false;  // recoveries wait for the end of this
  Status failure;     // of recoveries
  size_t recovering = 0;
  std::map<std::string, std::weak_ptr<journal::Budget>> open;  // journals, by name

  void Set(bool is_slow, Status is_failure = OkStatus()) {
    const std::lock_guard lock(mu);
    slow = is_slow;
    failure = std::move(is_failure);
    changed.notify_all();
  }
  size_t Recovering() {
    const std::lock_guard lock(mu);
    return recovering;
  }
};
inline Disk& TheDisk() {
  static Disk disk;
  return disk;
}

// A journal of it cannot be opened twice at a time, and is empty when it is opened.
class Storage final : public queue::JournalStorage {
 public:
  Result<queue::RecoveredJournal> Recover(std::string_view name, const queue::CollectorQueues&,
                                          std::stop_token stop) override {
    Disk& disk = TheDisk();
    std::unique_lock lock(disk.mu);
    ++disk.recovering;
    const bool go = disk.changed.wait(lock, stop, [&] { return !disk.slow; });
    --disk.recovering;
    auto& open = disk.open[std::string(name)];
    if (!go || !disk.failure.ok() || !open.expired()) {
      return !go ? Cancelled("") : (open.expired() ? disk.failure : FailedPrecondition("in use"));
    }
    auto budget = std::make_shared<journal::Budget>(1 << 20);
    open = budget;
    return queue::RecoveredJournal([budget](Loop& home) {
      return std::make_unique<journal::MemoryJournal>(journal::MemoryOptions{.budget = budget},
                                                      home);
    });
  }
  std::string PlaceOf(std::string_view name) const override { return "disk/" + std::string(name); }
  std::vector<queue::LeftJournal> Left(const std::set<std::string>&, std::stop_token) override {
    return {};
  }
};

struct StorageConfig {};
inline const config::Table<StorageConfig>& StorageTable() {
  static const config::Table<StorageConfig> table = {};
  return table;
}

struct ReceiverConfig {
  std::string port = "1";
};
inline const config::Table<ReceiverConfig>& ReceiverTable() {
  static const config::Table<ReceiverConfig> table = {
      config::Field("port", &ReceiverConfig::port, "A port that only one may have.")};
  return table;
}

class Receiver final : public pipeline::Component {
 public:
  Receiver(std::string id, std::string port, const pipeline::Outputs& outputs)
      : id_(std::move(id)), port_(std::move(port)), outputs_(outputs) {}

  Status Start() override {
    if (!TheWorld().ports.insert(port_).second) {
      return Unavailable("port " + port_ + " is taken");
    }
    started_ = true;
    TheWorld().events.push_back("start " + id_);
    TheWorld().receivers[id_] = outputs_;
    return OkStatus();
  }
  void Shutdown(TimePoint, std::move_only_function<void()> done) override {
    if (std::exchange(started_, false)) {
      TheWorld().ports.erase(port_);
      TheWorld().events.push_back("stop " + id_);
    }
    done();
  }

 private:
  const std::string id_;
  const std::string port_;
  const pipeline::Outputs outputs_;
  bool started_ = false;
};

struct ExporterConfig {
  std::string endpoint;
  bool durable = false;
};
inline const config::Table<ExporterConfig>& ExporterTable() {
  static const config::Table<ExporterConfig> table = {
      config::Field("endpoint", &ExporterConfig::endpoint, "Means nothing."),
      config::Field("durable", &ExporterConfig::durable, "Its queue has the storage `fake`.")};
  return table;
}

// Answers on a later turn: OK, or a failure while the peer is away.
class Transport final : public sending::Transport {
 public:
  explicit Transport(Loop& home) : loop_(home) {}

  void SetObserver(sending::TransportObserver*) override {}
  void Start() override {}
  void Stop() override {}
  sending::AttemptId Attempt(const otlp::Batch& batch, Duration,
                             sending::AttemptCallback done) override {
    return Answer(batch.items, std::move(done));
  }
  void Cancel(sending::AttemptId id) override { waiting_.erase(id); }
  void Probe(Duration, sending::AttemptCallback done) override { Answer(0, std::move(done)); }

 private:
  sending::AttemptId Answer(uint64_t items, sending::AttemptCallback done) {
    const sending::AttemptId id = next_id_++;
    waiting_[id] = loop_.RunAfter(Duration::zero(), [items, done = std::move(done)]() mutable {
      if (TheWorld().peer_up) {
        TheWorld().delivered_items += items;
        done({});
      } else {
        done(sending::LocalFailure(Unavailable("the peer is away")));
      }
    });
    return id;
  }

  Loop& loop_;
  std::map<sending::AttemptId, Timer> waiting_;
  sending::AttemptId next_id_ = 1;
};

class Exporter final : public sending::Exporter {
 public:
  Status Start() override { return OkStatus(); }
  void Shutdown(TimePoint, std::move_only_function<void()> done) override { done(); }
  std::unique_ptr<sending::Transport> CreateTransport(otlp::Signal, net::Worker& home,
                                                      Duration) override {
    return std::make_unique<Transport>(home);
  }
};

inline pipeline::ReceiverFactory ReceiverFactory() {
  return {.info = {.type = "fake", .config = pipeline::SpecOf<ReceiverConfig, ReceiverTable>()},
          .create = [](pipeline::Settings settings, pipeline::ComponentConfigPtr config,
                       const pipeline::Outputs& outputs) -> std::unique_ptr<pipeline::Component> {
            return std::make_unique<Receiver>(
                settings.id.ToString(), pipeline::ValueOf<ReceiverConfig>(*config).port, outputs);
          }};
}

inline queue::ExporterFactory ExporterFactory() {
  return {.info = {.type = "fake", .config = pipeline::SpecOf<ExporterConfig, ExporterTable>()},
          .create = [](pipeline::Settings, pipeline::ComponentConfigPtr)
              -> std::unique_ptr<sending::Exporter> { return std::make_unique<Exporter>(); },
          .delivery =
              [](const pipeline::ComponentConfig& config) {
                sending::DeliverySettings settings;
                if (pipeline::ValueOf<ExporterConfig>(config).durable) {
                  settings.queue.storage = ComponentId{.type = "fake", .name = ""};
                }
                settings.retry.initial_interval = std::chrono::milliseconds(10);
                return settings;
              }};
}

inline queue::StorageFactory StorageFactory() {
  return {.info = {.type = "fake", .config = pipeline::SpecOf<StorageConfig, StorageTable>()},
          .create = [](pipeline::Settings, pipeline::ComponentConfigPtr,
                       std::shared_ptr<journal::Budget>) -> std::unique_ptr<queue::JournalStorage> {
            return std::make_unique<Storage>();
          }};
}

}  // namespace gapless::service::fake
