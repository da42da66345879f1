#include "net/dial/dial_policy.h"

#include "base/rng.h"

#include <map>

namespace gapless::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Phase = DialPolicy::Phase;

TimePoint At(int64_t ms) { return TimePoint(std::chrono::hours(1)) + milliseconds(ms); }

// Drives a policy on fake time: when dials started, failed and when the burst was declared lost.
struct Driver {
  DialPolicy policy;
  std::vector<int64_t> started;
  std::vector<int64_t> failed;
  std::vector<int64_t> exhausted;
  std::vector<uint64_t> abandoned;
  std::multimap<int64_t, uint64_t> refusals;  // time -> dial
  int64_t refuse_after = -1;                  // -1: the peer is a black hole

  void RunUntil(int64_t end, int64_t from) {
    for (int64_t ms = from; ms <= end; ++ms) {
      while (!refusals.empty() && refusals.begin()->first <= ms) {
        if (policy.OnDialFailed(refusals.begin()->second, At(ms))) {
          failed.push_back(ms);
        }
        refusals.erase(refusals.begin());
      }
      auto next = policy.NextPoll(At(ms));
      if (!next || *next > At(ms)) {
        continue;
      }
      auto actions = policy.Poll(At(ms));
      for (size_t i = 0; i < actions.overdue.size(); ++i) {
        failed.push_back(ms);
      }
      for (uint64_t id : actions.start) {
        started.push_back(ms);
        if (refuse_after >= 0) {
          refusals.emplace(ms + refuse_after, id);
        }
      }
      abandoned.insert(abandoned.end(), actions.abandon.begin(), actions.abandon.end());
      if (actions.exhausted) {
        exhausted.push_back(ms);
      }
    }
  }
};

TEST(DialPolicyTest, ARefusingPeerIsFoundWithThreeDialsInHundredMilliseconds) {
  Driver d;
  d.refuse_after = 1;
  d.policy.OnConnectionFailed(At(0));
  d.RunUntil(900, 0);
  EXPECT_EQ(d.started, (std::vector<int64_t>{0, 50, 100}));
  EXPECT_EQ(d.failed, (std::vector<int64_t>{1, 51, 101}));
  EXPECT_EQ(d.exhausted, (std::vector<int64_t>{101}));
  EXPECT_EQ(d.policy.phase(), Phase::kPaused);
}

TEST(DialPolicyTest, ABlackHoleIsFoundWithOverlappingDialsInNineHundredMilliseconds) {
  Driver d;
  d.policy.OnConnectionFailed(At(0));
  d.RunUntil(950, 0);
  EXPECT_EQ(d.started, (std::vector<int64_t>{0, 50, 100}));
  EXPECT_EQ(d.failed, (std::vector<int64_t>{800, 850, 900}));
  EXPECT_EQ(d.exhausted, (std::vector<int64_t>{900}));
}

TEST(DialPolicyTest, ALostSynDoesNotHideThatThePeerRefuses) {
  Driver d;
  d.policy.OnConnectionFailed(At(0));
  d.RunUntil(0, 0);  // silent
  d.refuse_after = 1;
  d.RunUntil(900, 1);
  EXPECT_EQ(d.started, (std::vector<int64_t>{0, 50, 100}));
  EXPECT_EQ(d.failed, (std::vector<int64_t>{51, 101, 101}));
  EXPECT_EQ(d.exhausted, (std::vector<int64_t>{101}));
}

TEST(DialPolicyTest, OneRefusalIsNotEnoughToGiveUpOnTwoSilentDials) {
  Driver d;
  d.policy.OnConnectionFailed(At(0));
  d.RunUntil(60, 0);  // two are silent
  d.refuse_after = 1;
  d.RunUntil(900, 61);
  EXPECT_EQ(d.failed, (std::vector<int64_t>{101, 800, 850}));
}

TEST(DialPolicyTest, RedialsOnceASecondWhileSomebodyWantsTheConnection) {
  Driver d;
  d.refuse_after = 1;
  d.policy.Want(At(0));
  d.RunUntil(5000, 0);
  EXPECT_EQ(d.started, (std::vector<int64_t>{0, 50, 100, 1100, 2100, 3100, 4100}));
  EXPECT_EQ(d.failed.size(), d.started.size());
}

TEST(DialPolicyTest, RestsWhenNobodyWantsTheConnectionAndDialsAtOnceWhenSomebodyDoes) {
  Driver d;
  d.refuse_after = 1;
  d.policy.OnConnectionFailed(At(0));
  d.RunUntil(100000, 0);
  EXPECT_EQ(d.started.size(), 3u);
  d.policy.Want(At(100001));
  d.RunUntil(100002, 100001);
  EXPECT_EQ(d.started.back(), 100001);
}

