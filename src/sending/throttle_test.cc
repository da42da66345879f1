// The throttle alone, and against token buckets as real backends have them.
#include "sending/throttle.h"

#include <algorithm>
#include <deque>

#include <gtest/gtest.h>

namespace gapless::sending {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr Duration kBackOff = seconds(5);

class ThrottleTest : public ::testing::Test {
 protected:
  Throttle::Verdict Refuse(uint64_t items, std::optional<Duration> delay = {}) {
    return throttle_.OnRefused({.items = items, .sent = now_, .delay = delay, .back_off = kBackOff},
                               now_);
  }
  bool MaySend(size_t in_flight = 0) const {
    const auto next = throttle_.Next(in_flight, now_);
    return next && *next <= now_;
  }

  TimePoint now_ = TimePoint() + std::chrono::hours(1);
  Throttle throttle_{10};
};

TEST_F(ThrottleTest, NothingIsHeldBackBeforeARefusal) {
  EXPECT_TRUE(MaySend(9));
  EXPECT_FALSE(MaySend(10));
  EXPECT_EQ(throttle_.item_cap(), 0U);
  EXPECT_FALSE(throttle_.limited(now_));
}

TEST_F(ThrottleTest, APeerThatHasTakenNothingIsLeftAloneForTheBackOff) {
  EXPECT_LT(Refuse(100).pause, seconds(1)) << "once more, in case it is the size";
  now_ += seconds(1);
  EXPECT_EQ(Refuse(1).pause, kBackOff);
  EXPECT_FALSE(MaySend());
  now_ += kBackOff;
  EXPECT_TRUE(MaySend());
}

TEST_F(ThrottleTest, ADelayThatThePeerNamesIsObeyedAndAnAbsurdOneIsNot) {
  throttle_.OnTaken(100, now_);
  EXPECT_EQ(Refuse(100, seconds(20)).pause, seconds(20));
  EXPECT_EQ(Refuse(100, std::chrono::hours(100)).pause, minutes(5));
}

TEST_F(ThrottleTest, AfterAPauseOneTriesAndEachSuccessPermitsOneMore) {
  Refuse(10);
  now_ += kBackOff;
  EXPECT_TRUE(MaySend(0));
  EXPECT_FALSE(MaySend(1));
  throttle_.OnTaken(10, now_);
  EXPECT_TRUE(MaySend(1));
  EXPECT_FALSE(MaySend(2));
}

TEST_F(ThrottleTest, WhatIsLargerThanAllThatWasTakenIsCutToThatAtOnce) {
  throttle_.OnTaken(80, now_);
  const auto verdict = Refuse(5000);
  EXPECT_EQ(verdict.cut_to, 80U);
  EXPECT_LT(verdict.pause, milliseconds(100));
  EXPECT_EQ(throttle_.item_cap(), 80U);
}

TEST_F(ThrottleTest, WhereNothingWasTakenTheSecondRefusalHalves) {
  EXPECT_EQ(Refuse(5000).cut_to, 0U);
  now_ += kBackOff;
  EXPECT_EQ(Refuse(5000).cut_to, 2500U);
  now_ += seconds(1);
  EXPECT_EQ(Refuse(2500).cut_to, 1250U);
  EXPECT_EQ(Refuse(1).cut_to, 0U);
}

TEST_F(ThrottleTest, RefusalsOfWhatWasSentBeforeTheLastOneTeachNothing) {
  throttle_.OnTaken(100, now_);
  const TimePoint sent = now_;
  now_ += milliseconds(10);
  const auto first = throttle_.OnRefused({.items = 100, .sent = sent, .back_off = kBackOff}, now_);
  const auto second = throttle_.OnRefused({.items = 100, .sent = sent, .back_off = kBackOff}, now_);
  EXPECT_EQ(first.pause, second.pause);
}

TEST_F(ThrottleTest, ARateThatGrowsForLongEndsSomewhere) {
  throttle_.OnTaken(100, now_);
  Refuse(100);
  while (throttle_.limited(now_)) {
    now_ += milliseconds(100);
    throttle_.OnTaken(100, now_);
    Refuse(100);  // the rate is learned anew, and grows on
    for (int i = 0; i < 550; ++i) {
      now_ += milliseconds(100);
      throttle_.OnTaken(1'000'000, now_);
    }
    EXPECT_LE(throttle_.item_cap(), uint64_t{1} << 40);
    now_ += seconds(61);
  }
}

TEST_F(ThrottleTest, ARefusedSizeIsForgottenAgain) {
  throttle_.OnTaken(80, now_);
  Refuse(5000);
  for (int i = 0; i < 100 && throttle_.item_cap() > 0; ++i) {
    now_ += seconds(31);
    throttle_.OnTaken(throttle_.item_cap(), now_);
  }
  EXPECT_EQ(throttle_.item_cap(), 0U);
  EXPECT_FALSE(throttle_.limited(now_));
}

// golang.org/x/time/rate: a request that there are no tokens for is refused whole and costs none.
struct TokenBucket {
  double rate;
  double burst;
  double tokens = 0;
  TimePoint last{};

