// What must be true of a life: something is always delivered while a backend takes data, everything
// is in the end, in order, and at the rate that the backend allows.
#include "tests/sim/backend_life.h"

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

double SecondsOf(Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

void BackendLife::Complain(const std::string& text) {
  Tell("COMPLAINT: " + text);
  complaints_.push_back(text + " (" + Describe() + ")");
}

void BackendLife::Tell(const std::string& text) {
  if (!trace_) {
    return;
  }
  const std::string log = log_.text();
  for (size_t at = std::exchange(log_told_, log.size()); at < log.size();) {
    const size_t end = std::min(log.find('\n', at), log.size());
    std::printf("           | %s\n", log.substr(at, end - at).c_str());
    at = end + 1;
  }
  std::printf("%10.3f %s\n", SecondsOf(loop_.Now() - start_), text.c_str());
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

uint64_t BackendLife::TakenBy(const PeerGroup& peers) const {
  uint64_t taken = 0;
  for (const auto& peer : peers) {
    for (const uint64_t size : peer->unit_sizes) {
      taken += size;
    }
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
  return std::ranges::any_of(levels_, [](const Level& level) {
    return std::ranges::all_of(level.peers, [](const auto& peer) { return peer->Willing(); });
  });
}

void BackendLife::Advance(Duration duration) {
  loop_.AdvanceBy(duration);
  WatchProgress();
}

void BackendLife::WatchProgress() {
  const uint64_t taken = TakenItems();
  const bool waiting = queue_ && !queue_->empty() && SomebodyWilling();
  if (!waiting || taken > taken_) {
    progress_at_ = loop_.Now();
  }
  taken_ = taken;
  if (loop_.Now() - progress_at_ >= kStuckAfter && !std::exchange(stuck_, true) &&
      !features_.bad_items) {  // a record that only a level that is down could take waits for it
    Complain("livelock: nothing delivered for 75 s, though a backend would take data");
  }
}

// A process ends: what it admitted, and what the next one cannot know of it.
void BackendLife::CloseAccount() {
  possible_duplicates_ += queue_->status().possible_duplicates;
  uint64_t copies = 0;
  for (const Level& level : levels_) {
    std::map<uint64_t, int> held;  // all paths of a level get everything
    for (const auto& peer : level.peers) {
      for (const auto& [number, times] : peer->received) {
        held[number] = std::max(held[number], times);
      }
    }
    for (const auto& [number, times] : held) {
      copies += static_cast<uint64_t>(times);
    }
  }
  const uint64_t known =
      disk_->ledger().delivered.items + possible_duplicates_ + excused_duplicates_;
  excused_duplicates_ += copies - std::min(copies, known);
}

bool BackendLife::Settled() const {
  return queue_->empty() && queue_->status().journal.owed.items == 0 &&
         queue_->status().active == 0U;
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
  Client& client = clients_[rng_.Below(clients_.size())];
  if (!client.waiting && rng_.Chance(kTrickleChance)) {
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

void BackendLife::Judge() {
  bool ended = false;
  queue_->Shutdown(loop_.Now() + seconds(20), [&ended](journal::Amount) { ended = true; });
  loop_.AdvanceBy(minutes(1));
  if (!ended) {
    Complain("shutdown has not ended");
  }
  possible_duplicates_ += queue_->status().possible_duplicates;
  if (features_.order) {
    JudgeOrder();
  }
  if (!queue_->empty()) {
    return;  // said before
  }
  if (!disk_->ledger().Balanced()) {
    Complain("the ledger's equation does not hold");
  }
  const uint64_t admitted = features_.backfill && lives_ > 1
                                ? UINT64_MAX / 2
                                : possible_duplicates_ + excused_duplicates_;
  std::vector<PeerGroup> groups;
  uint64_t repeats = 0;
  for (const Level& level : levels_) {
    groups.push_back(level.peers);
    for (const auto& peer : level.peers) {
      repeats += peer->backend.refused_repeats().size();
    }
  }
  oracle_.TakenForInvalid(repeats);
  for (const std::string& text : oracle_.Judge(groups, disk_->ledger(), admitted).complaints) {
    Complain(text);
  }
  if (features_.backfill) {
    const uint64_t excused =
        disk_->stats().debts_given_up.items + disk_->ledger().dropped_total().items;
    for (const std::string& text : oracle_.JudgeFirstLevel(groups.front(), excused)) {
      Complain(text);
    }
  }
}

}  // namespace gapless::sim