TEST(DialPolicyTest, AProbeEndsThePause) {
  Driver d;
  d.refuse_after = 1;
  d.policy.Want(At(0));
  d.RunUntil(200, 0);
  d.policy.Want(At(201));
  d.RunUntil(202, 201);
  EXPECT_EQ(d.started.size(), 3u);
  d.policy.WantNow(At(203));
  d.RunUntil(204, 203);
  EXPECT_EQ(d.started.back(), 203);
}

TEST(DialPolicyTest, TheFirstAnswerWinsAndTheOtherDialsAreDropped) {
  Driver d;
  d.policy.OnConnectionFailed(At(0));
  d.RunUntil(60, 0);
  ASSERT_EQ(d.started.size(), 2u);
  d.policy.OnAnswered(2, At(70));
  d.RunUntil(2000, 70);
  EXPECT_EQ(d.abandoned, (std::vector<uint64_t>{1}));
  EXPECT_TRUE(d.failed.empty());
  EXPECT_EQ(d.policy.phase(), Phase::kConnected);
  EXPECT_FALSE(d.policy.OnDialFailed(1, At(2001))) << "a dropped dial is no news";
}

TEST(DialPolicyTest, ALateDialIsReportedOnceAndStillWelcome) {
  Driver d;
  d.policy.Want(At(0));
  d.RunUntil(810, 0);
  EXPECT_EQ(d.failed, (std::vector<int64_t>{800}));
  EXPECT_FALSE(d.policy.OnDialFailed(1, At(820)));
  d.policy.OnAnswered(2, At(1500));
  EXPECT_EQ(d.policy.phase(), Phase::kConnected);
}

TEST(DialPolicyTest, AHealthyFirstConnectTakesOneDial) {
  Driver d;
  d.policy.Want(At(0));
  d.RunUntil(250, 0);
  EXPECT_EQ(d.started.size(), 1u);
  d.policy.OnAnswered(1, At(251));
  d.RunUntil(5000, 251);
  EXPECT_EQ(d.started.size(), 1u);
}

TEST(DialPolicyTest, AStrangersSilenceAtStartIsFoundWithinTwoSeconds) {
  Driver d;
  d.policy.Want(At(0));
  d.RunUntil(3000, 0);
  ASSERT_FALSE(d.exhausted.empty());
  EXPECT_LE(d.exhausted.front(), 1400);
}

// A dial that makes these steps, and when it is overdue; -1: never, since the last step answers it.
struct Journey {
  std::string_view situation;
  std::vector<int64_t> steps;  // the first one is TCP's
  int64_t overdue;
  DialPolicy::Patience patience = {};
};

TEST(DialPolicyTest, TheTimeAllowedFollowsTheStepsOfADialAndWhatIsKnownOfThePeer) {
  const Journey journeys[] = {
      {"packets are dropped", {}, 800},
      {"a stopped process: its kernel connects at once, then nothing", {1}, 801},
      {"a stopped process 100 ms away", {100}, 900},
      {"a stopped process 300 ms away", {300}, 1200},
      {"the third step never comes", {250, 500}, 1300},
      {"300 ms away, TCP, TLS and SETTINGS", {300, 600, 900}, -1},
      {"500 ms away, TCP, TLS and SETTINGS", {500, 1000, 1500}, -1},
      {"a relay that connects at once, TLS 500 ms away", {1, 500, 1000}, -1},
      {"known to be a second away", {1000, 2000, 3000}, -1, {.connect = seconds(3)}},
      {"known to be a second away, and silent", {}, 3000, {.connect = seconds(3)}},
      {"busy, answers take two seconds", {1, 4000}, -1, {.answer = seconds(6)}},
      {"busy, but not even its kernel answers", {}, 800, {.answer = seconds(6)}},
      {"spoke 100 ms before the dial", {1}, 801, {.spoke = At(-100)}},
      {"spoke 700 ms after the dial began", {1}, 1500, {.spoke = At(700)}},
      {"steps for ever", {700, 1400, 2100, 2800, 3500, 4200}, 4000, {.at_most = seconds(4)}},
  };
  for (const Journey& journey : journeys) {
    SCOPED_TRACE(journey.situation);
    DialPolicy policy;
    policy.SetPatience(journey.patience);
    policy.OnConnectionFailed(At(0));
    const uint64_t dial = policy.Poll(At(0)).start.at(0);
    int64_t overdue = -1;
    size_t done = 0;
    for (int64_t ms = 0; ms < 20000 && overdue < 0; ++ms) {
      if (done < journey.steps.size() && journey.steps[done] == ms) {
        policy.OnStep(dial, At(ms), true);
        if (++done == journey.steps.size() && journey.overdue < 0) {
          EXPECT_TRUE(policy.OnAnswered(dial, At(ms)));
          break;
        }
      }
      for (const auto& [id, waited] : policy.Poll(At(ms)).overdue) {
        if (id == dial) {
          overdue = ms;
          EXPECT_EQ(waited, milliseconds(ms));
        }
      }
    }
    EXPECT_EQ(overdue, journey.overdue);
  }
}

