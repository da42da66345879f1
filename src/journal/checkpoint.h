// Checkpoint: what a journal knows beside its records, in two alternating slots.
// docs/formats/journal.md.
#pragma once

#include "io/file_system.h"
#include "journal/book.h"
#include "journal/retention.h"

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

namespace gapless::journal {

struct Checkpoint {
  uint64_t journal_id = 0;
  uint64_t sequence = 0;
  bool unsynced = false;  // records were written without sync
  Position counted = 1;   // accepted records below it are in the ledger
  Position head = 1;      // no position from here on was given out
  Ledger ledger;          // pending: of the positions in `pending`
  Amount given_up;
  IntervalSet pending;  // below `counted`
  Debts debts;
  // Of many intervals only those of the latest groups are written.
  std::deque<Retention::Group> retained;
  std::string user_state;
};
inline constexpr size_t kRetainedIntervalsMax = 4096;

std::string EncodeCheckpoint(const Checkpoint& checkpoint);
// Errors: NOT_FOUND for an empty slot, FAILED_PRECONDITION for a newer format, DATA_LOSS else.
Result<Checkpoint> DecodeCheckpoint(std::string_view bytes);

std::string CheckpointPath(const std::string& directory, uint64_t sequence);

// Both slots, as found at a start.
struct FoundCheckpoints {
  std::optional<Checkpoint> best;
  Position head = 1;  // the highest head of either
  uint64_t next_sequence = 1;
  bool damaged = false;  // a slot that had content could not be read
};

// `journal_id`: slots of another journal are ignored; 0: any. Errors: FAILED_PRECONDITION for a
// newer format; of the disk.
Result<FoundCheckpoints> FindCheckpoints(io::FileSystem& fs, const std::string& directory,
                                         uint64_t journal_id);

// Writes slots. One thread. After a failed write the same slot is written again: the other one
// stays good.
class CheckpointWriter {
 public:
  CheckpointWriter(io::FileSystem& fs, std::string directory, bool sync);
  // Reserves the space of both slots, so that a full disk can still be told what is settled (which
  // is what frees it). Best effort.
  void Reserve();
  // `encoded` carries `sequence`.
  Status Write(uint64_t sequence, std::string_view encoded);

 private:
  Status Open(uint64_t sequence);

  io::FileSystem& fs_;
  const std::string directory_;
  const bool sync_;
  std::array<std::unique_ptr<io::File>, 2> slots_;
};

}  // namespace gapless::journal
