#include "queue/pacer.h"

#include "base/rng.h"
#include "tests/support/seed.h"

#include <gtest/gtest.h>

namespace gapless::queue {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(PacerTest, AUnitPaysWithAPauseAfterIt) {
  const TimePoint start{seconds(100)};
  Pacer pacer(1000);
  EXPECT_TRUE(pacer.Ready(start));
  pacer.Spend(500, start);
  EXPECT_FALSE(pacer.Ready(start + milliseconds(499)));
  EXPECT_TRUE(pacer.Ready(start + milliseconds(500)));
  EXPECT_EQ(pacer.next(), start + milliseconds(500));
}

TEST(PacerTest, AnIdleTimeSavesUpNothing) {
  const TimePoint start{seconds(100)};
  Pacer pacer(1000);
  pacer.Spend(1000, start);
  pacer.Spend(1000, start + seconds(60));
  EXPECT_FALSE(pacer.Ready(start + milliseconds(60'999)));
  EXPECT_TRUE(pacer.Ready(start + seconds(61)));
}

TEST(PacerTest, AUnitLargerThanTheRateGoesAndPaysLonger) {
  const TimePoint start{seconds(100)};
  Pacer pacer(1000);
  pacer.Spend(10'000, start);
  EXPECT_EQ(pacer.next(), start + seconds(10));
}

TEST(PacerTest, WithoutARateThereIsNoPause) {
  Pacer pacer(0);
  pacer.Spend(uint64_t{1} << 40, TimePoint{seconds(1)});
  EXPECT_TRUE(pacer.Ready(TimePoint{seconds(1)}));
}

TEST(PacerTest, NeverMoreThanTheRateAndOneUnit) {
  const uint64_t seed = sim::FirstSeed();
  Rng rng(seed);
  for (int life = 0; life < 100; ++life) {
    const uint64_t rate = 1 + rng.Below(1'000'000);
    const uint64_t largest = 1 + rng.Below(100'000);
    Pacer pacer(rate);
    const TimePoint start{seconds(5)};
    TimePoint now = start;
    uint64_t sent = 0;
    for (int i = 0; i < 200; ++i) {
      now += milliseconds(rng.Below(300));
      if (pacer.Ready(now)) {
        const uint64_t bytes = 1 + rng.Below(largest);
        pacer.Spend(bytes, now);
        sent += bytes;
      }
      const double elapsed = std::chrono::duration<double>(now - start).count();
      ASSERT_LE(static_cast<double>(sent),
                static_cast<double>(rate) * elapsed + static_cast<double>(largest) + 1)
          << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace gapless::queue
