#include "queue/backfills.h"

#include "queue/overlap.h"

#include <algorithm>
#include <utility>

namespace gapless::queue {

void Backfills::Build() {
  const SendingQueueOptions& options = queue_.options;
  std::vector<Level> old = std::exchange(levels_, {});
  const journal::RetentionLimits retention = RetentionOf(options.queue, queue_.journal);
  owes_ = options.queue.backfill.has_value();
  overlap_ = OverlapOf(options.queue);
  for (size_t i = 0; (owes_ || retention.on()) && i < options.levels.size(); ++i) {
    Backfill::Options wanted{
        .settings = options.queue.backfill.value_or(sending::BackfillSettings()),
        .batch = options.backlog().batch,
        .fall = options.router.fall,
        .ordered = options.order == Order::kFifo,
        .max_interval = options.max_interval,
        .level = i,
        .to = options.levels[i]};
    const auto known = std::ranges::find_if(old, [&](const Level& level) {
      return level.backfill && level.backfill->name() == wanted.to.name;
    });
    if (known == old.end()) {
      levels_.push_back(New(std::move(wanted)));
      continue;
    }
    known->backfill->Reconfigure(std::move(wanted));
    levels_.push_back(std::exchange(*known, {}));
  }
  if (owes_) {
    queue_.journal.SetBackfillMaxSize(options.queue.backfill->max_size);
  }
  queue_.journal.SetRetention(retention);
  for (const Level& gone : old) {
    if (gone.backfill) {
      gone.backfill->Forget();
    }
  }
}

Backfills::Level Backfills::New(Backfill::Options options) {
  const std::string name = options.to.name;
  Backfill::Owner owner{.wake = [this] { owner_.wake(); },
                        .duplicates = [this](uint64_t items) { owner_.duplicates(items); },
                        .attempted =
                            [this, name](const sending::AttemptResult& result) {
                              if (const auto level = LevelNamed(name)) {
                                owner_.attempted(*level, result);
                              }
                            },
                        .proved =
                            [this, name] {
                              const auto level = LevelNamed(name);
                              return level && owner_.proved(*level);
                            }};
  return {.backfill = std::make_unique<Backfill>(queue_, std::move(options), std::move(owner))};
}

std::optional<size_t> Backfills::LevelNamed(std::string_view name) const {
  const auto it = std::ranges::find_if(
      levels_, [&](const Level& level) { return level.backfill->name() == name; });
  return it == levels_.end() ? std::nullopt
                             : std::optional(static_cast<size_t>(it - levels_.begin()));
}

Backfill* Backfills::At(std::optional<size_t> level) const {
  return level && *level < levels_.size() ? levels_[*level].backfill.get() : nullptr;
}

void Backfills::Pump(const std::function<bool(size_t)>& may_send) {
  for (size_t i = 0; i < levels_.size(); ++i) {
    levels_[i].backfill->Pump(may_send(i));
  }
}

bool Backfills::Sending() const {
  return std::ranges::any_of(levels_, [](const Level& level) { return level.backfill->sending(); });
}

uint64_t Backfills::delivered_items() const {
  uint64_t items = 0;
  for (const Level& level : levels_) {
    items += level.backfill->delivered_items();
  }
  return items;
}

std::vector<journal::ReaderId> Backfills::OwedFor(const Unit& unit, std::optional<size_t> by) {
  if (!owes_) {
    return {};
  }
  std::vector<journal::ReaderId> readers;
  for (const Level& level : levels_) {
    readers.push_back(level.backfill->reader());
  }
  std::vector<UnitTrack> tracks = unit.tracks;
  // Where a client waits, records are not cut for one bad item; and a level that takes nothing
  // refuses everything. What was refused so may be taken later.
  const bool final = queue_.options.ack != Ack::kSettled || unit.items == 1;
  for (UnitTrack& track : tracks) {
    track.rejected = track.rejected && track.proved && final;
  }
  std::vector<journal::ReaderId> owed = OwedAfter(readers, tracks, by.value_or(readers.size()));
  for (size_t i = 0; i < levels_.size(); ++i) {
    if (unit.tracks[i].late > 0 && std::ranges::find(owed, readers[i]) != owed.end()) {
      levels_[i].backfill->debts().Await(unit.id, unit.parts, unit.tracks[i].late);
    }
  }
  return owed;
}

std::optional<journal::ReaderId> Backfills::ReaderOf(std::optional<size_t> level) const {
  const Backfill* backfill = At(level);
  return backfill == nullptr ? std::nullopt : std::optional(backfill->reader());
}

void Backfills::OnDebt(const SettlementTracker::Debt& debt) {
  for (const Level& level : levels_) {
    const journal::ReaderId reader = level.backfill->reader();
    if (std::ranges::find(debt.owed, reader) == debt.owed.end()) {
      continue;
    }
    level.backfill->debts().Add(debt.position);
    for (const auto& [holder, items] : debt.held) {
      if (holder == reader) {
        owner_.duplicates(items);
      }
    }
  }
}

std::vector<journal::ReaderId> Backfills::RepeatConfirmed(size_t fallen,
                                                          std::optional<size_t> next) {
  if (overlap_ <= Duration::zero() || fallen >= levels_.size()) {
    return {};
  }
  std::vector<journal::ReaderId> owed;
  const WallTime now = queue_.home.WallNow();
  WallTime& repeated = levels_[fallen].repeated;
  const journal::RetainedQuery confirmed{.since = std::max(now - overlap_, repeated),
                                         .by = levels_[fallen].backfill->reader()};
  repeated = now;
  if (next) {
    journal::RetainedQuery missing = confirmed;
    missing.not_by = levels_[*next].backfill->reader();
    Repeat(*next, missing, fallen);
    owed.push_back(missing.not_by.value());
  }
  if (owes_ || !next) {
    Repeat(fallen, confirmed, fallen);
    owed.push_back(*confirmed.by);
  }
  levels_[fallen].backfill->debts().Doubt();
  return owed;
}

void Backfills::Repeat(size_t to, const journal::RetainedQuery& query, size_t fallen) {
  const journal::Amount again = SendAgain(to, query);
  if (again.items > 0) {
    queue_.log.Warn("what the level confirmed shortly before it fell counts as not confirmed",
                    {{"level", fallen},
                     {"destination", levels_[fallen].backfill->name()},
                     {"items", again.items},
                     {"sent_again_to", levels_[to].backfill->name()}});
  }
}

journal::Amount Backfills::Replay(size_t level, WallTime since) {
  return level < levels_.size() ? SendAgain(level, {.since = since}) : journal::Amount();
}

journal::Amount Backfills::SendAgain(size_t to, const journal::RetainedQuery& query) {
  Backfill& backfill = *levels_[to].backfill;
  const Again again = OweAgain(queue_.journal, backfill.reader(), query);
  if (again.first) {
    owner_.duplicates(again.amount.items);
    queue_.stats.Repeated(to, again.amount.items);
    backfill.debts().Add(*again.first);
    backfill.Wake();
  }
  return again.amount;
}

void Backfills::Wake(size_t level) {
  if (Backfill* backfill = At(level)) {
    backfill->Wake();
  }
}

void Backfills::TakeBack(size_t level) {
  if (Backfill* backfill = At(level)) {
    backfill->TakeBack();
  }
}

void Backfills::OnLiveSuccess(size_t level) {
  if (Backfill* backfill = At(level)) {
    backfill->outcomes().OnLiveSuccess();
  }
}

void Backfills::OnLiveLate(std::optional<size_t> level, uint64_t unit, bool delivered) {
  if (Backfill* backfill = At(level)) {
    backfill->debts().OnLiveLate(unit, delivered);
    backfill->Wake();
  }
}

void Backfills::End() {
  if (const uint64_t owed = queue_.journal.stats().owed.items;
      owed > 0 && queue_.journal.tier() == "memory") {
    queue_.log.Warn("backfill: what was still owed ends with the process", {{"owed_items", owed}});
  }
  for (const Level& level : levels_) {
    level.backfill->End();
  }
  levels_.clear();
}

}  // namespace gapless::queue
