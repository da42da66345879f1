// ReadAhead: a reader that is behind reads the disk sequentially, a window ahead of itself.
//
// Lives on the journal's home loop; the reads run on the reader's executor. Holds a few MiB at
// most.
#pragma once

#include "base/loop.h"
#include "io/executor.h"
#include "journal/journal.h"
#include "journal/position_table.h"
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
    // Held records from exactly `position` on, in one segment, in the order of a reader; none if
    // the position is not held.
    virtual std::optional<ReadWindow> WindowAt(Position position) = 0;
    virtual std::optional<Position> NextPendingPosition(Position from) = 0;
    // False if the record was settled, or moved to another place, since the window was made.
    virtual bool IsCurrent(const ReadWindow& window, const ReadItem& item) = 0;
    virtual void OnDamaged(const ReadWindow& window, const ReadItem& item,
                           const Status& status) = 0;
  };

  ReadAhead(Host& host, Loop& home, io::Executor& executor);
  ~ReadAhead();

  // Precondition: the position is held.
  void Read(Position position, Journal::ReadCallback done);
  void Forget(Position position);

 private:
  using Window = std::shared_ptr<const ReadWindow>;
  // A record that is on its way from the disk, waited for, or ready.
  struct Slot {
    bool requested = false;
    std::optional<otlp::Batch> ready;
    Journal::ReadCallback waiting;  // of everybody who waits
  };

  void Wait(Slot& slot, Journal::ReadCallback done);
  otlp::Batch TakeReady(Position position, Slot& slot);
  bool IsReady(Position position) const;
  void Start(Position position);
  void OnRead(const Window& window, std::vector<ReadRecord> records);
  // False if the position must be asked for again.
  bool Answer(const ReadWindow& window, ReadRecord& record);
  void Continue();
  void Trim();

  Host& host_;
  Loop& home_;
  io::Executor& executor_;
  PositionTable<Slot> slots_;
  size_t requested_ = 0;
  size_t ready_ = 0;
  uint64_t ready_bytes_ = 0;
  // What became ready, oldest first; some of it is not any more.
  std::deque<Position> ready_order_;
  // Where the last window ended; 0: nothing was read yet.
  Position next_window_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace gapless::journal
