// What must be true of a life: something is always delivered while a backend takes data, everything
// is in the end, in order, and at the rate that the backend allows.
#include "tests/sim/backend_life.h"
#include "tests/sim/coverage.h"
#include "tests/sim/given_up.h"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

namespace gapless::sim {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

// Longer than any single back-off or pause, and than 30 s of throttling take a level down.
constexpr Duration kStuckAfter = seconds(75);
// After the last fault: for what is pending and what is owed, beside the time that a limit asks
// for.
constexpr Duration kDrainTime = minutes(17);
// A limited backend: when its rate has been learned, and what is used of it from then on.
constexpr Duration kLearnTime = minutes(1);
constexpr Duration kMeasureMin = minutes(1);
constexpr double kUseMin = 0.8;

// Some levels are proved by data alone, so a little of it still comes for a while.
constexpr Duration kTrickleTime = minutes(2);
constexpr double kTrickleChance = 0.2;  // in each second
// Files beside the segments: checkpoints, what is saved of damaged places.
constexpr uint64_t kDiskBeside = 512 * 1024;

double SecondsOf(Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

void BackendLife::Complain(const std::string& text) {
  Tell("COMPLAINT: " + text);
  complaints_.push_back(text + " (" + Describe() + ")");
}

void BackendLife::Tell(const std::string& text) const {
  if (trace_) {
    std::printf("%10.3f %s\n", SecondsOf(loop_.Now() - start_), text.c_str());
  }
}

void BackendLife::OnLog(std::string_view line) {
  Tell("| " + std::string(line));
  level_watch_.OnLog(line, loop_.Now());
  if (const std::string_view goal = Coverage::GoalOfLog(line); !goal.empty()) {
    logged_.insert(goal);
  }
}

std::string BackendLife::Describe() const {
  std::string text = fmt::format("{}; {:.1f} s, {} items", ToString(features_),
                                 SecondsOf(loop_.Now() - start_), next_item_);
  if (queue_) {
    const queue::QueueStatus status = queue_->status();
    text += fmt::format(", pending {}, owed {}", status.ledger.pending.items,
                        status.journal.owed.items);
    for (const auto& level : status.levels) {
      text += " " + level.name + "=" + std::string(ToString(level.state));
    }
  }
  return text;
}

std::vector<PeerGroup> BackendLife::Groups() const {
  std::vector<PeerGroup> groups;
  for (const Level& level : levels_) {
    groups.push_back(level.peers);
  }
  for (const Level& level : gone_) {
    groups.push_back(level.peers);
  }
  return groups;
}

uint64_t BackendLife::TakenBy(const PeerGroup& peers) const {
  uint64_t taken = 0;
  for (const auto& peer : peers) {
    taken += peer->taken_items;
  }
  return taken;
}

uint64_t BackendLife::TakenItems() const {
  uint64_t taken = 0;
  for (const Level& level : levels_) {
    taken += TakenBy(level.peers);
  }
  return taken;
}

bool BackendLife::SomebodyWilling() const {
  return std::ranges::any_of(levels_, [this](const Level& level) {
    return std::ranges::all_of(level.peers, [this](const auto& peer) {
      return peer->Willing() && peer->latency < settings_.timeout / 2;
    });
  });
}

void BackendLife::Advance(Duration duration) {
  loop_.AdvanceBy(duration);
  if (queue_ && !disk_.dead()) {
    WatchAlways();
  } else {
    progress_at_ = loop_.Now();
  }
}

void BackendLife::WatchAlways() {
  const queue::QueueStatus status = queue_->status();
  if (!status.ledger.Balanced()) {
    Complain("the ledger's equation does not hold");
  }
  level_watch_.Look(status);
  for (const std::string& wrong : level_watch_.TakeComplaints()) {
    Complain(wrong);
  }
  WatchLimits(status);
  WatchProgress(status.journal.pending.requests == 0);
}

void BackendLife::WatchLimits(const queue::QueueStatus& status) {
  if (status.journal.memory_bytes > memory_limit_) {
    Complain(fmt::format("the journal holds {} bytes of memory, it may hold {}",
                         status.journal.memory_bytes, memory_limit_));
  }
  // For a while there is one segment more: records that are moved make room.
  const uint64_t most = storage_.max_size + storage_.segment_size + kDiskBeside;
  if (storage_.max_size > 0 && disk_.used() > most) {
    Complain(fmt::format("the journal takes {} bytes of the disk, max_size is {}", disk_.used(),
                         storage_.max_size));
  }
  for (const Level& level : levels_) {
    for (const auto& sender : level.senders) {
      if (sender->stats().in_flight > settings_.queue.num_consumers) {
        Complain(fmt::format("{} attempts at once at {}, num_consumers is {}",
                             sender->stats().in_flight, level.name, settings_.queue.num_consumers));
      }
    }
  }
}

void BackendLife::WatchProgress(bool empty) {
  const uint64_t taken = TakenItems();
  const bool waiting = !empty && SomebodyWilling() && !overridden_ && !disk_.hinders_reads();
  if (!waiting || taken != taken_) {
    progress_at_ = loop_.Now();
  }
  taken_ = taken;
  if (loop_.Now() - progress_at_ >= kStuckAfter && !std::exchange(stuck_, true) &&
      !features_.bad_items && !features_.killers) {  // these wait for other levels and for proof
    Complain("livelock: nothing delivered for 75 s, though a backend would take data");
  }
}

// Data has come within the last retry_interval, in its first half: a level that waits for a trial
// had it.
bool BackendLife::DataAloneTells(std::string_view name) const {
  const TimePoint from = loop_.Now() - router_.retry_interval;
  const auto first = std::ranges::lower_bound(accepted_, from);
  const bool data = first != accepted_.end() && *first < from + router_.retry_interval / 2;
  const auto level = std::ranges::find(levels_, name, &Level::name);
  return data && ack_ == queue::Ack::kStored && level != levels_.end() &&
         std::ranges::all_of(level->peers, [](const auto& peer) {
           return peer->link() == SimPeer::Link::kUp && peer->mode == SimPeer::Mode::kOk &&
                  peer->backend.state == SimBackend::State::kReadOnly503;
         });
}

bool BackendLife::Settled() const {
  const queue::QueueStatus status = queue_->status();
  return status.journal.pending.requests == 0 && status.journal.owed.items == 0 &&
         status.active == 0U;
}

void BackendLife::Drain() {
  const TimePoint healed = loop_.Now();
  const queue::QueueStatus status = queue_->status();
  Duration allowed = kDrainTime;
  if (const double rate = levels_.front().peers.front()->backend.rate; rate > 0) {
    const auto items = static_cast<double>(status.ledger.pending.items + status.journal.owed.items);
    allowed += std::chrono::ceil<seconds>(std::chrono::duration<double>(items / rate / kUseMin));
  }
  std::optional<TimePoint> measured_from;
  uint64_t taken_before = 0;
  while (!Settled() && loop_.Now() < healed + allowed && complaints_.empty()) {
    Advance(seconds(1));
    if (loop_.Now() < healed + kTrickleTime) {
      Trickle();
    }
    if (queue_->empty() && measured_from) {
      CheckRate(*std::exchange(measured_from, std::nullopt), taken_before);
    } else if (!measured_from && !queue_->empty() && loop_.Now() == healed + kLearnTime) {
      measured_from = loop_.Now();
      taken_before = TakenBy(levels_.front().peers);
    }
  }
  if (!complaints_.empty()) {
    return;
  }
  if (!queue_->empty()) {
    Complain("not drained after the last fault");
  } else if (queue_->status().journal.owed.items > 0) {
    Complain("debts are left after the last fault");
  } else if (queue_->status().active != 0U) {
    Complain("not on the first level after the last fault");
  }
}

void BackendLife::Trickle() {
  Client& client = clients_[load_rng_.Below(clients_.size())];
  if (!client.waiting && load_rng_.Chance(kTrickleChance)) {
    Load(client);
  }
}

void BackendLife::CheckRate(TimePoint from, uint64_t taken_before) {
  const SimPeer& peer = *levels_.front().peers.front();
  const double time = SecondsOf(loop_.Now() - from);
  if (peer.backend.rate == 0 || levels_.size() > 1 || levels_.front().peers.size() > 1 ||
      loop_.Now() - from < kMeasureMin) {
    return;
  }
  const auto taken = static_cast<double>(TakenBy(levels_.front().peers) - taken_before);
  const double used = taken / (peer.backend.rate * time);
  if (used < kUseMin) {
    Complain(fmt::format("of the allowed {:.0f} items/s only {:.0f} % were used for {:.0f} s",
                         peer.backend.rate, used * 100, time));
  }
}

void BackendLife::JudgeOrder() {
  for (const Level& level : levels_) {
    for (const auto& peer : level.peers) {
      for (const Offences* offences : {&peer->backend.out_of_order(), &peer->flights.offences()}) {
        if (offences->count() > 0) {
          Complain(peer->name() + ": " + offences->texts().front() + ", and " +
                   std::to_string(offences->count() - 1) + " more");
        }
      }
    }
  }
}

// Who has what.
void BackendLife::JudgeCopies(const std::vector<PeerGroup>& groups,
                              const queue::QueueStatus& status) {
  uint64_t repeats = 0;
  for (const PeerGroup& group : groups) {
    for (const auto& peer : group) {
      repeats += peer->backend.refused_repeats().size();
    }
  }
  // What was settled may have come back from the disk too old for a backend that keeps order.
  oracle_.TakenForInvalid(features_.order && lost_power_ ? UINT64_MAX / 2 : repeats);
  const uint64_t admitted = lives_ > 1 ? UINT64_MAX / 2 : possible_duplicates_;
  for (const std::string& text : oracle_.Judge(groups, status.ledger, admitted).complaints) {
    Complain(text);
  }
  for (const std::string& text : oracle_.JudgeLoss(groups)) {
    Complain(text);
  }
  if (deliveries_.unexplained() > possible_duplicates_) {
    Complain(fmt::format("{} copies that nobody can explain, the queue admits {}:{}",
                         deliveries_.unexplained(), possible_duplicates_, deliveries_.examples()));
  }
  if (const uint64_t gone = GivenUpItems(registry_, "level_gone");
      gone > 0 && !features_.level_changes) {
    Complain(fmt::format("{} items are not owed to a level any more, though it stays", gone));
  }
  if (features_.backfill && !lost_power_) {
    const uint64_t excused =
        status.journal.debts_given_up.items + status.ledger.dropped_total().items;
    for (const std::string& text : oracle_.JudgeFirstLevel(groups.front(), excused)) {
      Complain(text);
    }
  }
}

void BackendLife::Judge() {
  bool ended = false;
  queue_->Shutdown(loop_.Now() + seconds(20), [&ended](journal::Amount) { ended = true; });
  loop_.AdvanceBy(minutes(1));
  if (!ended) {
    Complain("shutdown has not ended");
  }
  const queue::QueueStatus status = queue_->status();
  possible_duplicates_ += status.possible_duplicates;
  if (features_.order && !lost_power_) {  // what was settled may have come back from a disk
    JudgeOrder();
  }
  if (queue_->empty()) {  // else it was said before
    JudgeCopies(Groups(), status);
  }
}

}  // namespace gapless::sim
