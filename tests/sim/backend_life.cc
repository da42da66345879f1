// How a life is built, and its load.
#include "tests/sim/backend_life.h"

#include "tests/sim/between.h"

#include <algorithm>

namespace gapless::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr Duration kStep = milliseconds(100);
constexpr Duration kSparseStepMin = seconds(1);
constexpr Duration kSparseStepMax = minutes(2);
// How often is looked at a life that has nothing else to do: with a disk in trouble, and without.
constexpr Duration kLookAtDisk = milliseconds(500);
constexpr Duration kLook = seconds(10);
constexpr uint32_t kItemsMax = 12;        // of an ordinary request …
constexpr uint32_t kLargeItemsMax = 200;  // … and of one in twenty

}  // namespace

BackendLife::BackendLife(uint64_t seed, Features features, LifeLimits limits, bool trace)
    : rng_(seed),
      load_rng_(rng_.Next()),
      fault_rng_(rng_.Next()),
      act_rng_(rng_.Next()),
      features_(features),
      trace_(trace),
      start_(loop_.Now()),
      disk_(loop_, rng_.Next()),
      max_steps_(limits.steps),
      deliveries_(loop_),
      level_watch_({}, {}) {
  oracle_.JudgeByItem();
  step_ = features_.sparse ? Between(rng_, kSparseStepMin, kSparseStepMax) : kStep;
  fault_chance_ = rng_.Chance(features_.read_only ? 0.2 : 0.5) ? 0.02 : 0.004;
  ChooseSettings();
  ChooseStorage();
  AddClients(limits.clients);
  const size_t levels = features_.many_levels ? 2 + rng_.Below(2) : 1;
  for (size_t i = 0; i < levels; ++i) {
    levels_.push_back(MakeLevel());
  }
  UseLevels();
  Tell("seed " + std::to_string(seed) + ": " + ToString(features_));
  Start();
}

void BackendLife::ChooseSettings() {
  settings_.timeout = Between(rng_, seconds(1), seconds(5));
  settings_.retry.initial_interval = Between(rng_, milliseconds(200), seconds(5));
  settings_.retry.max_interval = Between(rng_, seconds(5), seconds(30));
  settings_.retry.max_elapsed_time = Between(rng_, minutes(2), minutes(5));
  ChooseQueue();
  router_.retry_interval = Between(rng_, milliseconds(500), seconds(20));
  router_.retry_gap = Between(rng_, milliseconds(100), seconds(2));
  router_.fall = static_cast<uint32_t>(1 + rng_.Below(4));
  router_.rise = static_cast<uint32_t>(1 + rng_.Below(3));
  router_.hold = Between(rng_, milliseconds(10), seconds(10));
  level_watch_ =
      LevelWatch(router_.hold, [this](std::string_view level) { return DataAloneTells(level); });
}

void BackendLife::ChooseQueue() {
  settings_.queue.num_consumers = static_cast<uint32_t>(1 + rng_.Below(10));
  settings_.queue.queue_size = features_.small_queue ? 20 + rng_.Below(100) : 100'000;
  settings_.queue.on_full = rng_.Chance(0.5) ? sending::OnFull::kReject : sending::OnFull::kBlock;
  ChooseBatch();
  if (features_.backfill) {
    sending::BackfillSettings& backfill = settings_.queue.backfill.emplace();
    backfill.rate = rng_.Chance(0.5) ? 0 : 20'000 + rng_.Below(1'000'000);
    oracle_.Backfilled();
    deliveries_.Backfilled();
  }
  if (features_.waits || features_.queue_off) {
    ack_ = queue::Ack::kSettled;
    oracle_.Permit(journal::DropReason::kExpired);
    oracle_.Permit(journal::DropReason::kRejected);  // the client is told
    oracle_.Permit(journal::DropReason::kPoison);
    oracle_.Permit(journal::DropReason::kWithdrawn);
    oracle_.Permit(journal::DropReason::kShutdown);
  }
  if (!features_.order && rng_.Chance(0.5)) {
    order_ = queue::Order::kLiveFirst;
  }
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

void BackendLife::ChooseStorage() {
  storage_.name = "failover/sim";
  storage_.segment_size = uint64_t{16 * 1024} << rng_.Below(5);
  storage_.cache_size = rng_.Chance(0.5) ? 0 : rng_.Below(512 * 1024);
  storage_.pack = rng_.Chance(0.2);
  storage_.sync = !features_.unsynced;
  storage_.log = log_.logger();
  if (features_.small_disk) {
    storage_.max_size = 512 * 1024 + rng_.Below(1024 * 1024);
  }
  if (features_.small_memory) {
    memory_limit_ = 64 * 1024 + rng_.Below(512 * 1024);
  }
}

void BackendLife::AddClients(size_t limit) {
  uint32_t resource = 0;
  const size_t clients = 1 + rng_.Below(12);
  for (size_t i = 0; i < clients; ++i) {
    Client& client = clients_.emplace_back();
    const size_t own = rng_.Chance(0.7) ? 1 : 2 + rng_.Below(3);
    for (size_t j = 0; j < own; ++j) {
      client.resources.push_back(resource++);
    }
  }
  clients_.resize(std::min(clients_.size(), limit));
  const double large = features_.rate ? 0 : 0.05;
  const double each = (1 - large) * kItemsMax / 2.0 + large * kLargeItemsMax / 2.0;
  items_per_second_ =
      static_cast<double>(clients) * 0.3 * each / std::chrono::duration<double>(step_).count();
}

BackendLife::Level BackendLife::MakeLevel() {
  Level level{.name = "level" + std::to_string(++levels_made_), .peers = {}, .senders = {}};
  const size_t paths = features_.many_paths && rng_.Chance(0.5) ? 2 : 1;
  for (size_t i = 0; i < paths; ++i) {
    auto peer = std::make_shared<SimPeer>(level.name + "." + std::to_string(i));
    MakeBackend(*peer, levels_made_ == 1);
    level.peers.push_back(peer);
    level.senders.push_back(MakeSender(peer));
  }
  return level;
}

void BackendLife::MakeBackend(SimPeer& peer, bool first_level) {
  peer.rng = Rng(rng_.Next());
  peer.latency = Between(rng_, milliseconds(1), milliseconds(50));
  peer.jitter = Between(rng_, milliseconds(0), milliseconds(30));
  peer.watched = true;
  peer.watch = &deliveries_;
  peer.faulty = killers_;
  peer.backend.ordered = features_.order;
  peer.backend.refuses_repeats = features_.repeats;
  peer.backend.accepts_late = features_.backfill;
  // A record of which two levels have a part is sent again as a whole after a death: order is a
  // matter of what nobody has yet.
  peer.backend.excused = [this](uint64_t number) {
    return lives_ > 1 && std::ranges::any_of(Groups(), [number](const PeerGroup& group) {
             return std::ranges::any_of(group, [&](const auto& p) { return p->Has(number); });
           });
  };
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
      clock_, peer->name(), std::make_unique<SimTransport>(loop_, peer), settings_, rng_.Next());
  sender->SetSpare([this, peer] { return std::make_unique<SimTransport>(loop_, peer); });
  return sender;
}

