#include "net/dial_policy.h"

#include "base/rng.h"

#include <map>

namespace gapless::net {
namespace {

using std::chrono::milliseconds;
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
      switch (rng.Below(12)) {
        case 0:
          policy.Want(At(ms));
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
      for (uint64_t id : actions.overdue) {
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
