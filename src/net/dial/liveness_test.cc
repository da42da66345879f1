#include "net/dial/liveness.h"

#include "base/rng.h"

namespace gapless::net {
namespace {

using std::chrono::milliseconds;
using Action = Liveness::Action;

TimePoint At(int ms) { return TimePoint(std::chrono::hours(1)) + milliseconds(ms); }

TEST(LivenessTest, AsksNothingWhileNoRequestIsInFlight) {
  Liveness liveness({});
  EXPECT_EQ(liveness.Poll(At(100000)), Action::kNone);
  EXPECT_FALSE(liveness.NextPoll());
}

TEST(LivenessTest, SilenceBringsAPingAtHalfTimeAndSuspicionAtFullTime) {
  Liveness liveness({});
  liveness.OnRequestStarted(At(0));
  EXPECT_EQ(liveness.NextPoll(), At(500));
  EXPECT_EQ(liveness.Poll(At(499)), Action::kNone);
  EXPECT_EQ(liveness.Poll(At(500)), Action::kSendPing);
  EXPECT_EQ(liveness.NextPoll(), At(1000));
  EXPECT_EQ(liveness.Poll(At(999)), Action::kNone);
  EXPECT_EQ(liveness.Poll(At(1000)), Action::kSuspect);
  EXPECT_TRUE(liveness.suspect());
  EXPECT_EQ(liveness.Poll(At(1001)), Action::kNone) << "a verdict is given once";
}

TEST(LivenessTest, IdleTimeBeforeARequestIsNoSilence) {
  Liveness liveness({});
  liveness.OnRequestStarted(At(0));
  liveness.OnAnswer(At(10));
  liveness.OnRequestEnded();
  liveness.OnRequestStarted(At(60000));
  EXPECT_EQ(liveness.Poll(At(60100)), Action::kNone);
  EXPECT_EQ(liveness.Poll(At(60500)), Action::kSendPing);
}

TEST(LivenessTest, AcknowledgedPingsKeepASlowPeerAliveAndAreNeverMoreThanTwoBetweenAnswers) {
  Liveness liveness({});
  liveness.OnRequestStarted(At(0));
  int pings = 0;
  int suspects = 0;
  int replaces = 0;
  for (int ms = 0; ms < 30000; ms += 10) {
    switch (liveness.Poll(At(ms))) {
      case Action::kSendPing:
        ++pings;
        liveness.OnPingAck(At(ms + 5));
        break;
      case Action::kSuspect:
        ++suspects;
        break;
      case Action::kReplace:
        ++replaces;
        break;
      case Action::kNone:
        break;
    }
  }
  EXPECT_EQ(pings, 2);
  EXPECT_EQ(suspects, 0);
  EXPECT_EQ(replaces, 1);
  liveness.OnAnswer(At(30000));
  EXPECT_EQ(liveness.Poll(At(30500)), Action::kSendPing) << "an answer fills the budget again";
}

TEST(LivenessTest, AnyWordOfThePeerClearsSuspicion) {
  Liveness liveness({});
  liveness.OnRequestStarted(At(0));
  liveness.Poll(At(500));
  ASSERT_EQ(liveness.Poll(At(1000)), Action::kSuspect);
  liveness.OnReceived(At(1200));
  EXPECT_FALSE(liveness.suspect());
  EXPECT_EQ(liveness.Poll(At(2199)), Action::kNone);
  EXPECT_EQ(liveness.Poll(At(2200)), Action::kSuspect) << "the PING is still unanswered";
}

TEST(LivenessTest, BytesTakenByThePeersKernelAreLifeOnlyUntilThePingArrived) {
  Liveness liveness({});
  liveness.OnTransportAcked(1000, 1000, At(-50));
  liveness.OnRequestStarted(At(0));
  liveness.OnTransportAcked(1000, 9000, At(0));
  EXPECT_EQ(liveness.Poll(At(500)), Action::kSendPing);
  liveness.OnPingSent(9017, Duration::zero());
  liveness.OnTransportAcked(5000, 9017, At(900));
  EXPECT_EQ(liveness.Poll(At(1000)), Action::kNone) << "a slow upload is progress";
  liveness.OnTransportAcked(9017, 30000, At(1300));
  EXPECT_EQ(liveness.Poll(At(1899)), Action::kNone);
  liveness.OnTransportAcked(20000, 30000, At(1890));
  EXPECT_EQ(liveness.Poll(At(1900)), Action::kSuspect)
      << "a stopped process keeps acknowledging but does not answer";
}

TEST(LivenessTest, TheLastAcknowledgementSaysNothingForItsTimeIsUnknown) {
  Liveness liveness({});
  liveness.OnRequestStarted(At(0));
  liveness.OnTransportAcked(10, 10, At(120));
  EXPECT_EQ(liveness.NextPoll(), At(500));
}

TEST(LivenessTest, APingThatWentOutLateHasItsTimeToBeAnswered) {
  Liveness liveness({});
  liveness.OnRequestStarted(At(0));
  ASSERT_EQ(liveness.Poll(At(1700)), Action::kSendPing) << "this process was busy";
  EXPECT_EQ(liveness.NextPoll(), At(2200));
  EXPECT_EQ(liveness.Poll(At(2199)), Action::kNone);
  EXPECT_EQ(liveness.Poll(At(2200)), Action::kSuspect);
}

TEST(LivenessTest, WithoutPingsSilenceAloneIsSuspect) {
  Liveness liveness({.can_ping = false});
  liveness.OnRequestStarted(At(0));
  EXPECT_EQ(liveness.NextPoll(), At(1000));
  EXPECT_EQ(liveness.Poll(At(999)), Action::kNone);
  EXPECT_EQ(liveness.Poll(At(1000)), Action::kSuspect);
}

TEST(LivenessTest, APingToAPeerFarAwayHasTwoRoundTrips) {
  Liveness liveness({});
  liveness.OnRequestStarted(At(0));
  EXPECT_EQ(liveness.Poll(At(500)), Action::kSendPing);
  liveness.OnPingSent(17, milliseconds(400));
  EXPECT_EQ(liveness.NextPoll(), At(1300));
  EXPECT_EQ(liveness.Poll(At(1299)), Action::kNone);
  EXPECT_EQ(liveness.Poll(At(1300)), Action::kSuspect);
}

// Whatever happened before, a peer that falls silent for good is suspect or to be replaced within
// suspect_after of the last evidence (or of the first request), as long as the owner polls when
// asked to.
TEST(LivenessTest, SilenceIsAlwaysFoundInTime) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    Liveness liveness({});
    int in_flight = 0;
    int now = 0;
    for (int step = 0; step < 100; ++step) {
      now += static_cast<int>(rng.Below(400));
      liveness.Poll(At(now));
      switch (rng.Below(5)) {
        case 0:
          liveness.OnRequestStarted(At(now));
          ++in_flight;
          break;
        case 1:
          if (in_flight > 0) {
            liveness.OnAnswer(At(now));
            liveness.OnRequestEnded();
            --in_flight;
          }
          break;
        case 2:
          if (liveness.ping_outstanding()) {
            liveness.OnPingAck(At(now));
          }
          break;
        case 3:
          liveness.OnReceived(At(now));
          break;
        default:
          break;
      }
    }
    liveness.OnRequestStarted(At(now));
    liveness.OnReceived(At(now));
    Action last = Action::kNone;
    int polls = 0;
    for (auto next = liveness.NextPoll(); next; next = liveness.NextPoll()) {
      ASSERT_LE(*next, At(now + 1000));
      ASSERT_LE(++polls, 3);
      last = liveness.Poll(*next);
    }
    EXPECT_TRUE(last == Action::kSuspect || last == Action::kReplace);
  }
}

}  // namespace
}  // namespace gapless::net
