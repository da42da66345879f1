// BackendLife: one queue over a journal on a disk, in front of backends that behave like real ones,
// for some virtual minutes: clients with resources of their own, faults that begin and end, what an
// operator does, processes and machines that die. Everything about it follows from its seed.
#pragma once

#include "base/rng.h"
#include "base/sim_loop.h"
#include "queue/sending_queue.h"
#include "telemetry/metrics.h"
#include "tests/sim/deliveries.h"
#include "tests/sim/features.h"
#include "tests/sim/level_watch.h"
#include "tests/sim/oracle.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_log.h"
#include "tests/sim/wall_loop.h"
#include "tests/support/sim_transport.h"

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace gapless::sim {

// How much of a life is lived; for the search of a smaller one that fails as well.
struct LifeLimits {
  uint64_t steps = UINT64_MAX;
  size_t clients = SIZE_MAX;
};

class BackendLife {
 public:
  // `trace`: prints what happens.
  BackendLife(uint64_t seed, Features features, LifeLimits limits, bool trace);
  // Clients that still wait are answered: before the answers are gone.
  ~BackendLife() { queue_.reset(); }
  BackendLife(const BackendLife&) = delete;
  BackendLife& operator=(const BackendLife&) = delete;
  // What went wrong; empty: nothing.
  std::vector<std::string> Run();

  // After Run: what was reached.
  telemetry::Registry& registry() { return registry_; }
  const std::set<std::string_view>& logged() const { return logged_; }
  const LevelWatch& level_watch() const { return level_watch_; }
  const Deliveries& deliveries() const { return deliveries_; }
  Duration lived() const { return loop_.Now() - start_; }
  uint64_t steps() const { return steps_; }
  size_t clients() const { return clients_.size(); }

 private:
  // Sends one request after the other, each of its resources in order.
  struct Client {
    std::vector<uint32_t> resources;
    bool waiting = false;
    std::shared_ptr<otlp::RequestContext> context;  // of its request; null: it waits for ever
  };
  struct Level {
    std::string name;
    PeerGroup peers;
    std::vector<std::shared_ptr<sending::Sender>> senders;
  };
  struct Fault {
    SimPeer* peer;
    TimePoint until;
  };

  // backend_life.cc: how it is built, and its load.
  void ChooseSettings();
  void ChooseQueue();
  void ChooseBatch();
  void ChooseStorage();
  Level MakeLevel();
  void AddClients(size_t limit);
  void MakeBackend(SimPeer& peer, bool first_level);
  std::shared_ptr<sending::Sender> MakeSender(const std::shared_ptr<SimPeer>& peer);
  void Step();
  void Pass(Duration duration);
  void Load(Client& client);
  void Leave(Client& client);

  // backend_process.cc: processes begin and end.
  queue::SendingQueueOptions Options();
  Result<std::unique_ptr<journal::Journal>> OpenJournal();
  bool TryStart();
  void Start();
  void Restart();
  void Die(io::CrashKind kind);
  void Retire();
  void Return();
  void OnProcessGone(TimePoint written_down);

  // backend_operator.cc: what is done to it.
  void Operate();
  void Reload();
  std::string ChangeLevels();
  void UseLevels();
  void SpeakWord();

  // backend_faults.cc: what happens to the backends and the machine.
  void BeginFault();
  void BeginFaultOf(SimPeer& peer, std::string_view kind);
  std::vector<std::string_view> Kinds() const;
  void EndFaults(TimePoint now);
  void Mend(SimPeer& peer);
  void Crash(SimPeer& peer);
  void Repair();
  void PoisonItem();
  void PlantKiller();
  void BeginDiskTrouble();
  void Heal();

  // backend_judge.cc: what must be true.
  void Advance(Duration duration);
  void WatchAlways();
  void WatchLimits(const queue::QueueStatus& status);
  void WatchProgress(bool empty);
  bool DataAloneTells(std::string_view level) const;
  void Drain();
  void Trickle();
  void CheckRate(TimePoint from, uint64_t taken_before);
  void JudgeOrder();
  void JudgeCopies(const std::vector<PeerGroup>& groups, const queue::QueueStatus& status);
  void Judge();
  bool Settled() const;
  std::vector<PeerGroup> Groups() const;
  uint64_t TakenBy(const PeerGroup& peers) const;
  uint64_t TakenItems() const;
  bool SomebodyWilling() const;
  void Complain(const std::string& text);
  void OnLog(std::string_view line);
  void Tell(const std::string& text) const;
  std::string Describe() const;

  // Each concern has numbers of its own: leaving one out changes little of the others.
  Rng rng_;
  Rng load_rng_;
  Rng fault_rng_;
  Rng act_rng_;
  const Features features_;
  const bool trace_;
  SimLoop loop_;
  WallLoop clock_{loop_};
  const TimePoint start_;
  telemetry::Registry registry_;
  SimLog log_{[this](std::string_view line) { OnLog(line); }};
  std::set<std::string_view> logged_;  // goals of Coverage
  SimDisk disk_;
  std::optional<TimePoint> disk_until_;  // the end of its trouble
  journal::SegmentJournalOptions storage_;
  uint64_t memory_limit_ = UINT64_MAX;
  sending::DeliverySettings settings_;
  routing::RouterConfig router_;
  queue::Ack ack_ = queue::Ack::kStored;
  queue::Order order_ = queue::Order::kFifo;
  std::vector<Level> levels_;  // in the order of the configuration
  std::vector<Level> gone_;    // that were configured before
  size_t levels_made_ = 0;
  std::vector<Client> clients_;
  Duration step_{};
  double items_per_second_ = 0;  // what the clients send, about
  uint64_t next_item_ = 0;
  uint64_t max_steps_;
  uint64_t steps_ = 0;
  uint64_t lives_ = 0;       // processes so far
  double fault_chance_ = 0;  // in each step
  bool killed_ = false;      // with kill -9
  bool lost_power_ = false;  // and with it what was not synced
  bool overridden_ = false;  // by an operator
  std::vector<Fault> faults_;
  std::set<uint64_t> killers_;  // items at which every backend fails
  std::optional<TimePoint> repair_at_;
  std::optional<TimePoint> return_at_;  // the queue is retired until then
  Timer end_retired_;
  bool queue_ends_ = false;          // it was drained before its return
  bool retired_ = false;             // … and has ended
  TimePoint retired_until_{};        // what it had written down then
  std::vector<TimePoint> accepted_;  // when clients heard OK
  Oracle oracle_;
  Deliveries deliveries_;
  LevelWatch level_watch_;
  uint64_t possible_duplicates_ = 0;  // of processes that ended
  uint64_t taken_ = 0;
  TimePoint progress_at_{};  // since then nothing was delivered though somebody would take it
  bool stuck_ = false;
  std::vector<std::string> complaints_;
  std::unique_ptr<queue::SendingQueue> queue_;
};

}  // namespace gapless::sim
