// A level that refuses whatever it gets.
#include "routing/router_bench.h"

#include <gtest/gtest.h>

namespace gapless::routing {
namespace {

using enum sending::OutcomeClass;
using std::chrono::seconds;
using Kind = RouterAction::Kind;

void Refuse(RouterBench& bench, uint64_t record, bool known_bad = false) {
  bench.Feed({.kind = RouterEvent::Kind::kAttempt,
              .level = 0,
              .unit = record,
              .first_record = record,
              .outcome = kRejected,
              .known_bad = known_bad,
              .error = "unsupported path"});
}

TEST(RouterRefusalTest, ALevelThatHasOnlyRefusedIsDenied) {
  RouterBench bench;
  Refuse(bench, 1);
  Refuse(bench, 1);
  Refuse(bench, 1);
  Refuse(bench, 2);
  EXPECT_EQ(bench.router.state(0), LevelState::kHealthy) << "two batches, so far";
  Refuse(bench, 3);
  ASSERT_EQ(bench.router.state(0), LevelState::kDown);
  EXPECT_EQ(bench.Find(Kind::kTransition)->reason, "denied");
  EXPECT_EQ(bench.Find(Kind::kTransition)->error, "unsupported path");
  EXPECT_EQ(bench.router.active(), 1U);
}

TEST(RouterRefusalTest, ALevelThatHasTakenDataMayRefuseWhatItLikes) {
  RouterBench bench;
  EXPECT_FALSE(bench.router.proved(0));
  bench.Ok(0);
  EXPECT_TRUE(bench.router.proved(0));
  for (uint64_t record = 1; record < 100; ++record) {
    Refuse(bench, record);
  }
  EXPECT_EQ(bench.router.state(0), LevelState::kHealthy);
  EXPECT_EQ(bench.router.last_error(0), "unsupported path") << "it is told all the same";
}

TEST(RouterRefusalTest, WhatIsKnownToBeBadOrTooLargeSaysNothingAboutTheLevel) {
  RouterBench bench;
  for (uint64_t record = 1; record < 10; ++record) {
    Refuse(bench, record, /*known_bad=*/true);
  }
  EXPECT_EQ(bench.router.state(0), LevelState::kHealthy);
}

TEST(RouterRefusalTest, WhatMayBeThereAlreadyIsDoubtedForAWhile) {
  RouterBench bench;
  const auto refuse = [&bench](uint64_t record) {
    bench.Feed({.kind = RouterEvent::Kind::kAttempt,
                .level = 0,
                .unit = record,
                .first_record = record,
                .outcome = kRejected,
                .may_be_there = true,
                .error = "out of order sample"});
  };
  for (uint64_t record = 1; record < 10; ++record) {
    refuse(record);
  }
  bench.Advance(seconds(29));
  EXPECT_EQ(bench.router.state(0), LevelState::kHealthy);
  bench.Ok(0);
  bench.Advance(seconds(60));
  EXPECT_EQ(bench.router.state(0), LevelState::kHealthy) << "it has taken something since";
  RouterBench wrong;
  wrong.Feed({.kind = RouterEvent::Kind::kAttempt,
              .level = 0,
              .unit = 1,
              .first_record = 1,
              .outcome = kRejected,
              .may_be_there = true,
              .error = "unsupported path"});
  wrong.Advance(seconds(31));
  EXPECT_NE(wrong.router.state(0), LevelState::kHealthy) << "it refuses whatever it gets";
}

TEST(RouterRefusalTest, ADeniedLevelIsAskedWithDataTheOldestFirst) {
  RouterBench bench(RouterBench::Config({1}));
  for (uint64_t record = 1; record <= 3; ++record) {
    Refuse(bench, record);
  }
  EXPECT_EQ(bench.router.active(), std::nullopt);
  bench.answer_probes = kOk;
  bench.log.clear();
  bench.Advance(seconds(1));
  ASSERT_EQ(bench.router.state(0), LevelState::kLiveProbing) << "a good probe is not enough";
  EXPECT_EQ(bench.Find(Kind::kLiveProbe)->live_probe, LiveProbeKind::kOldest);
  bench.log.clear();
  bench.LiveProbe(0, kRejected);
  ASSERT_NE(bench.Find(Kind::kLiveProbe), nullptr);
  EXPECT_EQ(bench.Find(Kind::kLiveProbe)->live_probe, LiveProbeKind::kOther);
  bench.LiveProbe(0, kRejected);
  EXPECT_EQ(bench.router.state(0), LevelState::kDown);
  bench.Advance(seconds(1));
  bench.LiveProbe(0, kOk);
  EXPECT_EQ(bench.router.active(), 0U);
  EXPECT_TRUE(bench.router.proved(0));
}

TEST(RouterRefusalTest, AUnitThatWasWaitedForInVainSaysNothingAboutTheNextOutage) {
  RouterBench bench(RouterBench::Config({1}));
  bench.answer_probes = kOk;
  for (uint64_t record = 1; record <= 3; ++record) {
    Refuse(bench, record);
  }
  bench.answer_live_probes = kRejected;  // and no other unit is there
  bench.Advance(seconds(3));
  ASSERT_EQ(bench.router.state(0), LevelState::kHealthy) << "no unit came: good probes must do";
  bench.answer_live_probes.reset();
  for (uint64_t record = 4; record <= 6; ++record) {
    Refuse(bench, record);
  }
  bench.Advance(seconds(1));
  EXPECT_EQ(bench.router.state(0), LevelState::kLiveProbing) << "now there are units that can tell";
}

TEST(RouterRefusalTest, AReloadForgetsWhatALevelHasTaken) {
  RouterBench bench;
  bench.Ok(0);
  bench.Reconfigure(RouterBench::Config({1, 1}));
  EXPECT_FALSE(bench.router.proved(0));
}

}  // namespace
}  // namespace gapless::routing
