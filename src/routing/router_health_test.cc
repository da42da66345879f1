// Health pages that have a say: the rows of docs/failover.md, "Health checks".
#include "routing/router_bench.h"

#include <gtest/gtest.h>

namespace gapless::routing {
namespace {

using enum sending::OutcomeClass;
using std::chrono::minutes;
using std::chrono::seconds;

void Say(RouterBench& bench, size_t level, bool well) {
  bench.Feed({.kind = RouterEvent::Kind::kHealth, .level = level, .well = well, .error = "unwell"});
}

TEST(RouterHealthTest, ALevelWhosePageFailsIsLeftAtOnceAndNotProbed) {
  RouterBench bench;
  bench.answer_probes = kOk;
  Say(bench, 0, false);
  EXPECT_EQ(bench.active, 1U);
  EXPECT_EQ(bench.Find(RouterAction::Kind::kTransition)->reason, "health_check");
  EXPECT_NE(bench.Find(RouterAction::Kind::kHandOver), nullptr);
  bench.Advance(minutes(10));
  EXPECT_EQ(bench.active, 1U);
  EXPECT_TRUE(bench.probes[0].empty()) << "its page decides";
  EXPECT_EQ(bench.router.NextTick(), std::nullopt);
}

TEST(RouterHealthTest, AGoodPageBringsItBackThroughProbesAndATrialWithoutHold) {
  RouterBench bench;
  bench.answer_probes = kOk;
  bench.answer_live_probes = kOk;
  Say(bench, 0, false);
  Say(bench, 0, true);
  bench.Advance(seconds(1));
  EXPECT_EQ(bench.active, 0U);
  EXPECT_EQ(bench.probes[0].size(), 2U);
}

TEST(RouterHealthTest, AGoodPageDoesNotMakeUpForFailedProbes) {
  RouterBench bench;
  Say(bench, 0, false);
  Say(bench, 0, true);
  bench.Advance(minutes(5));
  EXPECT_EQ(bench.active, 1U);
  EXPECT_GT(bench.probes[0].size(), 5U);
}

TEST(RouterHealthTest, TheLastUsableLevelStaysWhateverItsPageSays) {
  RouterBench bench;
  bench.DialDown(1);
  Say(bench, 0, false);
  EXPECT_EQ(bench.active, 0U);
  bench.answer_probes = kOk;
  bench.answer_live_probes = kOk;
  bench.Advance(minutes(1));
  EXPECT_EQ(bench.active, 1U) << "now there is a better one";
}

TEST(RouterHealthTest, WithNothingUsableAnUnwellLevelIsProbedAndUsed) {
  RouterBench bench;
  Say(bench, 0, false);
  bench.DialDown(1);
  EXPECT_EQ(bench.active, std::nullopt);
  bench.answer_by_level[0] = kOk;
  bench.answer_by_level[1] = kTransport;
  bench.Advance(seconds(2));
  EXPECT_EQ(bench.active, 0U);
}

TEST(RouterHealthTest, TwoUnwellLevelsLeaveOneInUse) {
  RouterBench bench;
  Say(bench, 0, false);
  Say(bench, 1, false);
  EXPECT_EQ(bench.active, 1U);
  Say(bench, 0, true);
  bench.answer_probes = kOk;
  bench.answer_live_probes = kOk;
  bench.Advance(seconds(2));
  EXPECT_EQ(bench.active, 0U);
  EXPECT_EQ(bench.router.state(1), LevelState::kDown);
}

TEST(RouterHealthTest, AForcedLevelIsUsedWhateverItsPageSays) {
  RouterBench bench;
  bench.Word(0, Override::kForced);
  Say(bench, 0, false);
  EXPECT_EQ(bench.active, 0U);
}

}  // namespace
}  // namespace gapless::routing
