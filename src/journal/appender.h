// Appender: takes batches into a durable journal: admits them, has them written in groups, and
// answers. What finds no room waits while retained records are given up for it. Home loop.
#pragma once

#include "base/lifetime.h"
#include "base/loop.h"
#include "journal/budget.h"
#include "journal/checkpointer.h"
#include "journal/compactor.h"
#include "journal/journal.h"
#include "journal/room_maker.h"
#include "journal/segment_options.h"
#include "journal/segment_records.h"
#include "journal/write_queue.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

namespace gapless::journal {

class Appender {
 public:
  // What it works with; outlives it.
  struct Parts {
    const SegmentJournalOptions& options;
    Loop& home;
    BudgetCharge& charge;
    SegmentRecords& records;
    WriteQueue& queue;
    Checkpointer& checkpoints;
    RoomMaker& room;
    Compactor& compactor;
  };
  // A group was written and its clients are answered. `readable`: there are new records.
  using OnDone = std::move_only_function<void(bool readable)>;

  // `next`: the position of the next record.
  Appender(const Parts& parts, Position next, OnDone on_done);

  // As Journal::Append.
  void Append(otlp::Batch batch, Journal::AppendCallback done) {
    Append(std::move(batch), std::move(done), /*waits=*/true);
  }
  void OnGroup(GroupResult result);
  // What waits for room is tried again when its space is there.
  void OnCheckpoint(const CheckpointResult& result);
  // Nothing is taken any more.
  void Close();

  Position head() const { return next_; }
  // Appends below it are finished.
  Position counted() const { return counted_; }
  // Nothing is on its way.
  bool idle() const { return in_flight_.empty(); }
  uint64_t disk_bytes() const { return disk_bytes_; }

 private:
  struct Request {
    otlp::Batch batch;
    Journal::AppendCallback done;
  };
  struct InFlight {
    SegmentRecords::Arrival record;
    Journal::AppendCallback done;
    bool waits = false;
  };
  // `waits`: for room, if there is something to give up.
  void Append(otlp::Batch batch, Journal::AppendCallback done, bool waits);
  Status Admit(const otlp::Batch& batch, uint64_t charge);
  // The next one in flight, which was written so.
  InFlight Finish(const Written& written);
  void AppendWaiting(bool wait);

  const Parts parts_;
  OnDone on_done_;
  Position next_;
  Position counted_;
  std::deque<InFlight> in_flight_;
  uint64_t in_flight_bytes_ = 0;
  std::vector<Request> waiting_;
  uint64_t disk_bytes_ = 0;
  bool closing_ = false;
  telemetry::Sampled log_{1, std::chrono::seconds(10)};
  Lifetime lifetime_;
};

}  // namespace gapless::journal
