// Backfills: what each level of a queue is owed that another one took in its place, or that it
// confirmed shortly before it was gone. One backfill.h per level delivers it. Home loop.
#pragma once

#include "queue/backfill.h"
#include "queue/queue_context.h"
#include "queue/settlement.h"

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace gapless::queue {

class Backfills {
 public:
  struct Owner {
    // Pump shall be called. On a turn of its own.
    std::move_only_function<void()> wake;
    // Items that a destination may hold twice.
    std::move_only_function<void(uint64_t items)> duplicates;
    // An attempt with old data has ended.
    std::move_only_function<void(size_t level, const sending::AttemptResult& result)> attempted;
    // Whether the level has taken live data.
    std::move_only_function<bool(size_t level)> proved;
  };
  // `queue` outlives it.
  Backfills(const QueueContext& queue, Owner owner) : queue_(queue), owner_(std::move(owner)) {}

  // One backfill per level of the options; of levels that stay the state is kept. Where records are
  // retained there is one even if nothing is owed for an outage: what is sent again goes the same
  // way.
  void Build();
  // Sends what may be sent to the levels that `may_send` allows.
  void Pump(const std::function<bool(size_t level)>& may_send);
  bool Owing() const { return !levels_.empty() && queue_.journal.stats().owed.requests > 0; }
  // Units are being sent.
  bool Sending() const;
  uint64_t delivered_items() const;

  // What is owed once level `by` has settled the unit (none: one that left the configuration).
  // Attempts of it that still run on such a level are waited for.
  std::vector<journal::ReaderId> OwedFor(const Unit& unit, std::optional<size_t> by);
  // Who has what the level took; none without backfill.
  std::optional<journal::ReaderId> ReaderOf(std::optional<size_t> level) const;
  void OnDebt(const SettlementTracker::Debt& debt);

  // What the level confirmed shortly before it was gone goes to level `next`, which takes its
  // place, and is owed to the gone one too; to this alone where there is no other. What was
  // confirmed before an earlier call is not looked at again. Returns to whom that is owed.
  std::vector<journal::ReaderId> RepeatConfirmed(size_t fallen, std::optional<size_t> next);
  // What was delivered since then and is still retained goes to this level (again).
  journal::Amount Replay(size_t level, WallTime since);

  // News of a level; nothing where it has no backfill.
  void Wake(size_t level);
  void TakeBack(size_t level);
  void OnLiveSuccess(size_t level);
  void OnLiveLate(std::optional<size_t> level, uint64_t unit, bool delivered);

  // The queue ends: nothing is sent or settled any more.
  void End();

 private:
  struct Level {
    std::unique_ptr<Backfill> backfill;
    WallTime repeated{};  // RepeatConfirmed
  };
  Level New(Backfill::Options options);
  std::optional<size_t> LevelNamed(std::string_view name) const;
  Backfill* At(std::optional<size_t> level) const;
  journal::Amount SendAgain(size_t to, const journal::RetainedQuery& query);
  void Repeat(size_t to, const journal::RetainedQuery& query, size_t fallen);

  const QueueContext& queue_;
  Owner owner_;
  Duration overlap_{};
  bool owes_ = false;  // backfill is configured
  std::vector<Level> levels_;
};

}  // namespace gapless::queue
