// BackendLife: one queue in front of backends that behave like real ones, for some virtual minutes:
// clients with resources of their own, faults that begin and end, reloads, restarts. Everything
// about it follows from its seed.
#pragma once

#include "base/rng.h"
#include "base/sim_loop.h"
#include "queue/sending_queue.h"
#include "telemetry/log_capture.h"
#include "telemetry/metrics.h"
#include "tests/sim/disk_journal.h"
#include "tests/sim/features.h"
#include "tests/sim/oracle.h"
#include "tests/support/sim_transport.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gapless::sim {

class BackendLife {
 public:
  // `trace`: prints what happens.
  BackendLife(uint64_t seed, Features features, bool trace);
  // What went wrong; empty: nothing.
  std::vector<std::string> Run();

 private:
  // Sends one request after the other, each of its resources in order.
  struct Client {
    std::vector<uint32_t> resources;
    bool waiting = false;
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

  // backend_life.cc: how it is built, and what the operator does.
  void ChooseSettings();
  void ChooseBatch();
  void AddLevel();
  void AddClients();
  void MakeBackend(SimPeer& peer, bool first_level);
  std::shared_ptr<sending::Sender> MakeSender(const std::shared_ptr<SimPeer>& peer);
  queue::SendingQueueOptions Options();
  void StartQueue();
  void Reload();
  void Restart();
  void Step();
  void Load(Client& client);

  // backend_faults.cc: what happens to the backends.
  void BeginFault();
  void BeginFaultOf(SimPeer& peer, std::string_view kind);
  std::vector<std::string_view> Kinds() const;
  void EndFaults(TimePoint now);
  void Mend(SimPeer& peer);
  void Crash(SimPeer& peer);
  void Repair();
  void PoisonItem();
  void Heal();

  // backend_judge.cc: what must be true.
  void Advance(Duration duration);
  void WatchProgress();
  void Drain();
  void Trickle();
  void CheckRate(TimePoint from, uint64_t taken_before);
  void JudgeOrder();
  void Judge();
  bool Settled() const;
  uint64_t TakenBy(const PeerGroup& peers) const;
  uint64_t TakenItems() const;
  bool SomebodyWilling() const;
  void CloseAccount();
  void Complain(const std::string& text);
  void Tell(const std::string& text);
  std::string Describe() const;

  Rng rng_;
  const Features features_;
  const bool trace_;
  SimLoop loop_;
  const TimePoint start_;
  telemetry::Registry registry_;
  telemetry::LogCapture log_;
  size_t log_told_ = 0;
  std::shared_ptr<journal::MemoryJournal> disk_;
  sending::DeliverySettings settings_;
  routing::RouterConfig router_;
  queue::Ack ack_ = queue::Ack::kStored;
  queue::Order order_ = queue::Order::kFifo;
  std::vector<Level> levels_;  // in the order of the configuration
  std::vector<Client> clients_;
  double items_per_second_ = 0;  // what the clients send, about
  uint64_t next_item_ = 0;
  uint64_t lives_ = 0;       // processes so far
  double fault_chance_ = 0;  // in each step
  std::vector<Fault> faults_;
  std::optional<TimePoint> repair_at_;
  Oracle oracle_;
  uint64_t possible_duplicates_ = 0;  // of processes that ended
  uint64_t excused_duplicates_ = 0;   // what no process could know of the one before
  uint64_t taken_ = 0;
  TimePoint progress_at_{};  // since then nothing was delivered though somebody would take it
  bool stuck_ = false;
  std::vector<std::string> complaints_;
  std::unique_ptr<queue::SendingQueue> queue_;
};

}  // namespace gapless::sim
