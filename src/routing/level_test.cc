// Every transition of one level.
#include "routing/level.h"

#include <gtest/gtest.h>

namespace gapless::routing {
namespace {

using enum sending::OutcomeClass;
using enum LevelState;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Kind = RouterEvent::Kind;

// A level on a clock of its own, with one other level beside it.
class LevelBench {
 public:
  RouterActions Feed(RouterEvent event) {
    actions.clear();
    level.On(event, Context(), actions);
    level.Judge(event.work_waits, Context(), actions);
    return actions;
  }
  void Dials(int count) {
    for (int i = 0; i < count; ++i) {
      Feed({.kind = Kind::kDialFailed, .error = "refused"});
    }
  }
  void Attempt(sending::OutcomeClass outcome, uint64_t unit) {
    Feed({.kind = Kind::kAttempt,
          .unit = unit,
          .first_record = unit,
          .outcome = outcome,
          .delay = seconds(60),
          .work_waits = true,
          .error = "bad"});
  }
  void Probe(sending::OutcomeClass outcome) {
    Feed({.kind = Kind::kProbe, .outcome = outcome, .error = "probe"});
  }
  void LiveProbe(sending::OutcomeClass outcome) {
    Feed({.kind = Kind::kLiveProbe, .outcome = outcome, .error = "live"});
  }
  // Lets time pass, then a probe begins if one is due.
  void Wait(Duration duration) {
    now += duration;
    Feed({.work_waits = true, .error = {}});
    level.ProbeIfDue(Context(), actions);
  }
  LevelContext Context() const {
    return {.config = config, .now = now, .all_down = all_down, .other_usable = !all_down};
  }

