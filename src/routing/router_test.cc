// Every row of docs/failover.md, "Levels", then random events.
#include "routing/router.h"

#include "routing/router_bench.h"
#include "tests/support/seed.h"

#include <gtest/gtest.h>

namespace gapless::routing {
namespace {

using enum sending::OutcomeClass;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Kind = RouterAction::Kind;

TEST(RouterTest, BeginsWithTheFirstLevel) {
  RouterBench bench;
  EXPECT_EQ(bench.router.active(), 0U);
  EXPECT_EQ(bench.router.NextTick(), std::nullopt) << "a healthy router needs no timer";
}

// --- falling ---

TEST(RouterTest, ThreeFailedDialsTakeALevelDownAtOnce) {
  RouterBench bench;
  bench.Dial(0);
  bench.Dial(0);
  EXPECT_EQ(bench.router.active(), 0U);
  bench.Dial(0);
  EXPECT_EQ(bench.router.state(0), LevelState::kDown);
  EXPECT_EQ(bench.router.active(), 1U);
  ASSERT_EQ(bench.Kinds(),
            (std::vector<Kind>{Kind::kTransition, Kind::kHandOver, Kind::kActivate}));
  EXPECT_EQ(bench.log[0].reason, "dial_failed");
  EXPECT_EQ(bench.log[0].error, "why");
  EXPECT_EQ(bench.log[2].from, 0U);
  EXPECT_EQ(bench.log[2].level, 1U);
}

TEST(RouterTest, AnAnsweredDialForgetsTheFailedOnes) {
  RouterBench bench;
  bench.Dial(0);
  bench.Dial(0);
  bench.Feed({.kind = RouterEvent::Kind::kConnected, .level = 0, .error = {}});
  bench.Dial(0);
  bench.Dial(0);
  EXPECT_EQ(bench.router.active(), 0U);
}

TEST(RouterTest, AnsweredFailuresNeedTheNumberAndASecond) {
  for (const sending::OutcomeClass outcome : {kTransport, kFaulty, kDenied}) {
    RouterBench bench;
    bench.Fail(0, 1, outcome);
    bench.Advance(milliseconds(100));
    bench.Fail(0, 2, outcome);
    bench.Advance(milliseconds(100));
    bench.Fail(0, 3, outcome);
    EXPECT_EQ(bench.router.active(), 0U) << "three, but not over a second";
    bench.answer_probes = outcome;
    bench.Advance(milliseconds(799));
    EXPECT_EQ(bench.router.active(), 0U);
    bench.Advance(milliseconds(1));
    EXPECT_EQ(bench.router.active(), 1U);
    EXPECT_EQ(bench.Find(Kind::kTransition)->reason, ToString(outcome));
  }
}

TEST(RouterTest, AttemptsThatDiedWithTheirConnectionCountThroughItAlone) {
  RouterBench bench;
  for (uint64_t unit = 1; unit < 100; ++unit) {
    bench.Feed({.kind = RouterEvent::Kind::kAttempt,
                .unit = unit,
                .outcome = kTransport,
                .answered = false,
                .error = "reset"});
  }
  bench.Feed({.kind = RouterEvent::Kind::kConnectionLost, .error = "reset"});
  bench.answer_probes = kOk;
  bench.Advance(seconds(10));
  EXPECT_EQ(bench.router.active(), 0U);
  EXPECT_EQ(bench.Find(Kind::kTransition), nullptr);
}

TEST(RouterTest, APeerThatHangsUpAgainAndAgainFalls) {
  RouterBench bench;
  for (int i = 0; i < 3; ++i) {
    bench.Feed({.kind = RouterEvent::Kind::kConnectionLost, .error = "reset"});
    bench.Advance(milliseconds(500), /*probes=*/false);
  }
  EXPECT_EQ(bench.router.active(), 1U);
}

TEST(RouterTest, FailuresOfOneUnitCountOnce) {
  RouterBench bench;
  bench.answer_probes = kOk;
  for (int i = 0; i < 20; ++i) {
    bench.Fail(0, 7);
    bench.Advance(milliseconds(300));
  }
  EXPECT_EQ(bench.router.active(), 0U);
}

TEST(RouterTest, DifferentUnitsAddUpThoughProbesAreFine) {
  RouterBench bench;
  bench.answer_probes = kOk;  // a front end that answers empty exports, in front of a dead store
  for (uint64_t unit = 1; unit <= 3; ++unit) {
    bench.Fail(0, unit);
    bench.Advance(seconds(1));
  }
  EXPECT_EQ(bench.router.active(), 1U);
}

TEST(RouterTest, ABurstOfFailuresThatAGoodProbeContradictsIsForgiven) {
  RouterBench bench;
  bench.answer_probes = kOk;
  for (uint64_t unit = 1; unit <= 10; ++unit) {
    bench.Fail(0, unit);
  }
  bench.Advance(seconds(10));
  EXPECT_EQ(bench.router.active(), 0U);
}

TEST(RouterTest, ASuccessForgetsFailures) {
  RouterBench bench;
  for (uint64_t unit = 1; unit <= 2; ++unit) {
    bench.Fail(0, unit);
  }
  bench.Ok(0);
  EXPECT_EQ(bench.router.NextTick(), std::nullopt);
  bench.Fail(0, 3);
  bench.Fail(0, 4);
  bench.Advance(seconds(2), /*probes=*/false);
  EXPECT_EQ(bench.router.active(), 0U);
}

TEST(RouterTest, WithoutTrafficProbes300MsApartMakeUpTheNumber) {
  RouterBench bench;
  bench.answer_probes = kFaulty;
  bench.Fail(0, 1);
  bench.Advance(milliseconds(299));
  EXPECT_EQ(bench.probes[0].size(), 0U);
  bench.Advance(milliseconds(1));
  EXPECT_EQ(bench.probes[0].size(), 1U);
  bench.Advance(milliseconds(300));
  EXPECT_EQ(bench.probes[0].size(), 2U);
  bench.Advance(milliseconds(400));
  EXPECT_EQ(bench.router.active(), 1U) << "one second after the first failure";
}

TEST(RouterTest, AGoodSuspicionProbeEndsTheSuspicion) {
  RouterBench bench;
  bench.answer_probes = kOk;
  bench.Fail(0, 1);
  bench.Advance(seconds(60));
  EXPECT_EQ(bench.probes[0].size(), 1U);
  EXPECT_EQ(bench.router.active(), 0U);
}

TEST(RouterTest, RejectedBatchesNeverCount) {
  RouterBench bench;
  for (uint64_t unit = 1; unit < 100; ++unit) {
    bench.Fail(0, unit, kRejected);
  }
  bench.Advance(seconds(60));
  EXPECT_EQ(bench.router.active(), 0U);
  EXPECT_TRUE(bench.log.empty());
}

TEST(RouterTest, EachMemberIsCountedAloneAndAnyTakesTheLevelDown) {
  RouterBench bench(RouterBench::Config({2, 1}));
  for (int i = 0; i < 2; ++i) {
    bench.Dial(0, 0);
    bench.Dial(0, 1);
  }
  EXPECT_EQ(bench.router.active(), 0U);
  bench.Dial(0, 1);
  EXPECT_EQ(bench.router.active(), 1U);
}

// --- throttling ---

void Throttle(RouterBench& bench, Duration delay, bool backlog) {
  bench.Feed({.kind = RouterEvent::Kind::kAttempt,
              .unit = 1,
              .outcome = kThrottled,
              .delay = delay,
              .work_waits = backlog,
              .error = "busy"});
}

TEST(RouterTest, AThrottleCountsOnlyAfter30SecondsOfGrowingBacklog) {
  RouterBench bench;
  for (int i = 0; i <= 30; ++i) {
    Throttle(bench, seconds(1), true);
    EXPECT_EQ(bench.router.active(), 0U) << i;
    bench.Advance(seconds(1));
  }
  Throttle(bench, seconds(1), false);
  EXPECT_EQ(bench.router.active(), 0U) << "nothing waits";
  bench.work_waits = true;
  bench.Advance(seconds(1));
  Throttle(bench, seconds(1), true);
  EXPECT_EQ(bench.router.active(), 1U);
  EXPECT_EQ(bench.Find(Kind::kTransition)->reason, "throttled");
}

TEST(RouterTest, ASuccessEndsAThrottle) {
  RouterBench bench;
  for (int i = 0; i < 10; ++i) {
    Throttle(bench, seconds(1), true);
    bench.Advance(seconds(20));
    bench.Ok(0);
  }
  EXPECT_EQ(bench.router.active(), 0U);
}

TEST(RouterTest, OneLongDelayCountsWithoutAnotherAttempt) {
  RouterBench bench;
  bench.work_waits = true;
  Throttle(bench, minutes(5), true);
  bench.Advance(seconds(30));
  EXPECT_EQ(bench.router.active(), 0U);
  bench.Advance(milliseconds(1));
  EXPECT_EQ(bench.router.active(), 1U);
}

TEST(RouterTest, AThrottledProbeIsBadOnlyForALevelThatThrottlingTookDown) {
  RouterBench throttled;
  throttled.work_waits = true;
  Throttle(throttled, minutes(5), true);
  throttled.answer_probes = kThrottled;
  throttled.Advance(minutes(3));
  EXPECT_EQ(throttled.router.active(), 1U);

  RouterBench refused;
  refused.DialDown(0);
  refused.answer_probes = kThrottled;
  refused.Advance(seconds(31));
  EXPECT_EQ(refused.router.state(0), LevelState::kLiveProbing);
}

// --- returning ---

TEST(RouterTest, ADownLevelReturnsAfterGoodProbesAndAGoodTrial) {
  RouterBench bench;
  bench.DialDown(0);
  bench.answer_probes = kOk;
  bench.Advance(seconds(30) - milliseconds(1));
  EXPECT_TRUE(bench.probes[0].empty());
  bench.Advance(milliseconds(1));
  ASSERT_EQ(bench.probes[0].size(), 1U);
  EXPECT_EQ(bench.router.state(0), LevelState::kProbing);
  bench.Advance(milliseconds(200));
  ASSERT_EQ(bench.probes[0].size(), 2U);
  ASSERT_EQ(bench.router.state(0), LevelState::kLiveProbing);
  ASSERT_NE(bench.Find(Kind::kLiveProbe), nullptr);
  EXPECT_EQ(bench.router.active(), 1U) << "no data but the trial";
  bench.LiveProbe(0, kOk);
  EXPECT_EQ(bench.router.state(0), LevelState::kHealthy);
  EXPECT_EQ(bench.router.active(), 0U);
  EXPECT_EQ(bench.log.back().reason, "trial");
}

TEST(RouterTest, NothingToTryMeansTheProbesWereTheTrial) {
  RouterBench bench;
  bench.DialDown(0);
  bench.answer_probes = kOk;
  bench.Advance(seconds(31));
  bench.Feed({.kind = RouterEvent::Kind::kNothingToTry, .level = 0, .error = {}});
  EXPECT_EQ(bench.router.active(), 0U);
}

TEST(RouterTest, ABadTrialSendsItBackForARound) {
  RouterBench bench;
  bench.DialDown(0);
  bench.answer_probes = kOk;
  bench.Advance(seconds(31));
  bench.log.clear();
  bench.LiveProbe(0, kTransport);
  EXPECT_EQ(bench.router.state(0), LevelState::kDown);
  ASSERT_NE(bench.Find(Kind::kHandOver), nullptr);
  bench.probes[0].clear();
  bench.Advance(seconds(30) - milliseconds(1));
  EXPECT_TRUE(bench.probes[0].empty());
  bench.Advance(milliseconds(1));
  EXPECT_EQ(bench.probes[0].size(), 1U);
}

TEST(RouterTest, ARejectedTrialAsksForAnotherBatch) {
  RouterBench bench;
  bench.DialDown(0);
  bench.answer_probes = kOk;
  bench.Advance(seconds(31));
  for (int i = 0; i < 5; ++i) {
    bench.log.clear();
    bench.LiveProbe(0, kRejected);
    ASSERT_EQ(bench.Kinds(), std::vector<Kind>{Kind::kLiveProbe});
  }
  bench.LiveProbe(0, kOk);
  EXPECT_EQ(bench.router.active(), 0U);
}

TEST(RouterTest, ABadProbeStartsTheCountOfGoodOnesAnew) {
  RouterBench bench(RouterBench::Config({1, 1}));
  bench.DialDown(0);
  bench.answer_probes = kOk;
  bench.Advance(seconds(30));
  EXPECT_EQ(bench.router.state(0), LevelState::kProbing);
  bench.answer_probes = kTransport;
  bench.Advance(seconds(1));
  EXPECT_EQ(bench.router.state(0), LevelState::kDown);
  bench.answer_probes = kOk;
  bench.probes[0].clear();
  bench.Advance(seconds(30));
  EXPECT_EQ(bench.probes[0].size(), 2U);
}

TEST(RouterTest, WhereThePeerFailsEmptyExportsEveryTenthRoundTriesABatch) {
  RouterBench bench;
  bench.DialDown(0);
  bench.answer_probes = kFaulty;
  bench.Advance(seconds(30) * 10);
  EXPECT_EQ(bench.probes[0].size(), 10U);
  ASSERT_EQ(bench.router.state(0), LevelState::kLiveProbing);
  EXPECT_EQ(bench.Find(Kind::kLiveProbe)->live_probe, LiveProbeKind::kAny);
  bench.Feed({.kind = RouterEvent::Kind::kNothingToTry, .level = 0, .error = {}});
  bench.Advance(seconds(30));
  ASSERT_EQ(bench.router.state(0), LevelState::kLiveProbing)
      << "the next batch that comes is the trial";
  bench.LiveProbe(0, kOk);
  EXPECT_EQ(bench.router.active(), 0U);
}

TEST(RouterTest, ProbeRoundsOfAConnectorKeepRetryGapApart) {
  RouterConfig config = RouterBench::Config({1, 1, 1});
  config.retry_gap = seconds(10);
  RouterBench bench(config);
  bench.answer_probes = kTransport;
  bench.DialDown(0);
  bench.DialDown(1);
  bench.Advance(minutes(10));
  std::vector<TimePoint> rounds = bench.probes[0];
  rounds.insert(rounds.end(), bench.probes[1].begin(), bench.probes[1].end());
  std::ranges::sort(rounds);
  ASSERT_GT(rounds.size(), 20U);
  for (size_t i = 1; i < rounds.size(); ++i) {
    EXPECT_GE(rounds[i] - rounds[i - 1], seconds(10));
  }
}

TEST(RouterTest, AfterMaxRetriesThePaceDropsButNeverToNothing) {
  RouterConfig config = RouterBench::Config({1, 1});
  config.max_retries = 3;
  RouterBench bench(config);
  bench.answer_probes = kTransport;
  bench.DialDown(0);
  bench.Advance(seconds(90));
  EXPECT_EQ(bench.probes[0].size(), 3U);
  bench.Advance(seconds(299));
  EXPECT_EQ(bench.probes[0].size(), 3U);
  bench.Advance(seconds(1));
  EXPECT_EQ(bench.probes[0].size(), 4U);
  bench.Advance(std::chrono::hours(1));
  EXPECT_EQ(bench.probes[0].size(), 16U);
}

// --- everything down ---

TEST(RouterTest, WithAllLevelsDownEachIsProbedOnceASecondAndTheFirstGoodProbeIsEnough) {
  RouterConfig config = RouterBench::Config({1, 1});
  config.retry_gap = minutes(10);
  config.max_retries = 1;
  config.hold = minutes(4);
  RouterBench bench(config);
  bench.answer_probes = kTransport;
  bench.DialDown(0);
  bench.Advance(milliseconds(100));
  bench.DialDown(1);
  EXPECT_EQ(bench.router.active(), std::nullopt);
  bench.Advance(seconds(20));
  EXPECT_GE(bench.probes[0].size(), 19U);
  EXPECT_LE(bench.probes[0].size(), 21U);
  EXPECT_GE(bench.probes[1].size(), 19U);
  bench.answer_by_level[1] = kOk;
  bench.Advance(seconds(1));
  EXPECT_EQ(bench.router.active(), 1U);
}

TEST(RouterTest, APlainExporterRecoversWithinASecond) {
  RouterBench bench(RouterBench::Config({1}));
  bench.answer_probes = kTransport;
  bench.DialDown(0);
  bench.Advance(minutes(5));
  EXPECT_EQ(bench.router.active(), std::nullopt);
  bench.answer_probes = kOk;
  bench.Advance(seconds(1));
  EXPECT_EQ(bench.router.active(), 0U);
}

// --- hold ---

TEST(RouterTest, ALoweredHoldCountsAfterAReloadAndARestart) {
  RouterConfig config = RouterBench::Config({1, 1});
  config.hold = minutes(3);
  RouterBench bench(config);
  const std::string saved = bench.router.Save();
  config.hold = seconds(2);
  bench.router.Reconfigure(config, bench.now);
  EXPECT_EQ(bench.router.hold(0), seconds(2));
  Router restarted(config, bench.now);
  restarted.Restore(saved, bench.now);
  EXPECT_EQ(restarted.hold(0), seconds(2));
}

TEST(RouterTest, HoldKeepsAFlappingLevelDownAndDoublesUpToFiveMinutes) {
  RouterConfig config = RouterBench::Config({1, 1});
  config.retry_interval = seconds(1);
  RouterBench bench(config);
  bench.answer_probes = kOk;
  bench.answer_live_probes = kOk;
  const int expected[] = {5, 10, 20, 40, 80, 160, 300, 300};
  for (const int hold : expected) {
    bench.DialDown(0);
    EXPECT_EQ(bench.router.hold(0), seconds(hold));
    bench.Advance(seconds(hold) - milliseconds(1));
    EXPECT_EQ(bench.router.active(), 1U) << hold;
    bench.Advance(seconds(2));
    EXPECT_EQ(bench.router.active(), 0U) << hold << ": back within two seconds after hold";
  }
}

TEST(RouterTest, HoldHalvesForEveryFiveMinutesUp) {
  RouterConfig config = RouterBench::Config({1, 1});
  config.retry_interval = seconds(1);
  RouterBench bench(config);
  bench.answer_probes = kOk;
  bench.answer_live_probes = kOk;
  for (int i = 0; i < 4; ++i) {
    bench.DialDown(0);
    bench.Advance(minutes(1));
  }
  bench.Advance(minutes(4));
  ASSERT_EQ(bench.router.active(), 0U);
  ASSERT_EQ(bench.router.hold(0), seconds(40));
  bench.Advance(minutes(10));
  bench.DialDown(0);
  EXPECT_EQ(bench.router.hold(0), seconds(10));
}

TEST(RouterTest, HoldOutlivesAPhaseInWhichEverythingWasDown) {
  RouterConfig config = RouterBench::Config({1, 1});
  config.hold = minutes(3);
  RouterBench bench(config);
  bench.answer_probes = kTransport;
  bench.DialDown(0);
  const TimePoint fell = bench.now;
  bench.DialDown(1);
  bench.Advance(seconds(5));
  bench.answer_by_level[1] = kOk;
  bench.Advance(seconds(2));
  ASSERT_EQ(bench.router.active(), 1U);
  bench.probes[0].clear();
  bench.Advance(minutes(10));
  ASSERT_FALSE(bench.probes[0].empty());
  EXPECT_GE(bench.probes[0].front() - fell, minutes(3));
}

// --- the operator ---

TEST(RouterTest, DrainMovesEverythingAwayAndAutoBringsItBack) {
  RouterBench bench;
  bench.Word(0, Override::kDrained);
  EXPECT_EQ(bench.Kinds(), (std::vector<Kind>{Kind::kHandOver, Kind::kActivate}));
  EXPECT_EQ(bench.router.active(), 1U);
  bench.Advance(minutes(10));
  EXPECT_EQ(bench.router.active(), 1U);
  bench.Word(0, Override::kAuto);
  EXPECT_EQ(bench.router.active(), 0U) << "it was healthy all the time";
}

TEST(RouterTest, ForceUsesALevelWhateverHappensToIt) {
  RouterBench bench;
  bench.Word(1, Override::kForced);
  EXPECT_EQ(bench.router.active(), 1U);
  bench.log.clear();
  bench.DialDown(1);
  EXPECT_EQ(bench.router.active(), 1U);
  EXPECT_EQ(bench.Find(Kind::kHandOver), nullptr) << "there is no other place";
  bench.Word(1, Override::kAuto);
  EXPECT_EQ(bench.router.active(), 0U);
}

TEST(RouterTest, AnOverriddenLevelNeedsNoTimerThoughItFails) {
  for (const Override word : {Override::kForced, Override::kDrained}) {
    RouterBench bench;
    bench.Word(0, word);
    bench.Fail(0, 1);
    bench.Advance(minutes(1));
    const auto next = bench.router.NextTick();
    EXPECT_TRUE(!next || *next > bench.now);
    EXPECT_TRUE(bench.probes[0].empty());
  }
}

TEST(RouterTest, ADrainedLevelIsNotTriedThoughItsProbesAreGood) {
  RouterBench bench;
  bench.DialDown(0);
  bench.Advance(seconds(30), /*probes=*/false);
  ASSERT_EQ(bench.router.state(0), LevelState::kProbing);
  bench.Word(0, Override::kDrained);
  bench.Probe(0, kOk);
  bench.Advance(minutes(10));
  EXPECT_EQ(bench.Find(Kind::kLiveProbe), nullptr);
  bench.answer_probes = kOk;
  bench.answer_live_probes = kOk;
  bench.Word(0, Override::kAuto);
  bench.Advance(seconds(1));
  EXPECT_EQ(bench.router.active(), 0U) << "probed at once";
}

TEST(RouterTest, DrainingALevelInTrialTakesTheTrialBack) {
  RouterBench bench;
  bench.DialDown(0);
  bench.answer_probes = kOk;
  bench.Advance(seconds(31));
  ASSERT_EQ(bench.router.state(0), LevelState::kLiveProbing);
  bench.log.clear();
  bench.Word(0, Override::kDrained);
  EXPECT_EQ(bench.router.state(0), LevelState::kDown);
  EXPECT_NE(bench.Find(Kind::kHandOver), nullptr);
}

TEST(RouterTest, AGoodProbeThatTheOperatorAskedForEndsTheHold) {
  RouterConfig config = RouterBench::Config({1, 1});
  config.hold = minutes(5);
  RouterBench bench(config);
  bench.DialDown(0);
  bench.Advance(seconds(1));
  const auto ask = [&](sending::OutcomeClass outcome) {
    bench.Take(bench.router.Step(
        {.kind = RouterEvent::Kind::kOperatorProbe, .level = 0, .outcome = outcome, .error = {}},
        bench.now));
  };
  ask(sending::OutcomeClass::kTransport);
  EXPECT_EQ(bench.router.state(0), LevelState::kDown);
  bench.answer_probes = kOk;
  bench.answer_live_probes = kOk;
  ask(sending::OutcomeClass::kOk);
  bench.Advance(seconds(1));
  EXPECT_EQ(bench.router.active(), 0U) << "it waits for the hold to pass";
}

TEST(RouterTest, AProbeThatTheOperatorAskedForChangesNoOverride) {
  RouterBench bench;
  bench.Word(0, Override::kDrained);
  for (const sending::OutcomeClass outcome :
       {sending::OutcomeClass::kOk, sending::OutcomeClass::kTransport}) {
    bench.Take(bench.router.Step(
        {.kind = RouterEvent::Kind::kOperatorProbe, .level = 0, .outcome = outcome, .error = {}},
        bench.now));
    EXPECT_EQ(bench.router.operator_override(0), Override::kDrained);
    EXPECT_EQ(bench.router.active(), 1U);
  }
}

// --- reload and restart ---

TEST(RouterTest, AReloadKeepsWhatItKnowsByName) {
  RouterBench bench(RouterBench::Config({1, 1}));
  bench.DialDown(0);
  RouterConfig swapped = RouterBench::Config({1, 1});
  std::swap(swapped.levels[0], swapped.levels[1]);
  bench.log.clear();
  bench.Reconfigure(swapped);
  EXPECT_EQ(bench.router.state(1), LevelState::kProbing);
  EXPECT_EQ(bench.router.active(), 0U);
  EXPECT_EQ(bench.Find(Kind::kActivate), nullptr) << "the same level is still active";
}

TEST(RouterTest, AReloadProbesWhatIsDownAtOnce) {
  RouterBench bench;
  bench.DialDown(0);
  bench.answer_probes = kOk;
  bench.answer_live_probes = kOk;
  bench.Reconfigure(RouterBench::Config({1, 1}));
  EXPECT_EQ(bench.router.active(), 1U);
  bench.Advance(seconds(1));
  EXPECT_EQ(bench.router.active(), 0U);
}

TEST(RouterTest, AReloadWithoutTheActiveLevelChoosesAnother) {
  RouterBench bench(RouterBench::Config({1, 1, 1}));
  RouterConfig config = RouterBench::Config({1, 1, 1});
  config.levels.erase(config.levels.begin());
  bench.Reconfigure(config);
  EXPECT_EQ(bench.router.active(), 0U);
  EXPECT_EQ(bench.router.config().levels[0].name, "level1");
}

TEST(RouterTest, ARestartRemembersAndProbesBeforeUse) {
  RouterBench before(RouterBench::Config({1, 1, 1}));
  before.Word(1, Override::kDrained);
  before.DialDown(0);
  EXPECT_EQ(before.router.active(), 2U);

  RouterBench after(RouterBench::Config({1, 1, 1}));
  after.Take(after.router.Restore(before.router.Save(), after.now));
  EXPECT_EQ(after.router.active(), 2U);
  EXPECT_EQ(after.router.operator_override(1), Override::kDrained);
  EXPECT_EQ(after.router.state(0), LevelState::kProbing);
  after.answer_probes = kOk;
  after.answer_live_probes = kOk;
  after.Probe(0, kOk);
  after.Advance(seconds(1));
  EXPECT_EQ(after.router.active(), 0U);
}

TEST(RouterTest, DamagedStateIsIgnored) {
  for (const std::string_view text :
       {"", "\n\n", "down", "down\tdrained", "x\ty\tz\tlevel0\n", "down\tauto\t-5\tlevel0",
        "down\tauto\t99999999999999999999\tlevel0\n", "\t\t\t\t\t\t", "up\tauto\t1\tunknown\n"}) {
    RouterBench bench;
    bench.Take(bench.router.Restore(text, bench.now));
    EXPECT_GE(bench.router.hold(0), seconds(5)) << text;
    EXPECT_LE(bench.router.hold(0), minutes(5)) << text;
  }
}

// --- random events ---

class RandomRouter {
 public:
  explicit RandomRouter(uint64_t seed) : rng_(seed), bench_(MakeConfig()) {}

