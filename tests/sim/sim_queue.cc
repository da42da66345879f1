#include "tests/sim/sim_queue.h"

#include "journal/memory_journal.h"
#include "tests/sim/between.h"
#include "tests/sim/given_up.h"

#include <algorithm>

namespace gapless::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// One queue in so many has a journal on a disk.
constexpr uint64_t kDurableOneIn = 3;

}  // namespace

void SimDeadLetters::Consume(otlp::Batch batch, pipeline::Completion completion) {
  if (rng_.Chance(refuses_)) {
    refused_ = true;
    completion(Unavailable("sending queue is full").WithRetryAfter(milliseconds(500)));
    return;
  }
  items_ += NumbersIn(batch.body.ToString()).size();
  completion(OkStatus());
}

SimQueue::SimQueue(uint64_t seed, SimLoop& loop, telemetry::Registry& registry)
    : rng_(seed), loop_(loop), backfill_given_up_([&registry, seed] {
        return GivenUpItems(registry, "failover/" + std::to_string(seed));
      }) {
  ChooseSettings();
  ChooseBackfill(seed);
  const size_t levels = 1 + rng_.Below(3);
  for (size_t i = 0; i < levels; ++i) {
    used_.push_back(levels_.size());
    AddLevel();
  }
  queue_ = std::make_unique<queue::SendingQueue>(
      loop_, OpenJournal(seed), Options(), log_.logger(),
      std::make_unique<queue::QueueStats>(
          registry, queue::QueueStats::Identity{.name = "failover/" + std::to_string(seed),
                                                .signal = otlp::Signal::kLogs,
                                                .is_failover = levels > 1}));
}

void SimQueue::ChooseSettings() {
  using journal::DropReason;
  settings_.timeout = Between(rng_, seconds(1), seconds(5));
  settings_.retry.initial_interval = Between(rng_, milliseconds(200), seconds(5));
  settings_.retry.max_interval = Between(rng_, seconds(5), seconds(30));
  settings_.retry.max_elapsed_time = Between(rng_, seconds(10), minutes(5));
  settings_.queue.num_consumers = static_cast<uint32_t>(1 + rng_.Below(10));
  settings_.queue.queue_size = 20 + rng_.Below(2000);
  settings_.queue.sizer = rng_.Chance(0.3) ? sending::Sizer::kItems : sending::Sizer::kRequests;
  settings_.queue.on_full = static_cast<sending::OnFull>(rng_.Below(3));
  if (settings_.queue.on_full == sending::OnFull::kDropOldest) {
    oracle_.Permit(DropReason::kOverflow);
  }
  ChooseBatch();
  if (rng_.Chance(0.3)) {
    ack_ = queue::Ack::kSettled;
    withdraw_ = rng_.Chance(0.5);
    oracle_.Permit(DropReason::kExpired);
    oracle_.Permit(DropReason::kWithdrawn);
  }
  order_ = rng_.Chance(0.5) ? queue::Order::kLiveFirst : queue::Order::kFifo;
  router_.retry_interval = Between(rng_, milliseconds(500), seconds(20));
  router_.retry_gap = Between(rng_, milliseconds(100), seconds(2));
  router_.max_retries = static_cast<uint32_t>(rng_.Below(4));
  router_.fall = static_cast<uint32_t>(1 + rng_.Below(4));
  router_.rise = static_cast<uint32_t>(1 + rng_.Below(3));
  router_.hold = Between(rng_, milliseconds(10), seconds(10));
}

void SimQueue::ChooseBatch() {
  if (rng_.Chance(0.5)) {
    settings_.queue.batch.reset();
    return;
  }
  sending::BatchSettings& batch = settings_.queue.batch.emplace();
  batch.flush_timeout = Between(rng_, milliseconds(0), milliseconds(500));
  batch.min_size = rng_.Below(100);
  if (rng_.Chance(0.5)) {
    batch.max_size = std::max<uint64_t>(1, batch.min_size + rng_.Below(20));
  }
}

