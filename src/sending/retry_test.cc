#include "sending/retry.h"

#include <gtest/gtest.h>

namespace gapless::sending {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const TimePoint kStart{seconds(1000)};

RetrySettings Exact() {
  return {.initial_interval = seconds(5),
          .randomization_factor = 0,
          .multiplier = 1.5,
          .max_interval = seconds(30),
          .max_elapsed_time = seconds(0)};
}

TEST(RetryTest, GrowsByTheMultiplierUpToTheMaximum) {
  RetrySchedule schedule(Exact(), kStart);
  Rng rng(1);
  const double expected[] = {5, 7.5, 11.25, 16.875, 25.3125, 30, 30, 30};
  for (const double want : expected) {
    const auto delay = schedule.Next(kStart, std::nullopt, rng);
    ASSERT_TRUE(delay.has_value());
    EXPECT_NEAR(std::chrono::duration<double>(*delay).count(), want, 0.001);
  }
}

TEST(RetryTest, SpreadsByTheRandomizationFactor) {
  RetrySettings settings = Exact();
  settings.randomization_factor = 0.5;
  settings.multiplier = 1;
  RetrySchedule schedule(settings, kStart);
  Rng rng(7);
  Duration least = seconds(100);
  Duration most{};
  for (int i = 0; i < 1000; ++i) {
    const Duration delay = *schedule.Next(kStart, std::nullopt, rng);
    least = std::min(least, delay);
    most = std::max(most, delay);
  }
  EXPECT_GE(least, milliseconds(2500));
  EXPECT_LT(least, milliseconds(2600));
  EXPECT_LE(most, milliseconds(7500));
  EXPECT_GT(most, milliseconds(7400));
}

TEST(RetryTest, ThePeersDelayIsALowerBound) {
  Rng rng(1);
  EXPECT_EQ(RetrySchedule(Exact(), kStart).Next(kStart, seconds(20), rng), seconds(20));
  EXPECT_EQ(RetrySchedule(Exact(), kStart).Next(kStart, seconds(2), rng), seconds(5));
}

TEST(RetryTest, StopsWhenTheNextAttemptFallsBehindMaxElapsedTime) {
  RetrySettings settings = Exact();
  settings.max_elapsed_time = seconds(60);
  Rng rng(1);
  EXPECT_EQ(RetrySchedule(settings, kStart).Next(kStart + seconds(55), std::nullopt, rng),
            seconds(5));
  EXPECT_EQ(RetrySchedule(settings, kStart)
                .Next(kStart + seconds(55) + milliseconds(1), std::nullopt, rng),
            std::nullopt);
  EXPECT_EQ(RetrySchedule(settings, kStart).Next(kStart, seconds(61), rng), std::nullopt);
}

TEST(RetryTest, ZeroMaxElapsedTimeNeverStops) {
  RetrySchedule schedule(Exact(), kStart);
  Rng rng(1);
  EXPECT_TRUE(schedule.Next(kStart + std::chrono::hours(1000), std::nullopt, rng).has_value());
}

TEST(RetryTest, DisabledMeansOneAttempt) {
  RetrySettings settings = Exact();
  settings.enabled = false;
  Rng rng(1);
  EXPECT_EQ(RetrySchedule(settings, kStart).Next(kStart, std::nullopt, rng), std::nullopt);
}

}  // namespace
}  // namespace gapless::sending