TEST(DialPolicyTest, ASlowNetworkIsRememberedAndOneStandstillIsNot) {
  const auto answered = [](DialPolicy& policy, int64_t at, std::vector<int64_t> steps) {
    policy.OnConnectionFailed(At(at));
    const uint64_t dial = policy.Poll(At(at)).start.at(0);
    for (const int64_t step : steps) {
      (void)policy.Poll(At(at + step));
      policy.OnStep(dial, At(at + step), true);
    }
    return policy.OnAnswered(dial, At(at + steps.back()));
  };
  const auto silent = [](DialPolicy& policy, int64_t at) {
    Driver driver;
    driver.policy = policy;
    driver.policy.OnConnectionFailed(At(at));
    driver.RunUntil(at + 15000, at);
    return driver.failed.front() - at;
  };
  DialPolicy far;
  EXPECT_TRUE(answered(far, 0, {600, 1200, 1800}));
  EXPECT_EQ(silent(far, 10000), 1200) << "twice the slowest step";

  DialPolicy stopped;
  EXPECT_FALSE(answered(stopped, 0, {1, 5000}));
  EXPECT_EQ(silent(stopped, 10000), 800) << "a process that was stopped once is no slow network";

  DialPolicy slow;
  EXPECT_FALSE(answered(slow, 0, {1, 1500}));
  EXPECT_FALSE(answered(slow, 400000, {1, 1400}));
  EXPECT_EQ(silent(slow, 410000), 2798) << "slow twice, minutes apart";
}

TEST(DialPolicyTest, RecoveryOfASuspectedConnectionDropsItsDialsUnreported) {
  Driver d;
  d.policy.OnConnectionFailed(At(0));
  d.RunUntil(300, 0);
  d.policy.OnRecovered(At(301));
  d.RunUntil(3000, 301);
  EXPECT_TRUE(d.failed.empty());
  EXPECT_EQ(d.abandoned.size(), 3u);
}

TEST(DialPolicyTest, APeerThatAcceptsAndHangsUpIsDialledTenTimesASecondAtMost) {
  DialPolicy policy;
  policy.Want(At(0));
  int dials = 0;
  for (int64_t ms = 0; ms < 10000; ++ms) {
    for (uint64_t id : policy.Poll(At(ms)).start) {
      ++dials;
      policy.OnAnswered(id, At(ms));
      policy.OnConnectionFailed(At(ms));
    }
  }
  EXPECT_LE(dials, 100);
  EXPECT_GE(dials, 90);
}

TEST(DialPolicyTest, NeverRunsMoreDialsThanTheBoundAndEveryDialEndsInOneWay) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    DialPolicy policy;
    std::map<uint64_t, int> open;  // dial -> times reported
    for (int64_t ms = 0; ms < 20000; ms += static_cast<int64_t>(rng.Below(120))) {
      switch (rng.Below(14)) {
        case 0:
          policy.Want(At(ms));
          break;
        case 12:
          if (!open.empty()) {
            policy.OnStep(open.rbegin()->first, At(ms), rng.Chance(0.5));
          }
          break;
        case 13:
          policy.SetPatience({.connect = milliseconds(rng.Below(3000)),
                              .answer = milliseconds(rng.Below(9000)),
                              .spoke = At(ms - static_cast<int64_t>(rng.Below(5000)))});
          break;
        case 1:
          policy.WantNow(At(ms));
          break;
        case 2:
          if (policy.phase() == Phase::kConnected) {
            policy.OnConnectionFailed(At(ms));
          }
          break;
        case 3:
          if (!open.empty() && rng.Chance(0.3)) {
            policy.OnAnswered(open.begin()->first, At(ms));
            open.erase(open.begin());
          }
          break;
        case 4:
        case 5:
          if (!open.empty()) {
            const auto [id, reports] = *open.rbegin();
            EXPECT_EQ(policy.OnDialFailed(id, At(ms)), reports == 0);
            open.erase(id);
          }
          break;
        default:
          break;
      }
      auto actions = policy.Poll(At(ms));
      for (const auto& [id, waited] : actions.overdue) {
        ASSERT_TRUE(open.contains(id));
        EXPECT_EQ(open[id]++, 0);
      }
      for (uint64_t id : actions.abandon) {
        open.erase(id);
      }
      for (uint64_t id : actions.start) {
        open[id] = 0;
      }
      ASSERT_LE(open.size(), DialPolicy::kMaxDials);
    }
  }
}

}  // namespace
}  // namespace gapless::net