  void Run() {
    for (int i = 0; i < 400 && !::testing::Test::HasFatalFailure(); ++i) {
      Step();
      Check();
    }
    // With all peers good it reaches level 0 within bounded time.
    for (size_t i = 0; i < bench_.router.levels(); ++i) {
      bench_.Word(i, Override::kAuto);
    }
    bench_.answer_by_level.clear();
    bench_.answer_probes = kOk;
    bench_.answer_live_probes = kOk;
    bench_.FinishPending();
    const RouterConfig& config = bench_.router.config();
    bench_.Advance(std::max<Duration>(minutes(5), config.hold) + config.retry_interval * 10 +
                   config.retry_gap * 10 + seconds(5));
    EXPECT_EQ(bench_.router.active(), 0U);
  }

 private:
  RouterConfig MakeConfig() {
    RouterConfig config = RouterBench::Config(std::vector<size_t>(1 + rng_.Below(3), 1));
    for (auto& level : config.levels) {
      level.members = 1 + rng_.Below(2);
    }
    config.retry_interval = milliseconds(100 + rng_.Below(60'000));
    config.retry_gap = milliseconds(100 + rng_.Below(5000));
    config.max_retries = static_cast<uint32_t>(rng_.Below(3));
    config.fall = static_cast<uint32_t>(1 + rng_.Below(4));
    config.rise = static_cast<uint32_t>(1 + rng_.Below(3));
    config.hold = milliseconds(1 + rng_.Below(20'000));
    return config;
  }

  sending::OutcomeClass AnyOutcome() { return static_cast<sending::OutcomeClass>(rng_.Below(6)); }

  void Step() {
    const size_t level = rng_.Below(bench_.router.levels());
    const size_t member = rng_.Below(bench_.router.config().levels[level].members);
    switch (rng_.Below(10)) {
      case 0:
        bench_.Dial(level, member);
        break;
      case 1:
        for (int i = 0; i < 3; ++i) {
          bench_.Dial(level, member);
        }
        break;
      case 2:
        bench_.Feed({.kind = rng_.Chance(0.5) ? RouterEvent::Kind::kConnectionLost
                                              : RouterEvent::Kind::kConnected,
                     .level = level,
                     .member = member,
                     .error = {}});
        break;
      case 3:
        if (rng_.Chance(0.3)) {
          bench_.Word(level, static_cast<Override>(rng_.Below(3)));
        }
        break;
      case 4:
        if (rng_.Chance(0.2)) {
          bench_.Reconfigure(MakeConfig());
        }
        break;
      case 5:
        bench_.answer_by_level[level] = AnyOutcome();
        bench_.answer_live_probes = AnyOutcome();
        break;
      case 6:
        bench_.Advance(milliseconds(rng_.Below(60'000)), rng_.Chance(0.9));
        break;
      default:
        bench_.work_waits = rng_.Chance(0.5);
        bench_.Feed({.kind = RouterEvent::Kind::kAttempt,
                     .level = level,
                     .member = member,
                     .unit = rng_.Below(20) + 1,
                     .outcome = AnyOutcome(),
                     .answered = rng_.Chance(0.7),
                     .delay = seconds(rng_.Below(100)),
                     .work_waits = bench_.work_waits,
                     .error = "e"});
        bench_.Advance(milliseconds(rng_.Below(500)));
        break;
    }
  }

  void Check() {
    const Router& router = bench_.router;
    // Of the usable levels the first is active; a forced one comes before all.
    std::optional<size_t> best;
    for (size_t i = router.levels(); i-- > 0;) {
      if (router.Usable(i)) {
        best = i;
      }
    }
    for (size_t i = router.levels(); i-- > 0;) {
      if (router.operator_override(i) == Override::kForced) {
        best = i;
      }
    }
    ASSERT_EQ(router.active(), best);
    const auto next = router.NextTick();
    ASSERT_TRUE(!next || *next > bench_.now) << "the timer would spin";
    ASSERT_EQ(bench_.active, router.active()) << "every change is told";
    ASSERT_FALSE(bench_.flapped) << "up again before `hold` was over";
  }

  Rng rng_;
  RouterBench bench_;
};

TEST(RouterTest, RandomEventsNeverLeaveItStuckOrFlapping) {
  const uint64_t first = sim::FirstSeed();
  for (uint64_t seed = first; seed < first + 300; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    RandomRouter(seed).Run();
    if (::testing::Test::HasFailure()) {
      return;
    }
  }
}

}  // namespace
}  // namespace gapless::routing
