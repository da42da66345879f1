// How a life is built, its load, and what the operator does.
#include "tests/sim/backend_life.h"

#include <algorithm>
#include <cstdio>

namespace gapless::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr Duration kStep = milliseconds(100);
constexpr uint32_t kItemsMax = 12;        // of an ordinary request …
constexpr uint32_t kLargeItemsMax = 200;  // … and of one in twenty

Duration Between(Rng& rng, Duration low, Duration high) {
  return low +
         Duration(static_cast<int64_t>(rng.Below(static_cast<uint64_t>((high - low).count()) + 1)));
}

}  // namespace

BackendLife::BackendLife(uint64_t seed, Features features, bool trace)
    : rng_(seed), features_(features), trace_(trace), start_(loop_.Now()) {
  disk_ = std::make_shared<journal::MemoryJournal>(journal::MemoryOptions{}, loop_);
  oracle_.JudgeByItem();
  fault_chance_ = rng_.Chance(features_.read_only ? 0.2 : 0.5) ? 0.02 : 0.004;
  ChooseSettings();
  AddClients();
  const size_t levels = features_.many_levels ? 2 + rng_.Below(2) : 1;
  for (size_t i = 0; i < levels; ++i) {
    AddLevel();
  }
  Tell("seed " + std::to_string(seed) + ": " + ToString(features_));
  StartQueue();
}

void BackendLife::ChooseSettings() {
  settings_.timeout = Between(rng_, seconds(1), seconds(5));
  settings_.retry.initial_interval = Between(rng_, milliseconds(200), seconds(5));
  settings_.retry.max_interval = Between(rng_, seconds(5), seconds(30));
  settings_.retry.max_elapsed_time = Between(rng_, minutes(2), minutes(5));
  settings_.queue.num_consumers = static_cast<uint32_t>(1 + rng_.Below(10));
  settings_.queue.queue_size = features_.small_queue ? 20 + rng_.Below(100) : 100'000;
  settings_.queue.on_full = rng_.Chance(0.5) ? sending::OnFull::kReject : sending::OnFull::kBlock;
  ChooseBatch();
  if (features_.backfill) {
    sending::BackfillSettings& backfill = settings_.queue.backfill.emplace();
    backfill.rate = rng_.Chance(0.5) ? 0 : 20'000 + rng_.Below(1'000'000);
    oracle_.Backfilled();
  }
  if (features_.waits) {
    ack_ = queue::Ack::kSettled;
    oracle_.Permit(journal::DropReason::kExpired);
    oracle_.Permit(journal::DropReason::kRejected);  // the client is told
  }
  if (!features_.order && rng_.Chance(0.5)) {
    order_ = queue::Order::kLiveFirst;
  }
  router_.retry_interval = Between(rng_, milliseconds(500), seconds(20));
  router_.retry_gap = Between(rng_, milliseconds(100), seconds(2));
  router_.fall = static_cast<uint32_t>(1 + rng_.Below(4));
  router_.rise = static_cast<uint32_t>(1 + rng_.Below(3));
  router_.hold = Between(rng_, milliseconds(10), seconds(10));
}

void BackendLife::ChooseBatch() {
  settings_.queue.batch.reset();
  if (!features_.batch) {
    return;
  }
  sending::BatchSettings& batch = settings_.queue.batch.emplace();
  batch.flush_timeout = Between(rng_, milliseconds(0), milliseconds(500));
  batch.min_size = rng_.Chance(0.5) ? rng_.Below(100) : 8192;
  if (rng_.Chance(0.3)) {
    batch.max_size = batch.min_size + 1 + rng_.Below(20);
  }
}

void BackendLife::AddClients() {
  uint32_t resource = 0;
  const size_t clients = 1 + rng_.Below(12);
  for (size_t i = 0; i < clients; ++i) {
    Client& client = clients_.emplace_back();
    const size_t own = rng_.Chance(0.7) ? 1 : 2 + rng_.Below(3);
    for (size_t j = 0; j < own; ++j) {
      client.resources.push_back(resource++);
    }
  }
  const double large = features_.rate ? 0 : 0.05;
  const double each = (1 - large) * kItemsMax / 2.0 + large * kLargeItemsMax / 2.0;
  items_per_second_ = static_cast<double>(clients) * 0.3 * each / 0.1;
}

void BackendLife::AddLevel() {
  Level& level = levels_.emplace_back();
  level.name = "level" + std::to_string(levels_.size());
  const size_t paths = features_.many_paths && rng_.Chance(0.5) ? 2 : 1;
  for (size_t i = 0; i < paths; ++i) {
    auto peer = std::make_shared<SimPeer>(level.name + "." + std::to_string(i));
    MakeBackend(*peer, levels_.size() == 1);
    level.peers.push_back(peer);
    level.senders.push_back(MakeSender(peer));
  }
}

void BackendLife::MakeBackend(SimPeer& peer, bool first_level) {
  peer.rng = Rng(rng_.Next());
  peer.latency = Between(rng_, milliseconds(1), milliseconds(50));
  peer.jitter = Between(rng_, milliseconds(0), milliseconds(30));
  peer.watched = true;
  peer.backend.ordered = features_.order;
  peer.backend.refuses_repeats = features_.repeats;
  peer.backend.accepts_late = features_.backfill;
  peer.backend.throttles_probes = rng_.Chance(0.5);
  if (features_.rate && (first_level || rng_.Chance(0.3))) {
    // Above one request per second; the burst may hold less than a merged request.
    peer.backend.rate = std::max<double>(2 * kItemsMax, items_per_second_ * (0.2 + rng_.Uniform()));
    peer.backend.burst =
        std::max<double>(kItemsMax, peer.backend.rate * (0.2 + 2 * rng_.Uniform()));
  }
  if (features_.forgets) {
    peer.backend.unsynced = Between(rng_, milliseconds(100), seconds(10));
  }
  if (features_.wrong_start && (first_level || rng_.Chance(0.2))) {
    peer.backend.state = SimBackend::State::kWrongPath;
    repair_at_ = loop_.Now() + Between(rng_, seconds(10), minutes(2));
  }
  if (trace_) {
    peer.tell = [this](const std::string& text) { Tell(text); };
  }
}

