#include "journal/retained_records.h"

#include <utility>

namespace gapless::journal {

namespace {

// Of what is given up for space: each piece is waited for, so they are larger.
constexpr size_t kGivenUpPerTurn = 10 * kReleasedPerTurn;
// Of what goes for each record that is kept: more than one, so that it ends.
constexpr size_t kReleasedPerKept = 100;

}  // namespace

bool RetainedState::Hold(Position position) {
  const std::optional<uint32_t> known = holds.Find(position);
  if (known) {
    holds.Set(position, *known + 2);
  } else {
    holds.Insert(position, 2);
  }
  return known.has_value();
}

void RetainedState::Restore(std::deque<Retention::Group> groups,
                            const std::function<std::optional<RetainedSize>(Position)>& size_of) {
  retention.Restore(std::move(groups));
  for (const Retention::Group& group : retention.groups()) {
    for (const Position position : ToPositions(group.positions)) {
      if (Hold(position)) {
        continue;
      }
      if (const std::optional<RetainedSize> size = size_of(position)) {
        holds.Set(position, 3);
        kept += *size;
      }
    }
  }
}

RetainedRecords::RetainedRecords(RetainedState state, Loop& home, Free free)
    : state_(std::move(state)), home_(home), free_(std::move(free)) {}

void RetainedRecords::SetLimits(const RetentionLimits& limits) {
  state_.retention.SetTime(limits.on() ? limits.time : Duration::zero(), home_.WallNow());
  limit_ = limits.on() ? limits.bytes : 0;
  Release();
}

void RetainedRecords::Note(Position position, uint64_t by) {
  if (!state_.retention.on() || !state_.retention.Note(position, by, home_.WallNow())) {
    return;
  }
  state_.Hold(position);
  if (!timer_.armed()) {
    Release();
  }
}

bool RetainedRecords::Keep(Position position, const RetainedSize& size) {
  const std::optional<uint32_t> holds = state_.holds.Find(position);
  if (!holds) {
    return false;
  }
  state_.holds.Set(position, *holds | 1);
  state_.kept += size;
  return true;
}

void RetainedRecords::Limit() {
  for (size_t i = 0; i < kReleasedPerKept && state_.kept.bytes > limit_ && LetGoOldest(); ++i) {
  }
}

bool RetainedRecords::TakeBack(Position position, const RetainedSize& size) {
  if (!IsKept(position)) {
    return false;
  }
  state_.holds.Set(position, *state_.holds.Find(position) - 1);
  state_.kept -= size;
  return true;
}

void RetainedRecords::EndHold(Position position) {
  const std::optional<uint32_t> holds = state_.holds.Find(position);
  if (!holds) {
    return;  // it is lost
  }
  if (*holds >= 4) {
    state_.holds.Set(position, *holds - 2);
    return;
  }
  state_.holds.Erase(position);
  if (*holds % 2 == 1) {
    state_.kept -= free_(position);
  }
}

bool RetainedRecords::LetGoOldest() {
  const std::optional<Position> position = state_.retention.Pop();
  if (position) {
    EndHold(*position);
  }
  return position.has_value();
}

bool RetainedRecords::GiveUp(uint64_t bytes) {
  const uint64_t before = state_.kept.bytes;
  for (size_t i = 0; i < kGivenUpPerTurn && state_.kept.bytes > 0 &&
                     before - state_.kept.bytes < bytes && LetGoOldest();
       ++i) {
  }
  return before > state_.kept.bytes;
}

void RetainedRecords::Release() {
  bool more = true;
  for (size_t i = 0; i < kReleasedPerTurn && more; ++i) {
    const std::optional<Position> held = state_.kept.bytes > limit_
                                             ? state_.retention.Pop()
                                             : state_.retention.PopDue(home_.WallNow());
    more = held.has_value();
    if (held) {
      EndHold(*held);
    }
  }
  const std::optional<WallTime> due = state_.retention.due();
  if (due && !stopped_) {
    timer_ = home_.RunAfter(more ? Duration::zero() : UntilDue(*due, home_.WallNow()),
                            [this] { Release(); });
  }
}

void RetainedRecords::Stop() {
  stopped_ = true;
  timer_.Cancel();
}

}  // namespace gapless::journal
