// Confirmed records that stay readable for a while. They lie in their segments, which return later:
// nothing is written for them, and nothing moved.
#include "journal/segment_journal.h"

#include <algorithm>
#include <utility>

namespace gapless::journal {

namespace {

// Of max_size: what waits for delivery needs the rest.
constexpr uint64_t kRetainedPart = 4;

}  // namespace

void SegmentJournal::SetRetention(const RetentionLimits& limits) {
  retention_.SetTime(limits.on() ? limits.time : Duration::zero(), home_.WallNow());
  retention_bytes_ = limits.on() ? limits.bytes : 0;
  if (options_.max_size > 0) {
    retention_bytes_ = std::min(retention_bytes_, options_.max_size / kRetainedPart);
  }
  LimitRetained();
  ReleaseDue();
}

std::vector<Position> SegmentJournal::Retained(const RetainedQuery& query) const {
  return ToPositions(retention_.Find(query));
}

Amount SegmentJournal::OweRetained(ReaderId reader, Position position) {
  Entry* entry = index_.Find(position);
  if (!entry || book_.IsPending(position)) {
    return {};
  }
  const Amount amount = AmountOf(*entry);
  if (!book_.Owe(reader, position, amount)) {
    return {};
  }
  if (entry->retained) {
    CountRetained(*entry, false);
    owed_bytes_ += entry->size;
    LimitDebts();
  }
  MarkDirty();
  return amount;
}

void SegmentJournal::Note(Position position, uint64_t by) {
  if (retention_.on() && retention_.Note(position, by, home_.WallNow())) {
    ++index_.Find(position)->holds;
    if (!retention_timer_.armed()) {
      ReleaseDue();
    }
  }
}

// The record is now needed by retention alone, or not any more.
void SegmentJournal::CountRetained(Entry& entry, bool retained) {
  entry.retained = retained;
  Segment& segment = *entry.segment;
  const uint64_t bytes = entry.size + kIndexBytes;
  if (retained) {
    retained_ += AmountOf(entry);
    retained_bytes_ += bytes;
    ++segment.retained_records;
    --segment.live_records;
    segment.live_bytes -= entry.size;
  } else {
    retained_ -= AmountOf(entry);
    retained_bytes_ -= bytes;
    --segment.retained_records;
    ++segment.live_records;
    segment.live_bytes += entry.size;
  }
}

// Ends the oldest hold. False: there is none.
bool SegmentJournal::LetGoOldest() {
  const std::optional<Position> position = retention_.Pop();
  if (position) {
    EndHold(*position);
  }
  return position.has_value();
}

void SegmentJournal::EndHold(Position position) {
  Entry* entry = index_.Find(position);
  if (!entry || entry->holds == 0 || --entry->holds > 0 || !entry->retained) {
    return;  // it was damaged, or somebody else needs it still
  }
  CountRetained(*entry, false);
  Release(position);
  MarkDirty();
}

void SegmentJournal::LimitRetained() {
  while (retained_bytes_ > retention_bytes_ && LetGoOldest()) {
  }
}

// What is due, a part per turn.
void SegmentJournal::ReleaseDue() {
  std::optional<Position> held;
  for (size_t i = 0; i < kReleasedPerTurn && (held = retention_.PopDue(home_.WallNow())); ++i) {
    EndHold(*held);
  }
  if (const auto due = retention_.due(); due && !closing_) {
    retention_timer_ = home_.RunAfter(held ? Duration::zero() : UntilDue(*due, home_.WallNow()),
                                      [this] { ReleaseDue(); });
  }
}

bool SegmentJournal::GiveUpRetained(uint64_t bytes) {
  if (next_checkpoint_ <= retained_until_) {
    return true;  // the space of the last ones is on its way
  }
  const uint64_t before = retained_bytes_;
  while (retained_bytes_ > 0 && before - retained_bytes_ < bytes && LetGoOldest()) {
  }
  if (before == retained_bytes_) {
    return false;
  }
  retained_until_ = next_checkpoint_ + (checkpoint_in_flight_ ? 1 : 0);
  return true;
}

// There was no room for these, and what was retained in their place is being released: they are
// appended again when its space is back.
void SegmentJournal::AppendAgain() {
  for (Again& again : std::exchange(again_, {})) {
    AppendOnce(std::move(again.batch), std::move(again.done), /*again=*/true);
  }
}

}  // namespace gapless::journal
