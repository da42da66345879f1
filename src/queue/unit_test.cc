#include "queue/unit.h"

#include "base/rng.h"

#include <gtest/gtest.h>

namespace gapless::queue {
namespace {

uint64_t Items(const std::vector<UnitPart>& parts) {
  uint64_t items = 0;
  for (const UnitPart& part : parts) {
    items += part.count;
  }
  return items;
}

TEST(UnitTest, CutsBetweenRecordsWhereItCan) {
  const auto [first, second] =
      CutInHalf({{.position = 1, .count = 5}, {.position = 2, .count = 5}});
  EXPECT_EQ(first, (std::vector<UnitPart>{{.position = 1, .count = 5}}));
  EXPECT_EQ(second, (std::vector<UnitPart>{{.position = 2, .count = 5}}));
}

TEST(UnitTest, CutsInsideARecordAndSaysSo) {
  const auto [first, second] = CutInHalf({{.position = 7, .first = 10, .count = 5}});
  EXPECT_EQ(first,
            (std::vector<UnitPart>{{.position = 7, .first = 10, .count = 2, .whole = false}}));
  EXPECT_EQ(second,
            (std::vector<UnitPart>{{.position = 7, .first = 12, .count = 3, .whole = false}}));
}

TEST(UnitTest, HalvesHoldEveryItemOnceInOrder) {
  const uint64_t seed = RandomSeed();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  Rng rng(seed);
  for (int round = 0; round < 1000; ++round) {
    std::vector<UnitPart> parts;
    for (uint64_t i = 0; i <= rng.Below(6); ++i) {
      parts.push_back({.position = i + 1,
                       .first = static_cast<uint32_t>(rng.Below(3)),
                       .count = static_cast<uint32_t>(rng.Below(9) + 1)});
    }
    if (Items(parts) < 2) {
      continue;
    }
    const auto [first, second] = CutInHalf(parts);
    EXPECT_EQ(Items(first), Items(parts) / 2);
    EXPECT_EQ(Items(first) + Items(second), Items(parts));
    std::vector<std::pair<uint64_t, uint32_t>> before;
    std::vector<std::pair<uint64_t, uint32_t>> after;
    const auto list = [](const std::vector<UnitPart>& from, auto& to) {
      for (const UnitPart& part : from) {
        for (uint32_t i = 0; i < part.count; ++i) {
          to.emplace_back(part.position, part.first + i);
        }
      }
    };
    list(parts, before);
    list(first, after);
    list(second, after);
    EXPECT_EQ(before, after);
  }
}

}  // namespace
}  // namespace gapless::queue
