// IntervalSet: a set of positions as sorted disjoint intervals.
//
// Sets of a journal are long runs with few holes: the pending records after a day of outage are one
// interval. Every operation costs O(log intervals); an interval takes about 13 bytes. A value type;
// one thread.
#pragma once

#include "journal/position_map.h"

#include <cstdint>
#include <optional>

namespace gapless::journal {

class IntervalSet {
 public:
  // First position of each interval to the position after its last; intervals never touch.
  using Map = PositionMap<uint64_t>;

  // Adds [begin, end). Positions that are in the set already are no error.
  void AddRange(uint64_t begin, uint64_t end);
  void RemoveRange(uint64_t begin, uint64_t end);
  // True if the set changed. Precondition: position < UINT64_MAX.
  bool Add(uint64_t position);
  bool Remove(uint64_t position);

  bool Contains(uint64_t position) const;
  // The smallest member that is not below `position`.
  std::optional<uint64_t> FirstAtLeast(uint64_t position) const;

  // Members.
  uint64_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // Behind the last member; 0: there is none.
  uint64_t end() const { return empty() ? 0 : intervals_.last()->value; }
  const Map& intervals() const { return intervals_; }
  void Clear();

  // What is in both; O(intervals of both).
  static IntervalSet Intersection(const IntervalSet& a, const IntervalSet& b);

  bool operator==(const IntervalSet& other) const;

 private:
  // The interval that contains `position`, else the first one after it.
  std::optional<Map::Item> At(uint64_t position) const;

  Map intervals_;
  uint64_t size_ = 0;
};

}  // namespace gapless::journal
