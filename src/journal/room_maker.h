// RoomMaker: what a durable journal gives up for space, or for a limit: retained records long
// before somebody needs their space, debts when it is needed.
//
// In one turn of the loop at most kReleasedPerTurn debts go. Home loop.
#pragma once

#include "base/loop.h"
#include "journal/checkpointer.h"
#include "journal/segment_options.h"
#include "journal/segment_records.h"

#include <cstdint>

namespace gapless::journal {

class RoomMaker {
 public:
  // All references outlive it.
  RoomMaker(const SegmentJournalOptions& options, SegmentRecords& records,
            Checkpointer& checkpoints, Loop& home);

  // Bytes of debts; 0: as the options say.
  void SetBackfillMaxSize(uint64_t bytes);
  // What is owed to readers that nobody registered.
  void GiveUpUnregistered();
  // Something more is owed.
  void LimitDebts();

  // After a group was written, or refused (`failure`); `opened`: into a new segment. True: there
  // will be room for what was refused, with a checkpoint that is on its way.
  bool MakeRoom(const Status& failure, bool opened, uint64_t disk_bytes);
  // The space of what was given up last is not there yet.
  bool IsOnItsWay() const { return !checkpoints_.IsWritten(retained_until_); }
  void Stop() { timer_.Cancel(); }

 private:
  bool GiveUpRetained(uint64_t bytes);
  void GiveUpDebts(uint64_t bytes);
  // Debts beyond a limit, and those of nobody.
  void GiveUp();
  void Done();

  const SegmentJournalOptions& options_;
  SegmentRecords& records_;
  Checkpointer& checkpoints_;
  Loop& home_;
  uint64_t debts_max_;                 // bytes
  uint64_t reduced_max_ = UINT64_MAX;  // until they are so few
  uint64_t reduced_from_ = 0;
  uint64_t unregistered_ = 0;  // records given up
  bool forgetting_ = false;
  // The checkpoints that bring back the space of what was given up last.
  uint64_t debts_until_ = 0;
  uint64_t retained_until_ = 0;
  Timer timer_;
};

}  // namespace gapless::journal
