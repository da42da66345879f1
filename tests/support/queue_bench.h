// QueueBench: a sending queue with real journal, router and senders on simulated time and network.
#pragma once

#include "base/sim_loop.h"
#include "journal/memory_journal.h"
#include "queue/sending_queue.h"
#include "telemetry/log_capture.h"
#include "tests/support/sim_transport.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace gapless::sim {

// What the exporters and the queue of a bench look like; change it before the bench is made.
struct BenchSettings {
  // One entry per level: how many paths it has.
  std::vector<size_t> levels = {1, 1};
  sending::DeliverySettings delivery = {.timeout = std::chrono::seconds(5),
                                        .retry = {.randomization_factor = 0},
                                        .queue = {.storage = std::nullopt, .batch = std::nullopt}};
  queue::Ack ack = queue::Ack::kStored;
  bool withdraw = false;
  queue::Order order = queue::Order::kFifo;
  routing::RouterConfig router;
  std::shared_ptr<MemoryLimit> memory = nullptr;
};

class QueueBench {
 public:
  explicit QueueBench(BenchSettings bench_settings = {}) : settings(std::move(bench_settings)) {
    for (size_t level = 0; level < settings.levels.size(); ++level) {
      for (size_t path = 0; path < settings.levels[level]; ++path) {
        const std::string name = "peer" + std::to_string(level) + "." + std::to_string(path);
        peers.push_back(std::make_shared<SimPeer>(name));
        senders.push_back(MakeSender(peers.back()));
      }
    }
    Restart(std::make_unique<journal::MemoryJournal>(
        journal::MemoryOptions{.budget =
                                   journal::Budget::Of(settings.memory, MemoryUse::kJournals)},
        loop));
    Run(std::chrono::milliseconds(10));  // connections are open
  }

  // Clients that still wait are answered: before the answers are gone.
  ~QueueBench() { queue.reset(); }
  QueueBench(const QueueBench&) = delete;
  QueueBench& operator=(const QueueBench&) = delete;

  // A new queue over another journal takes the place of the old one.
  void Restart(std::unique_ptr<journal::Journal> journal) {
    queue = std::make_unique<queue::SendingQueue>(
        loop, std::move(journal), Options(), log.logger(),
        std::make_unique<queue::QueueStats>(
            registry, queue::QueueStats::Identity{.name = "failover/logs",
                                                  .signal = otlp::Signal::kLogs,
                                                  .is_failover = settings.levels.size() > 1}));
  }

  std::shared_ptr<sending::Sender> MakeSender(const std::shared_ptr<SimPeer>& peer) {
    auto sender = std::make_shared<sending::Sender>(
        loop, peer->name(), std::make_unique<SimTransport>(loop, peer), settings.delivery, seed_++);
    sender->SetSpare([this, peer] { return std::make_unique<SimTransport>(loop, peer); });
    return sender;
  }

  queue::SendingQueueOptions Options() const {
    queue::SendingQueueOptions options;
    options.name = "failover/logs";
    options.signal = otlp::Signal::kLogs;
    options.is_failover = settings.levels.size() > 1;
    options.queue = settings.delivery.queue;
    options.max_interval = settings.delivery.retry.max_interval;
    options.ack = settings.ack;
    options.withdraw = settings.withdraw;
    options.order = settings.order;
    options.router = settings.router;
    options.memory = settings.memory;
    size_t next = 0;
    for (size_t level = 0; level < settings.levels.size(); ++level) {
      queue::QueueLevel& made = options.levels.emplace_back();
      made.name = "level" + std::to_string(level);
      for (size_t path = 0; path < settings.levels[level]; ++path) {
        made.paths.push_back({.processors = {}, .sender = senders[next++]});
      }
    }
    return options;
  }

  // Hands in the next `count` items; the answer is answers[result].
  size_t Put(uint32_t count = 1, std::optional<Duration> deadline = std::nullopt,
             size_t padding = 0) {
    otlp::Batch batch = NumberedBatch(next_item, count, padding);
    next_item += count;
    if (deadline) {
      auto context = std::make_shared<otlp::RequestContext>();
      context->deadline = loop.Now() + *deadline;
      contexts[answers.size()] = context;
      batch.context = std::move(context);
    }
    const size_t index = answers.size();
    answers.emplace_back();
    queue->Consume(std::move(batch), pipeline::Completion([this, index](Status status) {
                     answers[index] = std::move(status);
                   }));
    return index;
  }
  void Run(Duration duration) { loop.AdvanceBy(duration); }
  // `count` batches of one item, `gap` apart.
  void Load(int count, Duration gap) {
    for (int i = 0; i < count; ++i) {
      Put();
      Run(gap);
    }
  }

  std::optional<size_t> active() const { return queue->status().active; }
  journal::Ledger ledger() const { return queue->journal().ledger(); }
  uint64_t Dropped(journal::DropReason reason) const {
    return ledger().dropped[static_cast<size_t>(reason)].items;
  }
  // Items that no peer has.
  uint64_t Missing() const {
    uint64_t missing = 0;
    for (uint64_t number = 0; number < next_item; ++number) {
      missing += Holders(number) == 0 ? 1 : 0;
    }
    return missing;
  }
  size_t Holders(uint64_t number) const {
    size_t holders = 0;
    for (const auto& peer : peers) {
      holders += peer->Has(number) ? 1 : 0;
    }
    return holders;
  }
  // Deliveries beyond the first of each item, over all peers.
  uint64_t Duplicates() const {
    uint64_t more = 0;
    for (uint64_t number = 0; number < next_item; ++number) {
      int times = 0;
      for (const auto& peer : peers) {
        const auto it = peer->received.find(number);
        times += it == peer->received.end() ? 0 : it->second;
      }
      more += times > 1 ? static_cast<uint64_t>(times - 1) : 0;
    }
    return more;
  }

  SimLoop loop;
  telemetry::LogCapture log;
  telemetry::Registry registry;
  BenchSettings settings;
  std::vector<std::shared_ptr<SimPeer>> peers;
  std::vector<std::shared_ptr<sending::Sender>> senders;
  std::unique_ptr<queue::SendingQueue> queue;
  uint64_t next_item = 0;
  std::vector<std::optional<Status>> answers;
  std::map<size_t, std::shared_ptr<otlp::RequestContext>> contexts;  // of what has a deadline

 private:
  uint64_t seed_ = 1;
};

}  // namespace gapless::sim
