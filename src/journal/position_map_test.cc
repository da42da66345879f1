#include "journal/position_map.h"

#include "base/rng.h"

#include <map>

#include <gtest/gtest.h>

namespace gapless::journal {
namespace {

using Map = PositionMap<uint64_t>;
using Model = std::map<uint64_t, uint64_t>;

void ExpectSame(const Map& map, const Model& model, uint64_t around) {
  ASSERT_EQ(map.size(), model.size());
  auto next = model.begin();
  for (const auto& [position, value] : map) {
    ASSERT_EQ(position, next->first);
    ASSERT_EQ(value, next->second);
    ++next;
  }
  ASSERT_EQ(next, model.end());
  for (uint64_t p = around < 3 ? 0 : around - 3; p < around + 3; ++p) {
    const auto at = model.lower_bound(p);
    const auto after = model.upper_bound(p);
    ASSERT_EQ(map.Find(p).has_value(), model.contains(p));
    ASSERT_EQ(map.AtLeast(p).has_value(), at != model.end());
    if (at != model.end()) {
      ASSERT_EQ(map.AtLeast(p)->position, at->first);
    }
    ASSERT_EQ(map.AtMost(p).has_value(), after != model.begin());
    if (after != model.begin()) {
      ASSERT_EQ(map.AtMost(p)->position, std::prev(after)->first);
    }
  }
  ASSERT_EQ(map.last().has_value(), !model.empty());
  if (!model.empty()) {
    ASSERT_EQ(map.last()->position, model.rbegin()->first);
  }
}

// Filled, thinned out and emptied in turn, so that blocks split, shrink and join.
TEST(PositionMapTest, BehavesAsAMapUnderRandomOperations) {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Rng rng(seed);
    const uint64_t stride = seed % 3 == 0 ? uint64_t{1} << 27 : 1 + seed % 2;
    Map map;
    Model model;
    for (int step = 0; step < 6000; ++step) {
      const uint64_t position = rng.Below(1500) * stride;
      const bool fills = step / 1000 % 2 == 0;
      if (model.contains(position) && (!fills || rng.Below(8) == 0)) {
        map.Erase(position);
        model.erase(position);
      } else if (model.contains(position)) {
        map.Set(position, static_cast<uint64_t>(step));
        model[position] = static_cast<uint64_t>(step);
      } else if (fills || rng.Below(8) == 0) {
        map.Insert(position, static_cast<uint64_t>(step));
        model[position] = static_cast<uint64_t>(step);
      }
      if (step % 64 == 0) {
        ExpectSame(map, model, position);
        if (HasFatalFailure()) {
          return;
        }
      }
    }
  }
}

TEST(PositionMapTest, AnEntryMovesAsFarAsItsNeighbours) {
  Map map;
  Model model;
  for (uint64_t i = 0; i < 1000; ++i) {
    map.Insert(i * 1000, i);
    model[i * 1000] = i;
  }
  Rng rng(1);
  for (int step = 0; step < 5000; ++step) {
    const auto entry = std::next(model.begin(), static_cast<std::ptrdiff_t>(rng.Below(1000)));
    const uint64_t low = entry == model.begin() ? 0 : std::prev(entry)->first + 1;
    const uint64_t high =
        std::next(entry) == model.end() ? uint64_t{1} << 40 : std::next(entry)->first;
    const uint64_t to = low + rng.Below(high - low);
    if (to != entry->first) {
      map.Move(entry->first, to);
      auto node = model.extract(entry);
      node.key() = to;
      model.insert(std::move(node));
    }
  }
  ExpectSame(map, model, 500'000);
}

double BytesPerEntry(const Map& map) {
  return static_cast<double>(map.memory_bytes()) / static_cast<double>(map.size());
}

TEST(PositionMapTest, AnEntryTakesLittleMoreThanItsValueWhateverWasErased) {
  constexpr uint64_t kEntries = 50'000;
  for (const uint64_t kept : {uint64_t{1}, uint64_t{2}, uint64_t{64}}) {
    SCOPED_TRACE("one of " + std::to_string(kept));
    Map map;
    for (uint64_t p = 0; p < kEntries; ++p) {
      map.Insert(p, p);
    }
    EXPECT_LT(BytesPerEntry(map), sizeof(uint64_t) + 4 + 1);
    Rng rng(kept);
    std::vector<uint64_t> order;
    for (uint64_t p = 0; p < kEntries; ++p) {
      if (p % kept != 0) {
        order.push_back(p);
      }
    }
    if (kept == 64) {
      for (size_t i = order.size(); i > 1; --i) {
        std::swap(order[i - 1], order[rng.Below(i)]);
      }
    }
    for (const uint64_t p : order) {
      map.Erase(p);
    }
    EXPECT_LT(BytesPerEntry(map), 20);
  }
}

}  // namespace
}  // namespace gapless::journal
