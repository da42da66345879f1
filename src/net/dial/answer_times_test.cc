#include "net/dial/answer_times.h"

#include <gtest/gtest.h>

namespace gapless::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TimePoint At(int64_t ms) { return TimePoint(std::chrono::hours(1)) + milliseconds(ms); }

TEST(AnswerTimesTest, KnowsNothingAtFirst) {
  EXPECT_EQ(AnswerTimes().Slowest(At(0)), Duration::zero());
}

TEST(AnswerTimesTest, RemembersTheSlowestForAMinute) {
  AnswerTimes times;
  times.Add(milliseconds(20), At(0), false);
  times.Add(milliseconds(900), At(1000), false);
  times.Add(milliseconds(5), At(20000), false);
  EXPECT_EQ(times.Slowest(At(20000)), milliseconds(900));
  EXPECT_EQ(times.Slowest(At(54999)), milliseconds(900));
  EXPECT_EQ(times.Slowest(At(60000)), milliseconds(5));
  EXPECT_EQ(times.Slowest(At(200000)), Duration::zero());
}

TEST(AnswerTimesTest, OneStandstillMakesNoSlowPeer) {
  AnswerTimes times;
  // A process that was stopped answers everything at once.
  for (int i = 0; i < 10; ++i) {
    times.Add(seconds(20) - milliseconds(i), At(20000 + i), true);
  }
  EXPECT_EQ(times.Slowest(At(21000)), Duration::zero());
  times.Add(milliseconds(3), At(21000), false);
  EXPECT_EQ(times.Slowest(At(21000)), milliseconds(3));
}

TEST(AnswerTimesTest, APeerThatIsSlowAgainAndAgainIsSlow) {
  AnswerTimes times;
  times.Add(seconds(4), At(0), true);
  times.Add(seconds(3), At(6000), true);
  EXPECT_EQ(times.Slowest(At(6000)), seconds(3));
  times.Add(seconds(5), At(12000), true);
  EXPECT_EQ(times.Slowest(At(12000)), seconds(4));
}

TEST(AnswerTimesTest, TheSpanIsTheOwnersChoice) {
  AnswerTimes times(std::chrono::minutes(5));
  times.Add(milliseconds(300), At(0), false);
  EXPECT_EQ(times.Slowest(At(0) + std::chrono::minutes(54)), milliseconds(300));
  EXPECT_EQ(times.Slowest(At(0) + std::chrono::minutes(61)), Duration::zero());
}

}  // namespace
}  // namespace gapless::net
