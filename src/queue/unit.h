// Sending unit: a fixed list of item ranges of records, sent and repeated unchanged until it is
// settled or cut.
#pragma once

#include "base/loop.h"
#include "journal/journal.h"
#include "otlp/batch.h"
#include "sending/lanes.h"
#include "sending/sender.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace gapless::queue {

// Items [first, first + count) of the record at `position`.
struct UnitPart {
  journal::Position position = 0;
  uint32_t first = 0;
  uint32_t count = 0;
  bool whole = true;         // the record has no other items
  uint64_t bytes = 0;        // of the record, uncompressed
  sending::Lanes lanes = 0;  // of the record; none where no order is kept

  bool operator==(const UnitPart&) const = default;
};

using UnitParts = std::vector<UnitPart>;

// Uncompressed. Records are merged up to this; a single one may be larger.
inline constexpr uint64_t kUnitBytesMax = uint64_t{16} << 20;

// What a unit went through at one level.
struct UnitTrack {
  bool rejected = false;  // the level called it invalid
  bool certain = false;   // … which counts: it takes other data, or a client waits for its word
  bool proved = false;    // … and takes other data, so that it is not the level's own trouble
  bool failed_probe = false;
  bool suspected = false;         // failed `fall` times here while other units got through …
  bool failing = false;           // … answered by the peer each time
  bool gave_up = false;           // a whole back-off series failed here
  bool others_succeeded = false;  // … while other units got through
  uint32_t failures = 0;
  uint32_t faulty = 0;            // answers of the peer that blame itself, also before it fell
  uint32_t late = 0;              // released attempts that still run here
  uint64_t successes_before = 0;  // the level's successes when this unit first failed there
};

struct Unit {
  // For what it waits, in the scheduler's words (unit_scheduler.h).
  enum class Waits : uint8_t { kNo, kReady, kResting, kParked };
  enum class Content : uint8_t { kUnread, kReading, kRead };

  uint64_t id = 0;
  UnitParts parts;
  uint32_t items = 0;
  // Those in which it goes before what is younger; none: anything may overtake it.
  sending::Lanes lanes = 0;
  // A level that has taken nothing yet refused it: others of its lanes may go, to learn whose fault
  // that is.
  bool aside = false;
  // It waits for a level that is down, because others call it invalid: nothing waits for it.
  bool parked = false;
  Waits waits = Waits::kNo;
  // Failures that may be its own, as long as it holds up others.
  struct Faults {
    uint32_t count = 0;
    TimePoint first{};
    // It is a piece of a unit that a level failed whole, and that was cut for it.
    bool piece = false;
  } faults;

  // Filled before a send.
  Content content = Content::kUnread;
  otlp::Batch batch;
  struct Held {
    uint64_t bytes = 0;  // uncompressed, once it has been read
    uint64_t made = 0;   // what reading it took of memory, beside the journal's
  } held;

  // Where it is now; none: it waits to be sent again.
  std::optional<size_t> level;
  bool live_probe = false;
  struct Path {
    sending::DeliveryId delivery = 0;
    bool done = false;
    uint32_t sent_items = 0;
    uint64_t refused_items = 0;
  };
  std::vector<Path> paths;

  std::vector<UnitTrack> tracks;  // by level
  // It is read once more for this, and ends then.
  std::optional<journal::DropReason> buried_as;
  Status last_error;
  // Attempts whose outcome is unknown: each may have delivered it already.
  uint32_t copies = 0;
};

// Called so by a level whose word counts: one that has taken nothing yet may refuse whatever it
// gets.
bool IsInvalid(const Unit& unit);

// Items of attempts whose outcome nobody will hear: all but one attempt may be copies.
uint64_t UnheardCopies(const Unit& unit);

// Two halves by items; cuts inside a record where need be. Precondition: more than one item.
std::pair<UnitParts, UnitParts> CutInHalf(const UnitParts& parts);
// Two halves by records. Precondition: more than one part.
std::pair<UnitParts, UnitParts> HalveRecords(const UnitParts& parts);
std::vector<UnitParts> CutToRecords(const UnitParts& parts);
// Pieces of at most `items` each, in order. Precondition: items > 0.
std::vector<UnitParts> CutToItems(UnitParts parts, uint64_t items);

}  // namespace gapless::queue
