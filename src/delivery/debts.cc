// Debts of the queue: what a level is owed that another one took in its place. They are paid by
// backfill.h.
#include "delivery/overlap.h"
#include "delivery/sending_queue.h"

#include <algorithm>

namespace gapless::delivery {

// One backfill per level; of those that stay the state is kept. Where records are retained there is
// one even if nothing is owed for an outage: what is sent again goes the same way.
void SendingQueue::BuildBackfills() {
  std::vector<std::unique_ptr<Backfill>> old = std::move(backfills_);
  backfills_.clear();
  const journal::RetentionLimits retention = RetentionOf(options_.queue, *journal_);
  const bool wanted = options_.queue.backfill || retention.on();
  for (size_t i = 0; wanted && i < options_.levels.size(); ++i) {
    Backfill::Options options{.settings = options_.queue.backfill.value_or(BackfillSettings()),
                              .batch = BacklogOptionsOf(options_).batch,
                              .fall = options_.router.fall,
                              .ordered = options_.order == Order::kFifo,
                              .max_interval = options_.max_interval,
                              .level = i,
                              .to = options_.levels[i]};
    const auto known = std::ranges::find_if(old, [&](const auto& backfill) {
      return backfill && backfill->name() == options_.levels[i].name;
    });
    if (known != old.end()) {
      (*known)->Reconfigure(std::move(options));
      backfills_.push_back(std::move(*known));
      continue;
    }
    backfills_.push_back(std::make_unique<Backfill>(
        home_, *journal_, *stats_, log_, std::move(options),
        Backfill::Owner{
            .wake = [this] { OnReadable(); },
            .duplicates = [this](uint64_t items) { CountDuplicates(items); },
            .attempted = [this, name = options_.levels[i].name](
                             const AttemptResult& result) { OnOldAttempt(name, result); },
            .proved =
                [this, name = options_.levels[i].name] {
                  const auto level = LevelNamed(name);
                  return level && router_.proved(*level);
                }}));
  }
  if (options_.queue.backfill) {
    journal_->SetBackfillMaxSize(options_.queue.backfill->max_size);
  }
  journal_->SetRetention(retention);
  for (const auto& gone : old) {
    if (gone) {
      gone->Forget();
    }
  }
}

void SendingQueue::PumpBackfills() {
  for (size_t i = 0; i < backfills_.size(); ++i) {
    const bool asked = trial_wanted_ == i && IsOnTrial(i);
    const bool well = router_.Usable(i) && router_.state(i) == LevelState::kHealthy;
    backfills_[i]->Pump((!on_shutdown_ || retiring_) && (well || asked));
  }
  CheckDrained();
}

// A level that only data can prove, while nothing live comes.
void SendingQueue::OnOldAttempt(const std::string& name, const AttemptResult& result) {
  const auto level = LevelNamed(name);
  if (!level || trial_wanted_ != level || !IsOnTrial(*level)) {
    return;
  }
  trial_wanted_.reset();
  home_.Post([this, level = *level, outcome = result.outcome, error = result.status.message(),
              config = config_epoch_, alive = alive_] {
    if (*alive && config == config_epoch_) {
      Feed({.kind = RouterEvent::Kind::kTrial, .level = level, .outcome = outcome, .error = error});
    }
  });
}

// What is owed once `by` has settled the unit; none: a level that left the configuration.
// Attempts of it that still run on such a level are waited for.
std::vector<journal::ReaderId> SendingQueue::OwedOf(const Unit& unit, std::optional<size_t> by) {
  if (!options_.queue.backfill) {
    return {};
  }
  std::vector<journal::ReaderId> readers;
  for (const auto& backfill : backfills_) {
    readers.push_back(backfill->reader());
  }
  std::vector<UnitTrack> tracks = unit.tracks;
  for (UnitTrack& track : tracks) {
    track.rejected = track.rejected && track.certain;  // what else was refused may be taken later
  }
  std::vector<journal::ReaderId> owed = OwedAfter(readers, tracks, by.value_or(readers.size()));
  for (size_t i = 0; i < backfills_.size(); ++i) {
    if (unit.tracks[i].late > 0 && std::ranges::find(owed, readers[i]) != owed.end()) {
      backfills_[i]->Await(unit.id, unit.parts, unit.tracks[i].late);
    }
  }
  return owed;
}

// Parts of one record may have been settled by different levels: it is owed as a whole where any of
// them is, and what a level has of it already comes there twice.
void SendingQueue::NoteDebt(OpenRecord& record, const UnitPart& part,
                            const std::vector<journal::ReaderId>& owed, std::optional<size_t> by) {
  for (const journal::ReaderId reader : owed) {
    if (std::ranges::find(record.owed, reader) == record.owed.end()) {
      record.owed.push_back(reader);
    }
  }
  if (by && *by < backfills_.size()) {
    record.settlement.by |= journal::ReaderBit(backfills_[*by]->reader());
    if (!part.whole) {
      record.held.emplace_back(backfills_[*by]->reader(), part.count);
    }
  }
}

// What the level confirmed shortly before it was gone goes to the level that takes its place, which
// may never have been away, and is owed to the gone one too; to this alone where there is no other.
// What was confirmed before an earlier call has been owed by it.
void SendingQueue::RepeatConfirmed(size_t fallen) {
  const Duration overlap = OverlapOf(options_.queue);
  const bool healthy = router_.state(fallen) == LevelState::kHealthy;
  if (healthy || overlap <= Duration::zero() || fallen >= backfills_.size()) {
    return;
  }
  const std::optional<size_t> next = router_.active() == fallen ? std::nullopt : router_.active();
  const WallTime now = home_.WallNow();
  WallTime& repeated = levels_[fallen].repeated;
  const journal::RetainedQuery confirmed{.since = std::max(now - overlap, repeated),
                                         .by = backfills_[fallen]->reader()};
  repeated = now;
  if (next) {
    journal::RetainedQuery missing = confirmed;
    missing.not_by = backfills_[*next]->reader();
    Repeat(*next, missing, fallen);
  }
  if (options_.queue.backfill || !next) {
    Repeat(fallen, confirmed, fallen);
  }
}

void SendingQueue::Repeat(size_t to, const journal::RetainedQuery& query, size_t fallen) {
  const Again again = OweAgain(*journal_, backfills_[to]->reader(), query);
  if (!again.first) {
    return;
  }
  CountDuplicates(again.amount.items);
  stats_->Repeated(to, again.amount.items);
  log_.Warn("what the level confirmed shortly before it fell counts as not confirmed",
            {{"level", fallen},
             {"destination", options_.levels[fallen].name},
             {"items", again.amount.items},
             {"sent_again_to", options_.levels[to].name}});
  backfills_[to]->Add(*again.first);
  backfills_[to]->Wake();
}

journal::Amount SendingQueue::Replay(size_t level, WallTime since) {
  if (level >= backfills_.size()) {
    return {};
  }
  const Again again = OweAgain(*journal_, backfills_[level]->reader(), {.since = since});
  if (again.first) {
    CountDuplicates(again.amount.items);
    stats_->Repeated(level, again.amount.items);
    backfills_[level]->Add(*again.first);
    backfills_[level]->Wake();
  }
  return again.amount;
}

void SendingQueue::SettleRecord(journal::Position position, const OpenRecord& record) {
  journal_->Settle(position, record.settlement, record.owed);
  for (const auto& backfill : backfills_) {
    if (std::ranges::find(record.owed, backfill->reader()) == record.owed.end()) {
      continue;
    }
    backfill->Add(position);
    for (const auto& [reader, items] : record.held) {
      CountDuplicates(reader == backfill->reader() ? items : 0);
    }
  }
}

void SendingQueue::OnLateOfSettled(std::optional<size_t> level, uint64_t unit_id, bool delivered) {
  if (level && *level < backfills_.size()) {
    backfills_[*level]->OnLiveLate(unit_id, delivered);
  }
}

void SendingQueue::EndBackfills() {
  if (const uint64_t owed = journal_->stats().owed.items;
      owed > 0 && journal_->tier() == "memory") {
    log_.Warn("backfill: what was still owed ends with the process", {{"owed_items", owed}});
  }
  for (const auto& backfill : backfills_) {
    backfill->End();
  }
  backfills_.clear();
}

void SendingQueue::CountDuplicates(uint64_t items) {
  if (items > 0) {
    possible_duplicates_ += items;
    stats_->PossibleDuplicates(items);
  }
}

}  // namespace gapless::delivery
