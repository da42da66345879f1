// Journal: one log, every record settled once. The only place where data waits.
//
// One journal per (exporter or failover connector, signal). A record gets a position, is pending
// until it is settled (delivered by some reader's peer, or dropped for a named reason), and its
// space returns afterwards. Who sends it is decided at run time by its user
// (queue/sending_queue.h) and is never a durable fact. With backfill a settled record may stay
// owed to other readers: a debt.
//
// Implementations: memory_journal.h (safe while the process lives) and segment_journal.h (safe
// after kill -9 and power loss). One set of tests runs against both: journal_contract_test.cc.
// Everything here is called on the journal's home loop, and every callback fires there.
#pragma once

#include "base/loop.h"
#include "base/status.h"
#include "otlp/batch.h"

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gapless::journal {

// Grows by one per record, begins at 1, is never used twice in the life of a journal, restarts
// included.
using Position = uint64_t;
// A reader to whom debts can be owed; index of a name given to RegisterReader.
using ReaderId = uint32_t;

// A set of readers is a mask; beyond 64 of them in the life of a journal some share a bit.
constexpr uint64_t ReaderBit(ReaderId reader) { return uint64_t{1} << (reader % 64); }

enum class DropReason : uint8_t {
  kRejected,        // every configured level rejected it as invalid
  kPoison,          // its whole back-off series failed on every level while others succeeded
  kExpired,         // on_expiry: drop, or max_elapsed_time with the queue off
  kWithdrawn,       // queue off: the client cancelled or its deadline passed
  kOverflow,        // on_full: drop_oldest
  kPartialSuccess,  // items that a peer refused inside an OK
  kDamaged,         // its bytes did not survive on disk
  kUnsynced,        // written without fsync and lost with the machine
  kShutdown,        // memory that no level took before the process left
};
inline constexpr size_t kDropReasons = 9;
std::string_view ToString(DropReason reason);

struct Amount {
  uint64_t requests = 0;
  uint64_t items = 0;
  uint64_t bytes = 0;  // raw OTLP bytes

  Amount& operator+=(const Amount& other);
  Amount& operator-=(const Amount& other);
  bool operator==(const Amount&) const = default;
};

// accepted = delivered + pending + dropped(by reason) + filtered, always, also over restarts.
struct Ledger {
  Amount accepted;
  Amount delivered;
  Amount filtered;
  std::array<Amount, kDropReasons> dropped;
  Amount pending;

  Amount dropped_total() const;
  bool Balanced() const;
};

// What became of the items of one record; the counts add up to the record's items. The request and
// its bytes are booked as delivered if any item was, else under the first reason that has items,
// else as filtered.
struct Settlement {
  uint32_t delivered = 0;
  uint32_t filtered = 0;
  std::array<uint32_t, kDropReasons> dropped = {};
  // Who confirmed what was delivered: ReaderBit of each, for retention.
  uint64_t by = 0;
};

struct RecordInfo {
  Position position = 0;
  WallTime arrival;
  uint32_t items = 0;
  size_t bytes = 0;                  // raw OTLP bytes
  uint64_t lanes = otlp::kAllLanes;  // of the batch; all where it does not say
  std::shared_ptr<const otlp::Metadata> metadata;
};

// How long confirmed records stay readable. Off unless both are set.
struct RetentionLimits {
  Duration time{};
  uint64_t bytes = 0;  // of all of them, with what the index of a record takes

  bool on() const { return time > Duration::zero() && bytes > 0; }
};

// Which retained records.
struct RetainedQuery {
  WallTime since;                                 // confirmed then or later
  std::optional<ReaderId> by = std::nullopt;      // by this reader; none: by whomever
  std::optional<ReaderId> not_by = std::nullopt;  // and not by this one
};

struct JournalStats {
  Amount pending;
  Amount owed;                     // settled, held only as debts
  Amount debts_given_up;           // beyond a limit, or for want of space; since the beginning
  std::optional<WallTime> oldest;  // arrival of the oldest pending record
  Amount retained;                 // confirmed and owed to nobody, still readable
  // Every record confirmed since then is still readable; none: retention is off.
  std::optional<WallTime> retained_since;
  uint64_t memory_bytes = 0;  // memory really held
  uint64_t disk_bytes = 0;
};

class Journal {
 public:
  using AppendCallback = std::move_only_function<void(Result<Position>)>;
  using ReadCallback = std::move_only_function<void(std::vector<Result<otlp::Batch>>)>;

  virtual ~Journal() = default;

  // `done` fires when the record is safe in this journal's tier (memory: inside the call), or with
  // a retryable error and a delay when there is no room or the disk fails; then nothing was
  // accepted.
  virtual void Append(otlp::Batch batch, AppendCallback done) = 0;
  // Called after a record became readable; at once if there are records already (found at start).
  // One listener.
  virtual void SetListener(std::move_only_function<void()> on_readable) = 0;

  // The first pending, safe record at or after `from`; none if there is none yet.
  virtual std::optional<RecordInfo> NextPending(Position from) const = 0;
  // The batches of these records, in this order, as they were appended (without their context once
  // they came from disk). Pending, owed and retained records; NOT_FOUND for others. Fires once,
  // perhaps inside the call. DATA_LOSS: the record is damaged, or the disk did not give it back for
  // half a minute; the journal has booked it as dropped{damaged} and settled it. Rising positions
  // are read fastest.
  virtual void Read(std::vector<Position> positions, ReadCallback done) = 0;
  // Each pending record is settled exactly once; a position that is not pending is ignored. `owed`
  // names the readers that shall still get it (backfill). Debts beyond their own limit are given
  // up, oldest first.
  virtual void Settle(Position position, const Settlement& settlement,
                      const std::vector<ReaderId>& owed = {}) = 0;

  // Debts. A reader is known by its name (exporter or pipeline ID), never by its place in the list
  // of levels.
  virtual ReaderId RegisterReader(std::string_view name) = 0;
  virtual std::optional<RecordInfo> NextOwed(ReaderId reader, Position from) const = 0;
  // `delivered`: the reader has it now; else it was given up.
  virtual void SettleDebt(ReaderId reader, Position position, bool delivered) = 0;
  // Bytes that records may take which are held only as debts; 0: the default of the implementation.
  // The oldest are given up beyond it.
  virtual void SetBackfillMaxSize(uint64_t bytes) = 0;
  // To call once after a start, when every reader of the configuration is registered: what is owed
  // to a name of an earlier configuration is given up.
  virtual void ForgetUnregisteredReaders() = 0;

  // Retention: a record of which something was delivered, or a debt paid, stays readable until it
  // is older than `time` or the oldest beyond `bytes`. It never stands in the way of new data: its
  // space is given up first, before debts, and before anybody is refused. A durable journal keeps
  // what it can over a restart. New limits have their effect at once; off: all is released. Until
  // the first call nothing new is retained.
  virtual void SetRetention(const RetentionLimits& limits) = 0;
  // Rising.
  virtual std::vector<Position> Retained(const RetainedQuery& query) const = 0;
  // The record is owed to the reader (again). Returns what it counts; nothing if it is owed to this
  // reader already, or pending, or not readable any more.
  virtual Amount OweRetained(ReaderId reader, Position position) = 0;

  // The position that the next append will get at the earliest: everything pending now lies below.
  virtual Position head() const = 0;
  virtual const Ledger& ledger() const = 0;
  virtual JournalStats stats() const = 0;
  // "memory", "storage (survives kill -9)", "storage (survives power loss)": for the start-up log.
  virtual std::string tier() const = 0;

  // A small text that the user wants back after a restart (the router's state). Memory: kept while
  // the journal lives.
  virtual void SetUserState(std::string state) = 0;
  virtual std::string user_state() const = 0;

  // Makes everything durable that can be, then fires. No other call afterwards.
  virtual void Close(std::move_only_function<void()> done) = 0;
};

}  // namespace gapless::journal