  bool Take(uint64_t items, TimePoint now) {
    const double passed = std::chrono::duration<double>(now - last).count();
    tokens = std::min(burst, tokens + passed * rate);
    last = now;
    const auto wanted = static_cast<double>(items);
    if (wanted > tokens) {
      return false;
    }
    tokens -= wanted;
    return true;
  }
};

struct Outcome {
  uint64_t taken = 0;
  uint64_t refused = 0;
  Duration took{};
};

// Sends `backlog` items, in units of at most `unit`, one at a time; answers take 2 ms.
Outcome Drain(Throttle& throttle, TokenBucket bucket, uint64_t backlog, uint64_t unit,
              Duration most) {
  Outcome run;
  TimePoint now = TimePoint() + std::chrono::hours(1);
  const TimePoint begin = now;
  bucket.last = begin;
  bucket.tokens = bucket.burst;
  std::deque<uint64_t> pieces;  // of a unit that was cut
  while (run.taken < backlog && now - begin < most) {
    const auto next = throttle.Next(0, now);
    now = std::max(now, *next);
    if (pieces.empty()) {
      const uint64_t left = backlog - run.taken;
      const uint64_t cap = throttle.item_cap() > 0 ? std::min(throttle.item_cap(), unit) : unit;
      pieces.push_back(std::min(left, cap));
    }
    const uint64_t items = pieces.front();
    throttle.OnSent(items, now);
    const TimePoint sent = now;
    const bool taken = bucket.Take(items, now);
    now += milliseconds(2);
    if (taken) {
      throttle.OnTaken(items, now);
      run.taken += items;
      pieces.pop_front();
      continue;
    }
    ++run.refused;
    const auto verdict =
        throttle.OnRefused({.items = items, .sent = sent, .back_off = kBackOff}, now);
    if (verdict.cut_to > 0) {
      pieces.pop_front();
      for (uint64_t rest = items; rest > 0;) {
        const uint64_t piece = std::min(rest, verdict.cut_to);
        pieces.push_front(piece);
        rest -= piece;
      }
    }
  }
  run.took = now - begin;
  return run;
}

struct Bucket {
  double rate;
  double burst;
  uint64_t unit;
};
class ThrottleRates : public ::testing::TestWithParam<Bucket> {};

TEST_P(ThrottleRates, EverythingGetsThroughAtFourFifthsOfTheLimitOrBetter) {
  const Bucket& bucket = GetParam();
  Throttle throttle(10);
  const auto backlog = static_cast<uint64_t>(bucket.rate * 120);
  const Outcome run = Drain(throttle, {.rate = bucket.rate, .burst = bucket.burst}, backlog,
                            bucket.unit, minutes(10));
  EXPECT_EQ(run.taken, backlog);
  EXPECT_LT(run.took, seconds(120) * 5 / 4 + seconds(15)) << run.refused << " refusals";
}

INSTANTIATE_TEST_SUITE_P(LimitsOfRealBackends, ThrottleRates,
                         ::testing::Values(Bucket{300, 600, 20}, Bucket{300, 600, 8192},
                                           Bucket{300, 100, 20}, Bucket{300, 100, 8192},
                                           Bucket{100, 1000, 20}, Bucket{100, 100, 8192},
                                           Bucket{1, 20, 1}, Bucket{20, 20, 20},
                                           Bucket{10'000, 20'000, 8192},
                                           Bucket{100'000, 8192, 8192}));

}  // namespace
}  // namespace gapless::sending
