// UnitScheduler: the units of a queue, and which of those that wait comes next.
//
// A unit is on its way to a level, or it waits: ready (to be sent again as soon as a level takes
// it), resting (until a time), or parked (for the return of a level: every usable one calls it
// invalid). Units of one lane (lanes.h) go one after the other, in order of arrival; some are out
// of that order. Pure; home loop.
#pragma once

#include "base/loop.h"
#include "queue/lane_order.h"
#include "queue/unit.h"
#include "queue/unit_memory.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <vector>

namespace gapless::queue {

class UnitScheduler {
 public:
  using Visit = std::function<void(Unit&)>;
  using Wanted = std::function<bool(const Unit&)>;

  explicit UnitScheduler(UnitMemory memory = UnitMemory()) : memory_(std::move(memory)) {}

  // A new unit behind all others in its lanes; it does not wait. `levels`: how many there are.
  Unit& Add(UnitParts parts, size_t levels);
  // Null: it has ended.
  Unit* Find(uint64_t id);
  size_t size() const { return units_.size(); }
  void ForEach(const Visit& visit);
  // One that has a part of the record; null: none.
  Unit* HolderOf(journal::Position position);
  // What was read of them.
  UnitMemory& memory() { return memory_; }
  // It has ended.
  void Remove(uint64_t id);
  void Clear();
  // The pieces take the unit's place, before everything else that waits; what the unit went through
  // as a whole is forgotten. Returns them.
  std::vector<Unit*> Cut(uint64_t id, std::vector<UnitParts> pieces);

  // It waits to be sent (again): before the others, behind them, or where its age puts it.
  enum class Place : uint8_t { kFirst, kLast, kByAge };
  void Wait(Unit& unit, Place place);
  void Rest(Unit& unit, TimePoint until);
  // It leaves the order: nothing waits for it, but it is never under way beside its resource.
  // `size`: what it takes of the queue.
  void Park(Unit& unit, double size);
  // Levels have changed: what is parked is ready, to be looked at again.
  void Unpark();
  // What rested long enough is ready. Returns when the next one will be.
  std::optional<TimePoint> EndRest(TimePoint now);
  // Every unit that is ready, oldest first. `visit` may let units end, and take this one.
  void ForEachReady(const Visit& visit);
  // The oldest parked unit, if all of them together take more than this; null: they do not.
  Unit* ParkedBeyond(double size);
  // How many do not wait: they are on their way.
  size_t under_way() const {
    return units_.size() - ready_.size() - resting_.size() - parked_.size();
  }
  // It does not wait any more.
  void Take(Unit& unit);
  // The oldest that waits, ready or not, and is wanted; null: none.
  Unit* FindWaiting(const Wanted& wanted);

  // Whether nothing that is older goes before it.
  bool IsItsTurn(const Unit& unit) const;
  // Lanes in which a unit is that others wait for.
  sending::Lanes held_lanes() const { return order_.held(); }
  // Others of its lanes may go before it, to learn whether a fault is the unit's or the level's.
  void SetAside(Unit& unit);
  bool any_aside() const { return asides_ > 0; }
  // sending::Lanes of what is set aside: better not in these.
  sending::Lanes aside_lanes() const;
  // What the level refused may have been the level's fault, unless that is certain: it is asked
  // again, and what was set aside goes before what is younger.
  void BringBack(size_t level);
  // What is younger may overtake it for good.
  void LeaveOrder(Unit& unit);

 private:
  struct Parked {
    uint64_t unit = 0;
    double size = 0;
  };
  Unit& Make(UnitParts parts, size_t levels);
  void LeaveLanes(Unit& unit);

  std::map<uint64_t, Unit> units_;
  UnitMemory memory_;
  LaneOrder order_;
  size_t asides_ = 0;
  std::deque<uint64_t> ready_;
  std::multimap<TimePoint, uint64_t> resting_;
  std::deque<Parked> parked_;
  double parked_size_ = 0;
  uint64_t next_id_ = 1;
};

}  // namespace gapless::queue
