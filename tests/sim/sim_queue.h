// SimQueue: one sending queue in the simulator, with its levels, peers, load, faults and reloads.
// Everything about it follows from its seed.
#pragma once

#include "base/rng.h"
#include "base/sim_loop.h"
#include "queue/sending_queue.h"
#include "telemetry/log_capture.h"
#include "telemetry/metrics.h"
#include "tests/sim/oracle.h"
#include "tests/sim/sim_disk.h"
#include "tests/support/sim_transport.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gapless::sim {

// The queue of a dead letter exporter: takes everything, in some lives not at the first try.
class SimDeadLetters final : public pipeline::Consumer {
 public:
  explicit SimDeadLetters(uint64_t seed) : rng_(seed), refuses_(rng_.Chance(0.5) ? 0.3 : 0) {}
  void Consume(otlp::Batch batch, pipeline::Completion completion) override;
  uint64_t items() const { return items_; }
  bool refused() const { return refused_; }

 private:
  Rng rng_;
  const double refuses_;
  bool refused_ = false;
  uint64_t items_ = 0;
};

class SimQueue {
 public:
  SimQueue(uint64_t seed, SimLoop& loop, telemetry::Registry& registry);

  // One random step: some load, perhaps a fault, a reload, a word of the operator.
  void Step();
  // One request.
  void Load();
  // All faults end; nobody overrides anything.
  void Heal();
  bool drained() const { return queue_->empty(); }
  bool on_first_level() const { return queue_->status().active == 0U; }
  // Ends the queue; `left` of the oracle's drops. True once it has ended.
  void Shutdown(Duration patience);
  bool ended() const { return ended_; }

  // What is wrong right now; empty: nothing.
  std::string CheckAlways() const;
  std::vector<std::string> JudgeAtEnd();
  std::string Describe() const;
  // What the product logged, for people.
  std::string Logged() const { return log_.text(); }

 private:
  struct NamedLevel {
    std::string name;
    PeerGroup peers;
    std::vector<std::shared_ptr<sending::Sender>> senders;
  };

  void ChooseSettings();
  void ChooseBatch();
  void ChooseBackfill(uint64_t seed);
  std::vector<std::string> JudgeBackfill() const;
  std::vector<std::string> JudgeDeadLetters() const;
  std::unique_ptr<journal::Journal> OpenJournal(uint64_t seed);
  void AddLevel();
  std::shared_ptr<sending::Sender> MakeSender(const std::shared_ptr<SimPeer>& peer);
  queue::SendingQueueOptions Options();
  void Fault();
  void FaultOf(SimPeer& peer);
  void Poison();
  void Reload();
  SimPeer& AnyPeer();

  Rng rng_;
  SimLoop& loop_;
  std::function<uint64_t()> backfill_given_up_;
  sending::DeliverySettings settings_;
  routing::RouterConfig router_;
  queue::Ack ack_ = queue::Ack::kStored;
  bool withdraw_ = false;
  queue::Order order_ = queue::Order::kFifo;
  std::vector<NamedLevel> levels_;                // all that ever were
  std::vector<size_t> used_;                      // indices of the configured ones, in order
  std::shared_ptr<SimDeadLetters> dead_letters_;  // null: none
  telemetry::LogCapture log_;
  std::unique_ptr<SimDisk> disk_;  // null: its journal is in memory
  Oracle oracle_;
  uint64_t next_item_ = 0;
  uint64_t steps_ = 0;
  bool same_levels_ = false;  // reloads leave the list of levels as it is
  bool healed_ = false;
  bool ended_ = false;
  std::unique_ptr<queue::SendingQueue> queue_;
};

}  // namespace gapless::sim
