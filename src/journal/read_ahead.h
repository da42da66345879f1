// ReadAhead: a reader that is behind reads the disk sequentially, some windows ahead of itself.
//
// Lives on the journal's home loop; the reads run on the reader's executor. Holds a few MiB at
// most. What the disk does not give back is asked for again for half a minute: disks that are out
// for a while must not cost records.
#pragma once

#include "base/lifetime.h"
#include "base/loop.h"
#include "io/executor.h"
#include "journal/journal.h"
#include "journal/read_records.h"

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

namespace gapless::journal {

class ReadAhead {
 public:
  // What the journal knows. Called on the home loop.
  class Host {
   public:
    virtual ~Host() = default;
    // What needs no disk: the batch if memory has it, NOT_FOUND if nobody holds the record. None:
    // it must be read.
    virtual std::optional<Result<otlp::Batch>> AtOnce(Position position) = 0;
    // Held records from exactly `position` on, in one segment, in the order of a reader.
    // Precondition: the position is held.
    virtual ReadWindow WindowAt(Position position) = 0;
    virtual std::optional<Position> NextPendingPosition(Position from) = 0;
    // False if the record was settled, or moved to another place, since the window was made.
    virtual bool IsCurrent(const ReadWindow& window, const ReadItem& item) = 0;
    virtual void OnDamaged(const ReadWindow& window, const ReadItem& item,
                           const Status& status) = 0;
    // The disk does not give something of it back; it is asked again.
    virtual void OnUnreadable(const ReadWindow& window, const Status& status) = 0;
  };

  ReadAhead(Host& host, Loop& home, io::Executor& executor);
  ~ReadAhead();

  // As Journal::Read.
  void Read(std::vector<Position> positions, Journal::ReadCallback done);
  // The record was settled: what was read of it ahead is of no use.
  void Forget(Position position);

 private:
  struct Window {
    std::shared_ptr<const ReadWindow> source;
    Position first = 0;
    Position last = 0;
    std::vector<ReadRecord> records;  // by item; empty while they are on their way
    std::vector<bool> gone;           // by item: taken, or settled before that
    size_t left = 0;                  // items that are not gone
    uint64_t bytes = 0;               // that these hold
    size_t next = 0;                  // the item that is wanted next, if the reader goes on
    int failures = 0;                 // of the disk
    Timer again;
    bool ready() const { return !records.empty(); }
  };
  struct Place {
    size_t window = 0;
    size_t item = 0;
  };
  struct Request {
    std::vector<Position> positions;
    std::vector<Result<otlp::Batch>> batches;
    Journal::ReadCallback done;
  };

  // Adds what is there; false: it waits for the disk.
  bool Advance(Request& request);
  // Has what it waits for read, as far as the disk's thread is free.
  void Ask(const Request& request);
  // Where the record is that is ready or on its way.
  std::optional<Place> Find(Position position);
  // Precondition: its window is ready. None: it must be read again.
  std::optional<Result<otlp::Batch>> Take(const Place& place);
  // `bytes`: that it holds.
  void Remove(const Place& place, uint64_t bytes);
  // Has a window read; the last position in it.
  Position Start(Position position);
  void Send(const std::shared_ptr<const ReadWindow>& source);
  void OnRead(const std::shared_ptr<const ReadWindow>& source, std::vector<ReadRecord> records);
  void Continue();
  void Trim();

  Host& host_;
  Loop& home_;
  io::Executor& executor_;
  std::vector<Window> windows_;   // in the order in which they were asked for
  std::deque<Request> requests_;  // that wait for the disk
  size_t on_their_way_ = 0;       // windows
  uint64_t ready_bytes_ = 0;
  // Where the last window ended; 0: nothing was read yet.
  Position next_window_ = 0;
  Lifetime lifetime_;
};

}  // namespace gapless::journal