  RouterConfig config;
  TimePoint now{std::chrono::hours(24)};
  bool all_down = false;
  Level level{{.name = "level"}, config.hold, now};
  RouterActions actions;
};

using Act = void (*)(LevelBench&);

// Ways to each state.
void Healthy(LevelBench&) {}
void Down(LevelBench& bench) { bench.Dials(3); }
void DownByRefusals(LevelBench& bench) {
  for (uint64_t unit = 1; unit <= 3; ++unit) {
    bench.Attempt(kRejected, unit);
  }
}
void DownByThrottling(LevelBench& bench) {
  bench.Attempt(kThrottled, 1);
  bench.Wait(seconds(31));
}
void DownByDataAlone(LevelBench& bench) {
  for (uint64_t unit = 1; unit <= 3; ++unit) {
    bench.Attempt(kTransport, unit);
  }
  bench.Wait(seconds(1));
}
template <Act fall>
void Probing(LevelBench& bench) {
  fall(bench);
  bench.Wait(seconds(30));
}
template <Act fall>
void LiveProbing(LevelBench& bench) {
  Probing<fall>(bench);
  bench.Probe(kOk);
  if (bench.level.state() == kProbing) {
    bench.Wait(milliseconds(200));
    bench.Probe(kOk);
  }
}
template <Act fall>
void WaitingForAUnit(LevelBench& bench) {
  LiveProbing<fall>(bench);
  bench.Feed({.kind = Kind::kNothingToTry, .error = {}});
}

struct Row {
  const char* name;
  Act from;
  LevelState before;
  Act event;
  LevelState after;
  std::string_view reason = {};  // of the transition that is told; empty: none is
  std::optional<LiveProbeKind> asks = std::nullopt;  // for a unit
};

constexpr Row kRows[] = {
    // From healthy.
    {"dials", Healthy, kHealthy, [](LevelBench& b) { b.Dials(3); }, kDown, "dial_failed"},
    {"two dials", Healthy, kHealthy, [](LevelBench& b) { b.Dials(2); }, kHealthy},
    {"refusals", Healthy, kHealthy, DownByRefusals, kDown, "denied"},
    {"throttling", Healthy, kHealthy, DownByThrottling, kDown, "throttled"},
    {"failures", Healthy, kHealthy, DownByDataAlone, kDown, "transport"},
    {"bad page", Healthy, kHealthy,
     [](LevelBench& b) { b.Feed({.kind = Kind::kHealth, .well = false, .error = "unwell"}); },
     kDown, "health_check"},
    {"drained", Healthy, kHealthy,
     [](LevelBench& b) {
       b.Feed({.kind = Kind::kOperator, .operator_override = Override::kDrained, .error = {}});
     },
     kHealthy},
    {"good probe", Healthy, kHealthy, [](LevelBench& b) { b.Probe(kOk); }, kHealthy},
    {"bad probe", Healthy, kHealthy, [](LevelBench& b) { b.Probe(kTransport); }, kHealthy},
    // From down.
    {"not due", Down, kDown, [](LevelBench& b) { b.Wait(seconds(29)); }, kDown},
    {"due", Down, kDown, [](LevelBench& b) { b.Wait(seconds(30)); }, kProbing},
    {"more failures", Down, kDown, [](LevelBench& b) { b.Dials(9); }, kDown},
    {"late success", Down, kDown, [](LevelBench& b) { b.Attempt(kOk, 9); }, kDown},
    {"operator's good probe, the first of two", Down, kDown,
     [](LevelBench& b) { b.Feed({.kind = Kind::kOperatorProbe, .error = {}}); }, kProbing},
    {"operator's bad probe", Down, kDown,
     [](LevelBench& b) {
       b.Feed({.kind = Kind::kOperatorProbe, .outcome = kTransport, .error = {}});
     },
     kDown},
    {"answer about a unit that nobody sent", Down, kDown, [](LevelBench& b) { b.LiveProbe(kOk); },
     kDown},
    // From probing.
    {"first good probe", Probing<Down>, kProbing, [](LevelBench& b) { b.Probe(kOk); }, kProbing},
    {"bad probe", Probing<Down>, kProbing, [](LevelBench& b) { b.Probe(kTransport); }, kDown},
    {"throttled probe", Probing<DownByThrottling>, kProbing,
     [](LevelBench& b) { b.Probe(kThrottled); }, kDown},
    {"override meanwhile", Probing<Down>, kProbing,
     [](LevelBench& b) {
       b.Feed({.kind = Kind::kOperator, .operator_override = Override::kDrained, .error = {}});
       b.Probe(kOk);
     },
     kDown},
    {"good probe while all are down", Probing<Down>, kProbing,
     [](LevelBench& b) {
       b.all_down = true;
       b.Probe(kOk);
     },
     kHealthy, "probe"},
    {"second good probe", Probing<Down>, kProbing,
     [](LevelBench& b) {
       b.Probe(kOk);
       b.Probe(kOk);
     },
     kLiveProbing, "probe", LiveProbeKind::kUsual},
    {"good probe after refusals", Probing<DownByRefusals>, kProbing,
     [](LevelBench& b) { b.Probe(kOk); }, kLiveProbing, "probe", LiveProbeKind::kOldest},
    {"good probes after throttling", Probing<DownByThrottling>, kProbing,
     [](LevelBench& b) {
       b.Probe(kOk);
       b.Probe(kOk);
     },
     kLiveProbing, "probe", LiveProbeKind::kAny},
    {"good probes while data fails", Probing<DownByDataAlone>, kProbing,
     [](LevelBench& b) {
       b.Probe(kOk);
       b.Probe(kOk);
     },
     kLiveProbing, "faulty", LiveProbeKind::kAny},
    // From probing with live data.
    {"taken", LiveProbing<Down>, kLiveProbing, [](LevelBench& b) { b.LiveProbe(kOk); }, kHealthy,
     "trial"},
    {"failed", LiveProbing<Down>, kLiveProbing, [](LevelBench& b) { b.LiveProbe(kFaulty); }, kDown,
     "trial"},
    {"refused",
     LiveProbing<Down>,
     kLiveProbing,
     [](LevelBench& b) { b.LiveProbe(kRejected); },
     kLiveProbing,
     {},
     LiveProbeKind::kUsual},
    {"refused the oldest",
     LiveProbing<DownByRefusals>,
     kLiveProbing,
     [](LevelBench& b) { b.LiveProbe(kRejected); },
     kLiveProbing,
     {},
     LiveProbeKind::kOther},
    {"refused the other too", LiveProbing<DownByRefusals>, kLiveProbing,
     [](LevelBench& b) {
       b.LiveProbe(kRejected);
       b.LiveProbe(kRejected);
     },
     kDown, "denied"},
    {"no unit", LiveProbing<Down>, kLiveProbing,
     [](LevelBench& b) { b.Feed({.kind = Kind::kNothingToTry, .error = {}}); }, kHealthy, "probe"},
    {"no unit, which alone tells",
     LiveProbing<DownByRefusals>,
     kLiveProbing,
     [](LevelBench& b) { b.Feed({.kind = Kind::kNothingToTry, .error = {}}); },
     kLiveProbing,
     {},
     LiveProbeKind::kAny},
    {"no other unit than the one that it refused", LiveProbing<DownByRefusals>, kLiveProbing,
     [](LevelBench& b) {
       b.LiveProbe(kRejected);
       b.Feed({.kind = Kind::kNothingToTry, .error = {}});
     },
     kLiveProbing},
    {"it does not come", LiveProbing<DownByRefusals>, kLiveProbing,
     [](LevelBench& b) {
       b.LiveProbe(kRejected);
       b.Feed({.kind = Kind::kNothingToTry, .error = {}});
       b.Wait(seconds(30));
       b.Probe(kOk);
     },
     kLiveProbing, "probe", LiveProbeKind::kOldest},
    {"no unit comes", WaitingForAUnit<DownByDataAlone>, kLiveProbing,
     [](LevelBench& b) { b.Wait(seconds(30)); }, kProbing},
    {"a unit comes", WaitingForAUnit<DownByDataAlone>, kLiveProbing,
     [](LevelBench& b) {
       b.Feed({.kind = Kind::kUnitCame, .error = {}});
       b.Wait(seconds(30));
     },
     kLiveProbing},
    {"drained", LiveProbing<Down>, kLiveProbing,
     [](LevelBench& b) {
       b.Feed({.kind = Kind::kOperator, .operator_override = Override::kDrained, .error = {}});
     },
     kDown, "operator"},
    {"late probe", LiveProbing<Down>, kLiveProbing, [](LevelBench& b) { b.Probe(kTransport); },
     kLiveProbing},
};

TEST(LevelTest, EveryTransition) {
  for (const Row& row : kRows) {
    SCOPED_TRACE(::testing::Message() << ToString(row.before) << ", " << row.name);
    LevelBench bench;
    row.from(bench);
    ASSERT_EQ(bench.level.state(), row.before);
    bench.actions.clear();
    row.event(bench);
    EXPECT_EQ(bench.level.state(), row.after);
    std::string_view reason;
    std::optional<LiveProbeKind> asks;
    for (const RouterAction& action : bench.actions) {
      if (action.kind == RouterAction::Kind::kTransition) {
        reason = action.reason;
        EXPECT_EQ(action.after, row.after);
      } else if (action.kind == RouterAction::Kind::kLiveProbe) {
        asks = action.live_probe;
      }
    }
    EXPECT_EQ(reason, row.reason);
    EXPECT_EQ(asks, row.asks);
  }
}

TEST(LevelTest, AnOutageLastsFromTheFallToTheReturn) {
  LevelBench bench;
  bench.now += seconds(5);
  Down(bench);
  const TimePoint fell = bench.now;
  Probing<Healthy>(bench);
  bench.Probe(kOk);
  bench.Probe(kOk);
  EXPECT_EQ(bench.level.since(), fell);
  bench.LiveProbe(kOk);
  EXPECT_EQ(bench.level.since(), bench.now);
}

TEST(LevelTest, WhatFailedWhileItWasDownDoesNotCountOnceItIsBack) {
  LevelBench bench;
  Down(bench);
  DownByDataAlone(bench);
  LiveProbing<Healthy>(bench);
  bench.LiveProbe(kOk);
  ASSERT_EQ(bench.level.state(), kHealthy);
  EXPECT_EQ(bench.level.NextTick(bench.Context()), std::nullopt) << "nothing is suspected";
}

TEST(LevelTest, AReloadKeepsTheStateAndForgetsWhatWasCounted) {
  LevelBench bench;
  bench.Dials(2);
  bench.level.Reconfigure(2, bench.config.hold, bench.now);
  bench.Dials(2);
  EXPECT_EQ(bench.level.state(), kHealthy);
  LiveProbing<Down>(bench);
  ASSERT_EQ(bench.level.state(), kLiveProbing);
  bench.level.Reconfigure(2, bench.config.hold, bench.now);
  EXPECT_EQ(bench.level.state(), kDown) << "what is under way is not heard";
  bench.Wait(Duration::zero());
  EXPECT_EQ(bench.level.state(), kProbing) << "it is probed at once";
}

TEST(LevelTest, ARestartRemembersTheOverrideAndThatItWasDown) {
  LevelBench before;
  Down(before);
  before.Feed({.kind = Kind::kOperator, .operator_override = Override::kForced, .error = {}});
  LevelBench after;
  after.level.Restore(before.level.memory(), after.now);
  EXPECT_EQ(after.level.state(), kDown);
  EXPECT_EQ(after.level.memory(), before.level.memory());
  EXPECT_TRUE(after.level.usable()) << "it is forced";
}

}  // namespace
}  // namespace gapless::routing
