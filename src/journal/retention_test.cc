#include "journal/retention.h"

#include "base/rng.h"

#include <algorithm>
#include <map>

#include <gtest/gtest.h>

namespace gapless::journal {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

WallTime At(Duration since) { return WallTime(std::chrono::hours(1000) + since); }

std::vector<Position> All(const Retention& retention, const RetainedQuery& query) {
  return ToPositions(retention.Find(query));
}

TEST(RetentionTest, AHoldIsPaidBackWhenItIsOldEnough) {
  Retention retention;
  retention.SetTime(seconds(30), At({}));
  EXPECT_TRUE(retention.Note(1, 1, At(seconds(1))));
  EXPECT_FALSE(retention.Note(1, 1, At(seconds(1)))) << "one hold per group";
  EXPECT_TRUE(retention.Note(2, 1, At(seconds(10))));
  EXPECT_FALSE(retention.PopDue(At(seconds(30))));
  EXPECT_EQ(retention.PopDue(At(seconds(31))), 1U);
  EXPECT_FALSE(retention.PopDue(At(seconds(31))));
  EXPECT_EQ(retention.due(), At(seconds(40)));
  EXPECT_EQ(retention.PopDue(At(seconds(40))), 2U);
  EXPECT_TRUE(retention.empty());
}

TEST(RetentionTest, FindsByTimeAndByWhoConfirmed) {
  Retention retention;
  retention.SetTime(seconds(60), At({}));
  retention.Note(1, ReaderBit(0), At(seconds(0)));
  retention.Note(2, ReaderBit(1), At(seconds(10)));
  retention.Note(3, ReaderBit(0) | ReaderBit(1), At(seconds(20)));
  retention.Note(4, ReaderBit(0), At(seconds(30)));
  retention.Note(4, ReaderBit(1), At(seconds(40)));  // paid later
  EXPECT_EQ(All(retention, {.since = At({})}), (std::vector<Position>{1, 2, 3, 4}));
  EXPECT_EQ(All(retention, {.since = At(seconds(15))}), (std::vector<Position>{3, 4}));
  EXPECT_EQ(All(retention, {.since = At({}), .by = 0}), (std::vector<Position>{1, 3, 4}));
  EXPECT_EQ(All(retention, {.since = At(seconds(35)), .by = 0}), std::vector<Position>{});
  EXPECT_EQ(All(retention, {.since = At({}), .by = 0, .not_by = 1}), std::vector<Position>{1});
}

TEST(RetentionTest, TellsSinceWhenEverythingIsThere) {
  Retention retention;
  EXPECT_FALSE(retention.complete_since());
  retention.SetTime(seconds(60), At(seconds(5)));
  EXPECT_EQ(retention.complete_since(), At(seconds(5)));
  retention.Note(1, 1, At(seconds(10)));
  retention.Note(2, 1, At(seconds(20)));
  EXPECT_EQ(retention.Pop(), 1U);
  EXPECT_EQ(retention.complete_since(), At(seconds(10)));
  retention.SetTime({}, At(seconds(30)));
  EXPECT_FALSE(retention.complete_since());
  EXPECT_EQ(retention.PopDue(At(seconds(30))), 2U) << "off: all of it is due";
}

TEST(RetentionTest, AClockThatWasSetBackKeepsNothingForEver) {
  Retention retention;
  retention.SetTime(seconds(30), At({}));
  retention.Note(1, 1, At(std::chrono::hours(500)));
  retention.Note(2, 1, At(seconds(1)));
  EXPECT_EQ(retention.PopDue(At(seconds(2))), 1U);
  EXPECT_FALSE(retention.PopDue(At(seconds(2))));
}

// A model: each hold for itself. Groups may keep one longer by a 32nd of the time, never shorter.
TEST(RetentionTest, NothingGoesTooEarlyAndLittleStaysTooLong) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Rng rng(seed);
    Retention retention;
    retention.SetTime(seconds(32), At({}));
    std::map<Position, WallTime> noted;
    Duration now{};
    for (Position position = 1; position < 1500; ++position) {
      now += milliseconds(rng.Below(100));
      ASSERT_TRUE(retention.Note(position, uint64_t{1} << rng.Below(2), At(now)));
      noted[position] = At(now);
      while (const auto popped = retention.PopDue(At(now))) {
        ASSERT_LE(noted.at(*popped) + seconds(32), At(now));
        noted.erase(*popped);
      }
      const auto oldest =
          std::ranges::min_element(noted, {}, [](const auto& entry) { return entry.second; });
      ASSERT_GE(oldest->second + seconds(34), At(now));
    }
    ASSERT_EQ(All(retention, {.since = At({})}).size(), noted.size());
    ASSERT_LE(retention.groups().size(), 2U * 34);
  }
}

}  // namespace
}  // namespace gapless::journal
