// Backlog: the pending records that no unit holds yet, and how the next unit is made of them.
//
// Merging happens here, on the way out: the client never waits for the batch timer and nothing is
// stored twice. With order `fifo` a record never overtakes an older one of the same lane (lanes.h);
// records of one lane that pile up behind one in flight are merged even where no merging is
// configured, as one after the other they would pay a round trip each. Reads the journal's index
// only, never payloads. Home loop.
#pragma once

#include "base/loop.h"
#include "journal/interval_set.h"
#include "journal/journal.h"
#include "queue/lane_window.h"
#include "queue/metadata_groups.h"
#include "queue/regular_groups.h"
#include "queue/unit.h"
#include "queue/unit_fill.h"
#include "sending/settings.h"

#include <optional>
#include <unordered_map>
#include <vector>

namespace gapless::queue {

// kArrival: oldest first, several at once. kFifo: the same, and one after the other within a lane.
// kLiveFirst: after an outage what comes now goes first.
enum class Order : uint8_t { kArrival, kFifo, kLiveFirst };

// Whether two records may go into one unit: the same values of the kept metadata.
bool SameMetadata(const journal::RecordInfo& a, const journal::RecordInfo& b);

class Backlog {
 public:
  struct Options {
    std::optional<sending::BatchSettings> batch;  // none: a record is a unit
    Order order = Order::kFifo;
  };
  Backlog(const journal::Journal& journal, Options options)
      : journal_(journal), options_(std::move(options)) {}

  void SetOptions(Options options);
  // Learns records that became readable since the last call, as many as take less than a
  // millisecond or so. True: there are more.
  bool Refresh();
  // What is here now is backlog; what comes from now on is live. Called when a level becomes usable
  // after an outage.
  void MarkLive() { live_from_ = knows_all_ ? next_ : journal_.head(); }
  struct Limits {
    bool flush = false;       // nothing waits for company
    sending::Lanes busy = 0;  // order `fifo`: in these nothing may go now
    uint64_t max_items = 0;   // of the unit; 0: no limit
  };
  // The parts of the next unit. None when empty, when all lanes are busy, or when merging waits for
  // more (then flush_at says how long).
  UnitParts Take(WallTime now, const Limits& limits);
  // What the last Take was like.
  struct Taken {
    uint64_t items = 0;
    uint64_t bytes = 0;
    bool by_size = false;  // there was enough; else the oldest had waited long enough
    std::shared_ptr<const otlp::Metadata> metadata = nullptr;  // what its records share; null: none
  };
  const Taken& taken() const { return taken_; }
  // When the oldest record has waited long enough to go with less company; set by the last Take.
  std::optional<WallTime> flush_at() const { return flush_at_; }
  // Removes the oldest record that no unit has touched, for drop_oldest.
  std::optional<journal::RecordInfo> TakeOldestWhole();
  // Takes one untouched record out, whatever its place; false if a unit holds it already.
  bool Remove(journal::Position position);
  // Merged units stay below this many bytes until then: a peer refused more. The smallest holds.
  void SetByteCap(size_t bytes, WallTime until);

  // Whether a record with this metadata may come: not if it would begin one more group than merging
  // may have at once, unless it is one that comes again and again.
  bool AdmitGroup(const std::shared_ptr<const otlp::Metadata>& metadata, TimePoint now);

  bool empty() const { return unread_.empty(); }
  uint64_t items() const { return items_; }
  uint64_t records() const { return unread_.size(); }

 private:
  bool ordered() const { return options_.order == Order::kFifo; }

  UnitParts TakeByArrival(WallTime now, const Limits& limits);
  // The first record whose group has enough, or has waited long enough.
  std::optional<journal::RecordInfo> FirstByArrival(WallTime now, const Limits& limits);
  std::optional<journal::Position> First() const;

  void FillWindow();
  UnitParts TakeByLane(WallTime now, Limits limits);
  // The same among those that may go, its place in the window with it. Lanes of groups that wait
  // for company are busy from then on.
  std::optional<journal::RecordInfo> FirstByLane(WallTime now, Limits& limits,
                                                 LaneWindow::Slot& slot);
  std::optional<journal::RecordInfo> NextByLane(sending::Lanes busy, LaneWindow::Slot& slot);
  // Whether a unit may begin with this record, of whose group so much can go; if not, when.
  bool IsRipe(const journal::RecordInfo& first, const MetadataGroups::Amount& group, WallTime now,
              const Limits& limits);
  UnitParts Gather(const journal::RecordInfo& first, LaneWindow::Slot slot, const Limits& limits);

  // The record at `position`; none if the journal gave it up meanwhile (damaged), and then it is
  // forgotten here too.
  std::optional<journal::RecordInfo> InfoAt(journal::Position position);
  UnitPart Consume(const journal::RecordInfo& info, uint32_t count);
  bool HasWaited(const journal::RecordInfo& first, WallTime now) const;
  uint32_t ItemsLeft(const journal::RecordInfo& info) const;
  // One more part of the unit; false: the unit is full.
  bool AddPart(const journal::RecordInfo& info, UnitParts& parts);

  const journal::Journal& journal_;
  Options options_;
  journal::IntervalSet unread_;
  LaneWindow window_;  // the oldest of them; only with order `fifo`
  std::unordered_map<journal::Position, uint32_t>
      offsets_;                 // first item that no unit holds, where records were cut
  journal::Position next_ = 1;  // the first position not yet known
  bool knows_all_ = true;
  journal::Position live_from_ = 1;
  uint64_t items_ = 0;
  MetadataGroups groups_;
  RegularGroups regulars_;
  size_t byte_cap_ = 0;  // zero: none
  WallTime byte_cap_until_{};
  uint32_t turns_ = 0;
  std::optional<WallTime> flush_at_;
  UnitFill fill_{nullptr, 0, 0};  // of the unit that Take makes
  Taken taken_;
};

}  // namespace gapless::queue
