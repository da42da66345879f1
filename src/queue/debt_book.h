// DebtBook: what one reader is owed, seen by whoever pays it: which records come next, which are on
// their way.
//
// A debt is a record that another level settled (journal/journal.h). The journal knows the debts
// and keeps them over restarts; this is the order in which they are paid. Reads the journal's index
// only. Home loop.
#pragma once

#include "base/loop.h"
#include "journal/journal.h"
#include "queue/cut_limit.h"
#include "queue/unit.h"
#include "sending/settings.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace gapless::queue {

// The readers that shall also get what level `by` settled: all above it that have not called it
// invalid. `by` = readers.size(): a level that left the configuration; then every reader is above.
// `readers` and `tracks`: by level, equally many.
std::vector<journal::ReaderId> OwedAfter(const std::vector<journal::ReaderId>& readers,
                                         const std::vector<UnitTrack>& tracks, size_t by);

class DebtBook {
 public:
  // `journal` outlives the book.
  DebtBook(journal::Journal& journal, std::string_view reader);

  journal::ReaderId reader() const { return reader_; }
  // Nothing is owed, also nothing that is on its way.
  bool empty() const { return !journal_.NextOwed(reader_, 0); }

  // The journal has a new debt.
  void Add(journal::Position position);
  // The records of the next unit, oldest first: one, or with `batch` as many as belong together.
  // They are on their way then. None: nothing is owed, or all of it is under way or held back.
  UnitParts Take(const std::optional<sending::BatchSettings>& batch);
  // These items are delivered, or else given up; a record with its last item. Returns the items of
  // records that end so and are owed once more (Doubt).
  uint64_t Settle(const std::vector<UnitPart>& parts, bool delivered);
  // The reader may have lost what it confirmed: records of which it has only a part so far are owed
  // as a whole once more when their last piece has ended.
  void Doubt();

  // One more piece of the record was refused as invalid. Whether it is worth while to cut it again:
  // see cut_limit.h.
  bool MayCutAgain(journal::Position position);

  // A unit of live data was settled elsewhere while `attempts` of it still run at the reader: its
  // records are held back until they have ended, or one has brought them.
  void Await(uint64_t live_unit, UnitParts parts, uint32_t attempts);
  // One of these attempts has ended.
  void OnLiveLate(uint64_t live_unit, bool delivered);

  // Gives up what arrived before `limit` and is not on its way, at most so many records that a turn
  // of the loop stays short. Returns its items.
  uint64_t ExpireBefore(WallTime limit);
  std::optional<WallTime> oldest() const;
  // Gives up everything: the reader left the configuration. Returns its items.
  uint64_t Forget();

 private:
  bool Available(journal::Position position) const {
    return !under_way_.contains(position) && !held_back_.contains(position);
  }
  std::optional<journal::RecordInfo> NextAvailable();
  void ReleaseHold(journal::Position position);

  journal::Journal& journal_;
  const journal::ReaderId reader_;
  const CutLimit cut_limit_;
  // Every debt below it is on its way or held back.
  journal::Position cursor_ = 0;
  struct OnItsWay {
    uint32_t items = 0;
    uint32_t left = 0;  // not settled yet
    CutPieces pieces = {};
    bool doubted = false;
  };
  struct Awaited {
    UnitParts parts;
    uint32_t attempts = 0;
  };
  std::unordered_map<journal::Position, OnItsWay> under_way_;
  std::unordered_map<uint64_t, Awaited> awaited_;
  // Records of these, and of how many.
  std::unordered_map<journal::Position, uint32_t> held_back_;
};

}  // namespace gapless::queue