void BackendLife::Load(Client& client) {
  const bool large = !features_.rate && load_rng_.Chance(0.05);
  auto left = static_cast<uint32_t>(1 + load_rng_.Below(large ? kLargeItemsMax : kItemsMax));
  const uint64_t first = next_item_;
  const uint32_t count = left;
  std::vector<ResourceRun> runs;
  for (size_t i = 0; i < client.resources.size() && left > 0; ++i) {
    const bool last = i + 1 == client.resources.size();
    const auto here = last ? left : static_cast<uint32_t>(load_rng_.Below(left + 1));
    if (here > 0) {
      runs.push_back({.resource = client.resources[i], .first = next_item_, .count = here});
      next_item_ += here;
      left -= here;
    }
  }
  oracle_.Offered(first, count);
  if (const auto killer = killers_.lower_bound(first);
      killer != killers_.end() && *killer < first + count) {
    for (uint64_t number = first; number < first + count; ++number) {
      oracle_.Poisonous(number);  // nobody can tell which of its items it is
    }
  }
  deliveries_.Offered(first, count);
  otlp::Batch batch = ResourceBatch(runs, load_rng_.Below(40));
  if (features_.leaves || features_.queue_off) {
    client.context = std::make_shared<otlp::RequestContext>();
    client.context->deadline = loop_.Now() + Between(load_rng_, milliseconds(100), seconds(20));
    batch.context = client.context;
  }
  client.waiting = true;
  queue_->Consume(std::move(batch),
                  pipeline::Completion([this, first, &client](const Status& status) {
                    client.waiting = false;
                    if (status.ok()) {
                      accepted_.push_back(loop_.Now());
                    }
                    oracle_.Answered(first, status.ok());
                  }));
}

// It cancels its request, and hears the answer all the same: somebody else counts.
void BackendLife::Leave(Client& client) {
  std::const_pointer_cast<otlp::RequestContext>(client.context)->cancelled = true;
  client.context.reset();
}

void BackendLife::Step() {
  for (Client& client : clients_) {
    if (!client.waiting && load_rng_.Chance(0.3)) {
      Load(client);
    } else if (client.waiting && features_.leaves && client.context && load_rng_.Chance(0.02)) {
      Leave(client);
    }
  }
  if (fault_rng_.Chance(fault_chance_)) {
    BeginFault();
  }
  Operate();
  Pass(step_);
}

// Faults end in time, however long a step is.
void BackendLife::Pass(Duration duration) {
  const TimePoint end = loop_.Now() + duration;
  while (loop_.Now() < end) {
    Advance(std::min<Duration>(end - loop_.Now(), disk_until_ ? kLookAtDisk : kLook));
    EndFaults(loop_.Now());
  }
}

std::vector<std::string> BackendLife::Run() {
  const uint64_t steps = (features_.read_only ? 2000 : 200) + rng_.Below(1500);
  progress_at_ = loop_.Now();
  for (; steps_ < std::min(steps, max_steps_) && complaints_.empty(); ++steps_) {
    Step();
  }
  Heal();
  Drain();
  Judge();
  return complaints_;
}

}  // namespace gapless::sim
