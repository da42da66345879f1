#include "journal/room_maker.h"

#include <algorithm>
#include <utility>

namespace gapless::journal {

RoomMaker::RoomMaker(const SegmentJournalOptions& options, SegmentRecords& records,
                     Checkpointer& checkpoints, Loop& home)
    : options_(options),
      records_(records),
      checkpoints_(checkpoints),
      home_(home),
      debts_max_(options.backfill_max_size) {}

void RoomMaker::SetBackfillMaxSize(uint64_t bytes) {
  debts_max_ = bytes > 0 ? bytes : options_.backfill_max_size;
  LimitDebts();
  checkpoints_.Changed();
}

void RoomMaker::GiveUpUnregistered() {
  forgetting_ = true;
  GiveUp();
}

void RoomMaker::LimitDebts() {
  if (records_.owed_bytes() > debts_max_ && !timer_.armed()) {
    GiveUp();
  }
}

bool RoomMaker::MakeRoom(const Status& failure, bool opened, uint64_t disk_bytes) {
  const uint64_t segment = SegmentSizeOf(options_);
  const bool refused = failure.code() == Code::kResourceExhausted;
  const auto lacks_room_for = [&](uint64_t segments) {
    return options_.max_size > 0 && opened && disk_bytes + segments * segment > options_.max_size;
  };
  if (refused && GiveUpRetained(UINT64_MAX)) {
    return true;
  }
  if (lacks_room_for(2) && GiveUpRetained(segment)) {
    return false;
  }
  if (refused || lacks_room_for(1)) {
    GiveUpDebts(segment);
  }
  return false;
}

bool RoomMaker::GiveUpRetained(uint64_t bytes) {
  if (IsOnItsWay()) {
    return true;
  }
  if (!records_.retained().GiveUp(bytes)) {
    return false;
  }
  retained_until_ = checkpoints_.covering();
  return true;
}

void RoomMaker::GiveUpDebts(uint64_t bytes) {
  const uint64_t owed = records_.owed_bytes();
  if (owed == 0 || reduced_max_ < UINT64_MAX || !checkpoints_.IsWritten(debts_until_)) {
    return;
  }
  reduced_from_ = owed;
  reduced_max_ = owed - std::min(owed, bytes);
  GiveUp();
}

void RoomMaker::GiveUp() {
  size_t given_up = 0;
  for (; given_up < kReleasedPerTurn; ++given_up) {
    if (forgetting_ && records_.GiveUpUnregistered()) {
      ++unregistered_;
    } else if (records_.owed_bytes() > std::min(debts_max_, reduced_max_)) {
      records_.GiveUpOldestDebt();
    } else {
      break;
    }
  }
  if (given_up > 0) {
    checkpoints_.Changed();
  }
  if (given_up < kReleasedPerTurn) {
    Done();
    return;
  }
  timer_ = home_.RunAfter(Duration::zero(), [this] { GiveUp(); });
}

void RoomMaker::Done() {
  forgetting_ = false;
  if (std::exchange(reduced_max_, UINT64_MAX) < UINT64_MAX) {
    debts_until_ = checkpoints_.covering();
    options_.log.Warn(
        "the journal needs space: it gives up what was still owed (backfill)",
        {{"directory", options_.directory}, {"bytes", reduced_from_ - records_.owed_bytes()}});
  }
  if (const uint64_t records = std::exchange(unregistered_, 0); records > 0) {
    options_.log.Warn("records were owed to components that the configuration no longer names",
                      {{"directory", options_.directory}, {"records", records}});
  }
}

}  // namespace gapless::journal