// Out of a generator of its own: the rest of a life is the same with and without.
void SimQueue::ChooseBackfill(uint64_t seed) {
  Rng rng(seed ^ 0xbacf111);
  if (rng.Chance(0.5)) {
    dead_letters_ = std::make_shared<SimDeadLetters>(rng.Next());
  }
  if (rng.Chance(0.5)) {
    return;
  }
  sending::BackfillSettings& backfill = settings_.queue.backfill.emplace();
  backfill.rate = rng.Chance(0.5) ? 0 : 20'000 + rng.Below(1'000'000);
  backfill.max_size = rng.Chance(0.2) ? 20'000 + rng.Below(100'000) : 0;
  same_levels_ = rng.Chance(0.8);
  oracle_.Backfilled();
}

std::unique_ptr<journal::Journal> SimQueue::OpenJournal(uint64_t seed) {
  Rng rng(seed ^ 0xd15c);
  if (rng.Below(kDurableOneIn) > 0 || withdraw_) {
    return std::make_unique<journal::MemoryJournal>(journal::MemoryOptions{}, loop_);
  }
  disk_ = std::make_unique<SimDisk>(loop_, rng.Next());
  auto journal = disk_->Open({.name = "failover/sim",
                              .segment_size = uint64_t{16 * 1024} << rng.Below(5),
                              .sync = rng.Chance(0.5),
                              .pack = rng.Chance(0.2),
                              .cache_size = rng.Chance(0.5) ? 0 : rng.Below(512 * 1024)},
                             loop_);
  GAPLESS_CHECK(journal.ok());
  return std::move(*journal);
}

void SimQueue::AddLevel() {
  NamedLevel& level = levels_.emplace_back();
  level.name = "level" + std::to_string(levels_.size());
  const size_t paths = rng_.Chance(0.15) ? 2 : 1;
  for (size_t i = 0; i < paths; ++i) {
    auto peer = std::make_shared<SimPeer>(level.name + "." + std::to_string(i));
    peer->rng = Rng(rng_.Next());
    peer->latency = Between(rng_, milliseconds(1), milliseconds(50));
    level.peers.push_back(peer);
    level.senders.push_back(MakeSender(peer));
  }
}

std::shared_ptr<sending::Sender> SimQueue::MakeSender(const std::shared_ptr<SimPeer>& peer) {
  return std::make_shared<sending::Sender>(
      loop_, peer->name(), std::make_unique<SimTransport>(loop_, peer), settings_, rng_.Next());
}

queue::SendingQueueOptions SimQueue::Options() {
  queue::SendingQueueOptions options;
  options.name = "failover/sim";
  options.signal = otlp::Signal::kLogs;
  options.is_failover = true;
  options.queue = settings_.queue;
  options.max_interval = settings_.retry.max_interval;
  options.ack = ack_;
  options.withdraw = withdraw_;
  options.order = order_;
  options.router = router_;
  options.dead_letter = {.name = "file/rejected", .consumer = dead_letters_};
  for (const size_t index : used_) {
    const NamedLevel& level = levels_[index];
    queue::QueueLevel made{.name = level.name, .paths = {}};
    for (const auto& sender : level.senders) {
      made.paths.push_back({.processors = {}, .sender = sender});
    }
    options.levels.push_back(std::move(made));
  }
  return options;
}

SimPeer& SimQueue::AnyPeer() {
  const NamedLevel& level = levels_[used_[rng_.Below(used_.size())]];
  return *level.peers[rng_.Below(level.peers.size())];
}

void SimQueue::Load() {
  const auto count = static_cast<uint32_t>(1 + rng_.Below(rng_.Chance(0.05) ? 200 : 12));
  otlp::Batch batch = NumberedBatch(next_item_, count, rng_.Below(40));
  if (withdraw_ || rng_.Chance(0.2)) {
    auto context = std::make_shared<otlp::RequestContext>();
    context->deadline = loop_.Now() + Between(rng_, milliseconds(100), seconds(20));
    batch.context = std::move(context);
  }
  if (rng_.Chance(0.1)) {
    batch.metadata = std::make_shared<const otlp::Metadata>(
        otlp::Metadata{{"tenant", std::to_string(rng_.Below(3))}});
  }
  const uint64_t first = next_item_;
  next_item_ += count;
  oracle_.Offered(first, count);
  queue_->Consume(std::move(batch), pipeline::Completion([this, first](const Status& status) {
                    oracle_.Answered(first, status.ok());
                  }));
}