std::shared_ptr<sending::Sender> BackendLife::MakeSender(const std::shared_ptr<SimPeer>& peer) {
  auto sender = std::make_shared<sending::Sender>(
      loop_, peer->name(), std::make_unique<SimTransport>(loop_, peer), settings_, rng_.Next());
  sender->SetSpare([this, peer] { return std::make_unique<SimTransport>(loop_, peer); });
  return sender;
}

queue::SendingQueueOptions BackendLife::Options() {
  queue::SendingQueueOptions options;
  options.name = "failover/sim";
  options.signal = otlp::Signal::kLogs;
  options.is_failover = levels_.size() > 1;
  options.queue = settings_.queue;
  options.max_interval = settings_.retry.max_interval;
  options.ack = ack_;
  options.order = order_;
  options.router = router_;
  for (const Level& level : levels_) {
    queue::QueueLevel made{.name = level.name, .paths = {}};
    for (const auto& sender : level.senders) {
      made.paths.push_back({.processors = {}, .sender = sender});
    }
    options.levels.push_back(std::move(made));
  }
  return options;
}

void BackendLife::StartQueue() {
  ++lives_;
  queue_ = std::make_unique<queue::SendingQueue>(
      loop_, std::make_unique<DiskJournal>(disk_, loop_, rng_.Next()), Options(), log_.logger(),
      std::make_unique<queue::QueueStats>(
          registry_, queue::QueueStats::Identity{.name = "failover/" + std::to_string(lives_),
                                                 .signal = otlp::Signal::kLogs,
                                                 .is_failover = levels_.size() > 1}));
}

void BackendLife::Reload() {
  const bool fresh = rng_.Chance(0.5);
  if (fresh) {
    for (Level& level : levels_) {
      for (size_t i = 0; i < level.senders.size(); ++i) {
        level.senders[i] = MakeSender(level.peers[i]);
      }
    }
  }
  if (rng_.Chance(0.3)) {
    ChooseBatch();
  }
  const bool reverse = !features_.backfill && rng_.Chance(0.3);
  if (reverse) {
    std::ranges::reverse(levels_);
  }
  Tell(std::string("reload") + (fresh ? ", new exporters" : "") +
       (reverse ? ", levels reversed" : ""));
  queue_->Reconfigure(Options());
}

// The process ends, in good order or not, and another one takes over its journal.
void BackendLife::Restart() {
  const bool killed = rng_.Chance(0.7);
  Tell(killed ? "kill -9 and start" : "shutdown and start");
  if (!killed) {
    bool ended = false;
    queue_->Shutdown(loop_.Now() + seconds(5), [&ended](journal::Amount) { ended = true; });
    Advance(seconds(6));
    if (!ended) {
      Complain("shutdown has not ended");
    }
  }
  CloseAccount();
  queue_.reset();
  for (Level& level : levels_) {
    level.senders.clear();
    for (const auto& peer : level.peers) {
      level.senders.push_back(MakeSender(peer));
    }
  }
  Advance(Between(rng_, milliseconds(10), seconds(3)));
  StartQueue();
}

void BackendLife::Load(Client& client) {
  const bool large = !features_.rate && rng_.Chance(0.05);
  auto left = static_cast<uint32_t>(1 + rng_.Below(large ? kLargeItemsMax : kItemsMax));
  const uint64_t first = next_item_;
  const uint32_t count = left;
  std::vector<ResourceRun> runs;
  for (size_t i = 0; i < client.resources.size() && left > 0; ++i) {
    const bool last = i + 1 == client.resources.size();
    const auto here = last ? left : static_cast<uint32_t>(rng_.Below(left + 1));
    if (here > 0) {
      runs.push_back({.resource = client.resources[i], .first = next_item_, .count = here});
      next_item_ += here;
      left -= here;
    }
  }
  oracle_.Offered(first, count);
  client.waiting = true;
  queue_->Consume(ResourceBatch(runs, rng_.Below(40)),
                  pipeline::Completion([this, first, &client](const Status& status) {
                    client.waiting = false;
                    oracle_.Answered(first, status.ok());
                  }));
}

void BackendLife::Step() {
  for (Client& client : clients_) {
    if (!client.waiting && rng_.Chance(0.3)) {
      Load(client);
    }
  }
  EndFaults(loop_.Now());
  if (rng_.Chance(fault_chance_)) {
    BeginFault();
  }
  if (features_.reloads && rng_.Chance(0.005)) {
    Reload();
  }
  if (features_.restarts && rng_.Chance(0.004)) {
    Restart();
  }
  Advance(kStep);
}

std::vector<std::string> BackendLife::Run() {
  const uint64_t steps = (features_.read_only ? 2000 : 200) + rng_.Below(1500);
  progress_at_ = loop_.Now();
  for (uint64_t step = 0; step < steps && complaints_.empty(); ++step) {
    Step();
  }
  Heal();
  Drain();
  Judge();
  return complaints_;
}

}  // namespace gapless::sim
