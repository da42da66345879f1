// UnitPolicy: what happens to a unit next: sent to which level, cut, kept for later, or dropped for
// a named reason. Pure: the unit, what the levels are like (router.h), how its attempts ended.
// Tables: unit_policy_test.cc.
#pragma once

#include "journal/journal.h"
#include "queue/unit.h"
#include "routing/router.h"
#include "sending/outcome.h"
#include "sending/settings.h"

#include <cstdint>
#include <optional>

namespace gapless::queue {

struct UnitDecision {
  enum class Step : uint8_t {
    kSend,       // to `level`, as soon as it is its turn and there is room
    kWait,       // for a level, before what is younger
    kRest,       // behind the others, for `max_interval`
    kPark,       // for the return of a level: every usable one calls it invalid
    kSetAside,   // kWait, and others of its lanes may go before it
    kCutInHalf,  // by items
    kHalveRecords,
    kCutToRecords,
    kIsolate,  // goes on where it is, over a connection of its own
    kGoOn,     // goes on where it is
    kDrop,     // for `reason`
  };
  Step step = Step::kWait;
  std::optional<size_t> level = {};
  journal::DropReason reason = journal::DropReason::kRejected;
  bool operator==(const UnitDecision&) const = default;
};

// Counts a failed attempt in the track; true if the unit is suspected: it failed `fall` times while
// others got through.
bool NoteFailure(UnitTrack& track, uint64_t level_successes, sending::OutcomeClass outcome,
                 uint32_t fall);

class UnitPolicy {
 public:
  struct Rules {
    sending::OnExpiry on_expiry = sending::OnExpiry::kKeep;
    bool client_waits = false;  // for the settlement: a record is never kept for later
    bool withdraw = false;      // queue off
  };
  // `router` outlives it.
  explicit UnitPolicy(const routing::Router& router) : router_(router) {}
  void SetRules(const Rules& rules) { rules_ = rules; }

  // Which levels may be used at all: while it stays the same, so does what Place says of a parked
  // unit.
  uint64_t View() const;
  // A unit that waits.
  UnitDecision Place(const Unit& unit) const;
  // The level called it invalid; `may_cut`: its one record may be cut by items. A refusal is noted
  // in the unit's track first (NoteRefusal) if it is not cut.
  UnitDecision OnRejected(const Unit& unit, const sending::AttemptResult& result,
                          bool may_cut) const;
  // Whether it is worth while to ask for `may_cut`. `alone`: there is hardly anything else to send.
  bool MayCutRecord(const Unit& unit, bool alone) const;
  // What the refusal of the unit as it is means for its track at the level where it is.
  void NoteRefusal(Unit& unit, const sending::AttemptResult& result) const;
  // Its series of attempts has ended without success, as its track says.
  UnitDecision OnGaveUp(const Unit& unit) const;
  // An attempt failed while others get through: it is suspected, which its track says from now on.
  UnitDecision OnSuspected(Unit& unit, const sending::AttemptResult& result) const;

  // A level that answers fails it, and nothing gets through: cut, so that a bad item in it is left
  // alone, and the others go (fault_cuts.h).
  UnitDecision OnFaulty(const Unit& unit) const;

  // The best usable level that has not rejected the unit; one where it fails only if there is no
  // other. None while an attempt that was released still runs there: no backend gets a batch twice
  // on purpose.
  std::optional<size_t> Choose(const Unit& unit) const;
  // Queue off: the usable level that would be asked after this one.
  std::optional<size_t> ChooseAfter(const Unit& unit, size_t level) const;
  // Queue off: how many levels may still be asked.
  int64_t Askable(const Unit& unit) const;

 private:
  std::optional<size_t> ChooseNotTried(const Unit& unit) const;
  // How willingly a unit is sent to a usable level: 0 gladly, 1 it fails there, 2 a whole series
  // failed there; none: it cannot go there.
  std::optional<int> Reluctance(const Unit& unit, size_t level) const;
  // A level that is down, and has not rejected the unit, keeps it pending for its return.
  bool MayWait(const Unit& unit) const;
  bool MayBeAsked(const Unit& unit, size_t level) const;

  const routing::Router& router_;
  Rules rules_;
};

}  // namespace gapless::queue