void SimQueue::Step() {
  ++steps_;
  const uint64_t batches = rng_.Chance(0.05) ? rng_.Below(60) : rng_.Below(4);
  for (uint64_t i = 0; i < batches; ++i) {
    Load();
  }
  if (rng_.Chance(0.03)) {
    Fault();
  }
  if (rng_.Chance(0.002)) {
    Reload();
  }
  if (rng_.Chance(0.003)) {
    queue_->SetOverride(rng_.Below(used_.size()), static_cast<routing::Override>(rng_.Below(3)));
  }
}

void SimQueue::Fault() {
  if (rng_.Chance(0.2)) {
    Poison();
    return;
  }
  SimPeer& peer = AnyPeer();
  if (rng_.Chance(0.45)) {  // the last fault ends
    peer.SetLink(SimPeer::Link::kUp);
    peer.mode = SimPeer::Mode::kOk;
    peer.failure_rate = 0;
    peer.refused_items = 0;
    peer.max_bytes = SIZE_MAX;
    peer.faulty_probes = false;
    peer.latency = Between(rng_, milliseconds(1), milliseconds(50));
    return;
  }
  FaultOf(peer);
}

void SimQueue::FaultOf(SimPeer& peer) {
  // Bad luck through a whole series of attempts, while others succeed, looks like it.
  oracle_.Permit(journal::DropReason::kPoison);
  static constexpr SimPeer::Mode kModes[] = {
      SimPeer::Mode::kUnavailable,  SimPeer::Mode::kFaulty, SimPeer::Mode::kThrottled,
      SimPeer::Mode::kDenied,       SimPeer::Mode::kHangs,  SimPeer::Mode::kTakesAndHangs,
      SimPeer::Mode::kTakesAndFails};
  switch (rng_.Below(10)) {
    case 0:
    case 1:
      peer.SetLink(SimPeer::Link::kRefused);
      return;
    case 2:
    case 3:
      peer.SetLink(SimPeer::Link::kBlackHole);
      return;
    case 4:
      peer.Reset();
      return;
    case 5:
      peer.latency = Between(rng_, milliseconds(100), seconds(8));
      return;
    case 6:
      peer.failure_rate = rng_.Uniform() * 0.5;
      peer.faulty_probes = rng_.Chance(0.2);
      return;
    case 7:
      peer.refused_items = rng_.Below(5);
      peer.max_bytes = rng_.Chance(0.5) ? 600 + rng_.Below(3000) : SIZE_MAX;
      return;
    default:
      peer.mode = kModes[rng_.Below(std::size(kModes))];
      peer.throttle_delay = Between(rng_, milliseconds(100), seconds(60));
      return;
  }
}

// A future item that some or all peers reject, or fail on.
void SimQueue::Poison() {
  const uint64_t number = next_item_ + rng_.Below(100);
  const bool everywhere = rng_.Chance(0.5);
  const bool rejected = rng_.Chance(0.7);
  for (const NamedLevel& level : levels_) {
    for (const auto& peer : level.peers) {
      if (everywhere || rng_.Chance(0.3)) {
        (rejected ? peer->poison : peer->faulty).insert(number);
      }
    }
  }
  oracle_.Poisonous(number);
}

void SimQueue::Reload() {
  const bool plain = used_.size() == 1;
  const bool may_change = !same_levels_;
  if (rng_.Chance(0.3) && may_change && levels_.size() < 5 && !plain) {
    used_.insert(used_.begin() + static_cast<ptrdiff_t>(rng_.Below(used_.size() + 1)),
                 levels_.size());
    AddLevel();
  }
  if (rng_.Chance(0.3) && may_change && used_.size() > 2) {
    used_.erase(used_.begin() + static_cast<ptrdiff_t>(rng_.Below(used_.size())));
  }
  if (rng_.Chance(0.3) && may_change) {
    std::ranges::reverse(used_);
  }
  if (rng_.Chance(0.5)) {
    for (const size_t index : used_) {
      for (size_t i = 0; i < levels_[index].senders.size(); ++i) {
        levels_[index].senders[i] = MakeSender(levels_[index].peers[i]);
      }
    }
  }
  if (rng_.Chance(0.3)) {
    ChooseBatch();
  }
  if (rng_.Chance(0.2)) {
    settings_.queue.queue_size = 20 + rng_.Below(2000);
  }
  queue_->Reconfigure(Options());
}

