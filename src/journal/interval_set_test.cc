#include "journal/interval_set.h"

#include "base/rng.h"

#include <set>

#include <gtest/gtest.h>

namespace gapless::journal {
namespace {

TEST(IntervalSetTest, RunsOfAnyLengthAreOneInterval) {
  IntervalSet set;
  for (uint64_t p = 1; p <= 1'000'000; ++p) {
    set.Add(p);
  }
  EXPECT_EQ(set.intervals().size(), 1U);
  EXPECT_EQ(set.size(), 1'000'000U);
  set.Remove(500);
  EXPECT_EQ(set.intervals().size(), 2U);
  EXPECT_EQ(set.FirstAtLeast(500), 501U);
  set.Add(500);
  EXPECT_EQ(set.intervals().size(), 1U);
}

TEST(IntervalSetTest, EmptySetAnswersEveryQuestion) {
  const IntervalSet set;
  EXPECT_TRUE(set.empty());
  EXPECT_FALSE(set.Contains(0));
  EXPECT_EQ(set.FirstAtLeast(0), std::nullopt);
}

void ExpectSame(const IntervalSet& set, const std::set<uint64_t>& model, uint64_t limit) {
  ASSERT_EQ(set.size(), model.size());
  uint64_t last_end = 0;
  bool first = true;
  for (const auto& [begin, end] : set.intervals()) {
    ASSERT_LT(begin, end);
    if (!first) {
      ASSERT_GT(begin, last_end) << "intervals touch";
    }
    first = false;
    last_end = end;
  }
  for (uint64_t p = 0; p < limit; ++p) {
    ASSERT_EQ(set.Contains(p), model.contains(p)) << p;
    const auto next = model.lower_bound(p);
    ASSERT_EQ(set.FirstAtLeast(p),
              next == model.end() ? std::nullopt : std::optional<uint64_t>(*next));
  }
}

TEST(IntervalSetTest, AnIntersectionHoldsWhatIsInBoth) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Rng rng(seed);
    IntervalSet a;
    IntervalSet b;
    for (int i = 0; i < 8; ++i) {
      const uint64_t begin = rng.Below(60);
      (i % 2 == 0 ? a : b).AddRange(begin, begin + rng.Below(20));
    }
    const IntervalSet both = IntervalSet::Intersection(a, b);
    for (uint64_t p = 0; p < 90; ++p) {
      ASSERT_EQ(both.Contains(p), a.Contains(p) && b.Contains(p)) << p;
    }
  }
}

TEST(IntervalSetTest, BehavesAsASetOfNumbersUnderRandomOperations) {
  constexpr uint64_t kLimit = 60;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Rng rng(seed);
    IntervalSet set;
    std::set<uint64_t> model;
    for (int step = 0; step < 200; ++step) {
      const uint64_t begin = rng.Below(kLimit);
      const uint64_t end = begin + rng.Below(12);
      switch (rng.Below(4)) {
        case 0:
          ASSERT_EQ(set.Add(begin), model.insert(begin).second);
          break;
        case 1:
          ASSERT_EQ(set.Remove(begin), model.erase(begin) == 1);
          break;
        case 2:
          set.AddRange(begin, end);
          for (uint64_t p = begin; p < end; ++p) {
            model.insert(p);
          }
          break;
        default:
          set.RemoveRange(begin, end);
          for (uint64_t p = begin; p < end; ++p) {
            model.erase(p);
          }
      }
      ExpectSame(set, model, kLimit + 15);
      if (HasFatalFailure()) {
        return;
      }
    }
  }
}

}  // namespace
}  // namespace gapless::journal