void SimQueue::Heal() {
  healed_ = true;
  for (const NamedLevel& level : levels_) {
    for (const auto& peer : level.peers) {
      peer->mode = SimPeer::Mode::kOk;
      peer->faulty.clear();
      peer->latency = milliseconds(5);
      peer->failure_rate = 0;
      peer->refused_items = 0;
      peer->max_bytes = SIZE_MAX;
      peer->faulty_probes = false;
      peer->SetLink(SimPeer::Link::kUp);
    }
  }
  for (size_t i = 0; i < used_.size(); ++i) {
    queue_->SetOverride(i, routing::Override::kAuto);
  }
  // A queue that is full of what its levels refuse takes nothing that would prove them.
  settings_.queue.queue_size += 100'000;
  queue_->Reconfigure(Options());
}

void SimQueue::Shutdown(Duration patience) {
  oracle_.Permit(journal::DropReason::kShutdown);
  queue_->Shutdown(loop_.Now() + patience, [this](journal::Amount) { ended_ = true; });
}

std::string SimQueue::CheckAlways() const {
  const journal::Ledger& ledger = queue_->journal().ledger();
  if (!ledger.Balanced()) {
    return "the ledger's equation does not hold";
  }
  const uint64_t acknowledged = oracle_.acknowledged_items();
  if (ack_ == queue::Ack::kStored && ledger.accepted.items != acknowledged) {
    return "accepted " + std::to_string(ledger.accepted.items) + ", clients were promised " +
           std::to_string(acknowledged);
  }
  return {};
}

std::vector<std::string> SimQueue::JudgeAtEnd() {
  std::vector<PeerGroup> groups;
  for (const NamedLevel& level : levels_) {
    groups.push_back(level.peers);
  }
  std::vector<std::string> complaints =
      oracle_.Judge(groups, queue_->journal().ledger(), queue_->status().possible_duplicates)
          .complaints;
  if (const std::string now = CheckAlways(); !now.empty()) {
    complaints.push_back(now);
  }
  std::ranges::move(JudgeBackfill(), std::back_inserter(complaints));
  std::ranges::move(JudgeDeadLetters(), std::back_inserter(complaints));
  return complaints;
}

std::vector<std::string> SimQueue::JudgeBackfill() const {
  if (!settings_.queue.backfill || !same_levels_ || !healed_) {
    return {};
  }
  const queue::QueueStatus status = queue_->status();
  const auto refused = static_cast<size_t>(journal::DropReason::kPartialSuccess);
  const uint64_t excused = status.journal.debts_given_up.items + backfill_given_up_() +
                           status.ledger.dropped_total().items -
                           status.ledger.dropped[refused].items;  // the peers hold these
  return oracle_.JudgeFirstLevel(levels_[used_.front()].peers, excused);
}

// What was dropped as invalid is there instead, but for what found no room while that queue
// refused.
std::vector<std::string> SimQueue::JudgeDeadLetters() const {
  const journal::Ledger ledger = queue_->journal().ledger();
  const uint64_t invalid =
      ledger.dropped[static_cast<size_t>(journal::DropReason::kRejected)].items +
      ledger.dropped[static_cast<size_t>(journal::DropReason::kPoison)].items;
  if (!dead_letters_ || dead_letters_->refused() || dead_letters_->items() >= invalid) {
    return {};
  }
  return {"dropped as invalid " + std::to_string(invalid) + ", dead letters " +
          std::to_string(dead_letters_->items())};
}

std::string SimQueue::Describe() const {
  const queue::QueueStatus status = queue_->status();
  std::string text = "steps " + std::to_string(steps_) + ", items " + std::to_string(next_item_) +
                     ", pending " + std::to_string(status.ledger.pending.items) + ", active " +
                     (status.active ? std::to_string(*status.active) : "none") + ", levels";
  for (const auto& level : status.levels) {
    text += " " + level.name + "=" + std::string(ToString(level.state)) + "/" +
            std::string(ToString(level.word));
  }
  text += settings_.queue.backfill ? ", backfill" : "";
  text += ", owed " + std::to_string(status.journal.owed.items);
  text += withdraw_ ? ", queue off" : ack_ == queue::Ack::kSettled ? ", wait_for_result" : "";
  text += ", on_full " + std::to_string(static_cast<int>(settings_.queue.on_full));
  return text;
}

}  // namespace gapless::sim
