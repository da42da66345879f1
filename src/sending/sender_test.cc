#include "sending/sender.h"

#include "base/sim_loop.h"

#include <map>

#include <gtest/gtest.h>

namespace gapless::sending {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// A transport whose attempts end when the test says so.
class ScriptedTransport final : public Transport {
 public:
  void SetObserver(TransportObserver* observer) override { observer_ = observer; }
  void Start() override { started = true; }
  AttemptId Attempt(const otlp::Batch& batch, Duration timeout, AttemptCallback done) override {
    const AttemptId id = ++last;
    open.emplace(id, std::move(done));
    items.push_back(batch.items);
    last_timeout = timeout;
    return id;
  }
  void Cancel(AttemptId id) override { cancelled += open.erase(id); }
  void Probe(Duration timeout, AttemptCallback done) override {
    probe_timeout = timeout;
    probe = std::move(done);
  }
  void Stop() override {}

  void Answer(AttemptId id, AttemptResult result) {
    auto node = open.extract(id);
    node.mapped()(std::move(result));
  }

  bool started = false;
  AttemptId last = 0;
  std::map<AttemptId, AttemptCallback> open;
  std::vector<uint32_t> items;
  size_t cancelled = 0;
  Duration last_timeout{};
  Duration probe_timeout{};
  AttemptCallback probe;
  TransportObserver* observer_ = nullptr;
};

struct Ended {
  DeliveryId id;
  DeliveryEnd end;
  AttemptResult result;
};

class SenderTest : public testing::Test, public SenderClient {
 protected:
  void SetUp() override {
    settings_.timeout = seconds(5);
    settings_.queue.num_consumers = 2;
    settings_.retry.randomization_factor = 0;
    Make();
  }
  void TearDown() override {
    sender_->RemoveClient(this);
    sender_.reset();
  }
  void Make() {
    if (sender_) {
      sender_->RemoveClient(this);
    }
    auto transport = std::make_unique<ScriptedTransport>();
    transport_ = transport.get();
    sender_ = std::make_unique<Sender>(loop_, "otlp/primary", std::move(transport), settings_, 1);
    sender_->AddClient(this);
  }
  DeliveryId Send(SendRequest request = {.batch = {}, .deadline = std::nullopt}) {
    request.batch.items = ++sent_;
    return sender_->Send(std::move(request), this);
  }

  void OnAttempt(DeliveryId id, const AttemptResult& result) override {
    attempts_.push_back(result);
    if (release_in_attempt_) {
      EXPECT_FALSE(sender_->Release(id)) << "its outcome is known";
    }
  }
  void OnEnd(DeliveryId id, DeliveryEnd end, const AttemptResult& result) override {
    ends_.push_back({id, end, result});
  }
  void OnDialFailed(const Status&) override { ++dial_failures_; }
  void OnConnectionLost(const Status&) override { ++losses_; }
  void OnConnected() override { ++connects_; }
  void OnRoom() override { ++rooms_; }

  static AttemptResult Fail() { return ClassifyGrpc(Unavailable("out").FromPeer()); }
  static AttemptResult Busy(Duration delay) {
    return ClassifyGrpc(ResourceExhausted("busy").FromPeer().WithRetryAfter(delay));
  }

  SimLoop loop_;
  DeliverySettings settings_;
  ScriptedTransport* transport_ = nullptr;
  std::unique_ptr<Sender> sender_;
  uint32_t sent_ = 0;
  std::vector<AttemptResult> attempts_;
  std::vector<Ended> ends_;
  bool release_in_attempt_ = false;
  int dial_failures_ = 0;
  int losses_ = 0;
  int connects_ = 0;
  int rooms_ = 0;
};

TEST_F(SenderTest, DeliversAndTellsOfTheFreeSlot) {
  EXPECT_TRUE(transport_->started);
  const DeliveryId id = Send();
  EXPECT_EQ(sender_->stats().in_flight, 1U);
  EXPECT_EQ(transport_->last_timeout, seconds(5));
  transport_->Answer(1, {});
  ASSERT_EQ(ends_.size(), 1U);
  EXPECT_EQ(ends_[0].id, id);
  EXPECT_EQ(ends_[0].end, DeliveryEnd::kDelivered);
  EXPECT_EQ(sender_->stats().in_flight, 0U);
  loop_.AdvanceBy(Duration::zero());
  EXPECT_EQ(rooms_, 1);
}

TEST_F(SenderTest, NeverMoreInFlightThanNumConsumers) {
  Send();
  EXPECT_TRUE(sender_->HasRoom());
  Send();
  EXPECT_FALSE(sender_->HasRoom());
  Send();
  EXPECT_EQ(transport_->open.size(), 2U) << "the third waits for a slot";
  transport_->Answer(1, {});
  EXPECT_EQ(transport_->open.size(), 2U);
  EXPECT_EQ(transport_->items.back(), 3U);
}

TEST_F(SenderTest, AnAttemptWithoutAnswerEndsAsTheLivingPeersFailure) {
  Send();
  loop_.AdvanceBy(seconds(5));
  ASSERT_EQ(attempts_.size(), 1U);
  EXPECT_EQ(attempts_[0].outcome, OutcomeClass::kTransport);
  EXPECT_EQ(attempts_[0].status.origin(), Origin::kPeer);
  EXPECT_TRUE(attempts_[0].unknown);
  EXPECT_EQ(transport_->cancelled, 1U);
}

TEST_F(SenderTest, AZeroTimeoutNeverEndsAnAttempt) {
  settings_.timeout = Duration::zero();
  Make();
  Send();
  loop_.AdvanceBy(std::chrono::hours(10));
  EXPECT_TRUE(attempts_.empty());
}

TEST_F(SenderTest, BacksOffWithoutASlotAndTriesAgain) {
  Send();
  Send();
  transport_->Answer(1, Fail());
  EXPECT_TRUE(sender_->HasRoom());
  EXPECT_EQ(sender_->stats().backing_off, 1U);
  loop_.AdvanceBy(seconds(4));
  EXPECT_EQ(transport_->last, 2U);
  loop_.AdvanceBy(milliseconds(999));
  EXPECT_EQ(transport_->last, 2U);
  loop_.AdvanceBy(milliseconds(1));
  EXPECT_EQ(transport_->items.back(), 1U);
  EXPECT_TRUE(ends_.empty() || ends_[0].id != 1U);
}

TEST_F(SenderTest, GivesUpWhenTheSeriesIsOver) {
  settings_.retry.max_elapsed_time = seconds(6);
  Make();
  Send();
  transport_->Answer(1, Fail());
  loop_.AdvanceBy(seconds(5));
  transport_->Answer(2, Fail());
  ASSERT_EQ(ends_.size(), 1U);
  EXPECT_EQ(ends_[0].end, DeliveryEnd::kGaveUp);
}

TEST_F(SenderTest, OnceMeansOneAttempt) {
  Send({.batch = {}, .once = true, .deadline = std::nullopt});
  transport_->Answer(1, Fail());
  ASSERT_EQ(ends_.size(), 1U);
  EXPECT_EQ(ends_[0].end, DeliveryEnd::kGaveUp);
}

TEST_F(SenderTest, DoesNotWaitBeyondTheClientsDeadline) {
  Send({.batch = {}, .deadline = loop_.Now() + seconds(5)});
  transport_->Answer(1, Fail());
  ASSERT_EQ(ends_.size(), 1U) << "the next attempt would come at the deadline";
  Send({.batch = {}, .deadline = loop_.Now() + seconds(6)});
  transport_->Answer(2, Fail());
  EXPECT_EQ(ends_.size(), 1U);
}

TEST_F(SenderTest, ARejectedBatchIsNotTriedAgain) {
  Send();
  transport_->Answer(1, ClassifyGrpc(InvalidArgument("bad").FromPeer()));
  ASSERT_EQ(ends_.size(), 1U);
  EXPECT_EQ(ends_[0].end, DeliveryEnd::kRejected);
}

TEST_F(SenderTest, AThrottleStopsEverythingThatIsNew) {
  Send();
  Send();
  transport_->Answer(1, Busy(seconds(20)));
  EXPECT_EQ(sender_->throttle().paused_until(loop_.Now()), loop_.Now() + seconds(20));
  transport_->Answer(2, {});
  EXPECT_FALSE(sender_->HasRoom());
  Send();
  EXPECT_TRUE(transport_->open.empty());
  loop_.AdvanceBy(seconds(20));
  EXPECT_EQ(transport_->open.size(), 2U);
  EXPECT_EQ(sender_->throttle().paused_until(loop_.Now()), std::nullopt);
}

TEST_F(SenderTest, AThrottleWithoutDelayWaitsAsLongAsTheBackOff) {
  Send();
  AttemptResult busy = ClassifyHttp(429, ResourceExhausted("busy").FromPeer());
  transport_->Answer(1, busy);
  EXPECT_EQ(sender_->throttle().paused_until(loop_.Now()), loop_.Now() + seconds(5));
}

TEST_F(SenderTest, AnAbsurdDelayIsNotObeyedByTheOthers) {
  Send();
  transport_->Answer(1, Busy(std::chrono::hours(100)));
  EXPECT_EQ(sender_->throttle().paused_until(loop_.Now()), loop_.Now() + minutes(5));
}

TEST_F(SenderTest, AReleasedAttemptRunsOnWithoutASlotAndEndsLate) {
  const DeliveryId id = Send();
  Send();
  EXPECT_TRUE(sender_->Release(id));
  EXPECT_TRUE(sender_->HasRoom());
  EXPECT_EQ(sender_->stats().released, 1U);
  EXPECT_EQ(transport_->open.size(), 2U);
  transport_->Answer(1, {});
  ASSERT_EQ(ends_.size(), 1U);
  EXPECT_EQ(ends_[0].end, DeliveryEnd::kLate);
  EXPECT_TRUE(attempts_.empty()) << "it counts neither way";
}

TEST_F(SenderTest, AFreedSlotGoesToWhatWaits) {
  for (const bool cancel : {false, true}) {
    Make();
    const DeliveryId first = Send();
    const DeliveryId second = Send();
    Send();
    Send();
    if (cancel) {
      sender_->Cancel(first);
      sender_->Cancel(second);
    } else {
      sender_->Release(first);
      sender_->Release(second);
    }
    loop_.AdvanceBy(Duration::zero());
    EXPECT_EQ(transport_->last, 4U) << cancel;
    EXPECT_EQ(sender_->stats().in_flight, 2U);
  }
}

TEST_F(SenderTest, AReleasedAttemptStillTimesOut) {
  const DeliveryId id = Send();
  EXPECT_TRUE(sender_->Release(id));
  loop_.AdvanceBy(seconds(5));
  ASSERT_EQ(ends_.size(), 1U);
  EXPECT_EQ(ends_[0].end, DeliveryEnd::kLate);
  EXPECT_EQ(ends_[0].result.outcome, OutcomeClass::kTransport);
  EXPECT_EQ(sender_->stats().released, 0U);
}

TEST_F(SenderTest, ReleasingWhatOnlyWaitsForgetsIt) {
  const DeliveryId backing_off = Send();
  transport_->Answer(1, Fail());
  EXPECT_FALSE(sender_->Release(backing_off));
  Send();
  Send();
  const DeliveryId waiting = Send();
  EXPECT_FALSE(sender_->Release(waiting));
  loop_.AdvanceBy(seconds(60));
  for (const Ended& ended : ends_) {
    EXPECT_NE(ended.id, backing_off);
    EXPECT_NE(ended.id, waiting);
  }
}

TEST_F(SenderTest, TheClientMayReleaseInsideOnAttempt) {
  Send();
  release_in_attempt_ = true;
  transport_->Answer(1, Fail());
  EXPECT_TRUE(ends_.empty());
  EXPECT_EQ(sender_->stats().in_flight, 0U);
  loop_.AdvanceBy(minutes(1));
  EXPECT_EQ(transport_->last, 1U);
}

TEST_F(SenderTest, CancelEndsTheAttemptSilently) {
  const DeliveryId id = Send();
  sender_->Cancel(id);
  sender_->Cancel(id);
  EXPECT_EQ(transport_->cancelled, 1U);
  loop_.AdvanceBy(minutes(1));
  EXPECT_TRUE(ends_.empty());
  EXPECT_TRUE(attempts_.empty());
}

TEST_F(SenderTest, AShareThatRanOutIsNoOutcome) {
  Send({.batch = {}, .once = true, .share = seconds(2), .deadline = std::nullopt});
  EXPECT_EQ(transport_->last_timeout, seconds(2));
  loop_.AdvanceBy(seconds(2));
  EXPECT_TRUE(attempts_.empty());
  ASSERT_EQ(ends_.size(), 1U);
  EXPECT_EQ(ends_[0].end, DeliveryEnd::kGaveUp);
  EXPECT_TRUE(ends_[0].result.unknown);
}

TEST_F(SenderTest, ALongShareLeavesTheTimeoutInForce) {
  Send({.batch = {}, .share = minutes(1), .deadline = std::nullopt});
  loop_.AdvanceBy(seconds(5));
  EXPECT_EQ(attempts_.size(), 1U);
}

TEST_F(SenderTest, ProbesHaveTheExportersTimeout) {
  sender_->Probe([](AttemptResult) {});
  EXPECT_EQ(transport_->probe_timeout, seconds(5));
  settings_.timeout = Duration::zero();
  Make();
  sender_->Probe([](AttemptResult) {});
  EXPECT_EQ(transport_->probe_timeout, seconds(5)) << "a probe always ends";
}

TEST_F(SenderTest, EveryClientHearsOfTheConnection) {
  transport_->observer_->OnDialFailed(Unavailable("no"));
  transport_->observer_->OnConnectionLost(Unavailable("no"));
  transport_->observer_->OnConnected();
  EXPECT_EQ(dial_failures_, 1);
  EXPECT_EQ(losses_, 1);
  EXPECT_EQ(connects_, 1);
}

TEST_F(SenderTest, BackingOffIsBounded) {
  for (int i = 0; i < 64; ++i) {
    ASSERT_TRUE(sender_->HasRoom());
    Send();
    transport_->Answer(transport_->last, Fail());
  }
  EXPECT_FALSE(sender_->HasRoom());
}

TEST_F(SenderTest, WhatALivingPeerFailsAgainAndAgainDoesNotStopTheOthers) {
  const AttemptResult bad = ClassifyGrpc(Internal("no UTF-8").FromPeer());
  for (int i = 0; i < 64; ++i) {
    ASSERT_TRUE(sender_->HasRoom());
    Send();
    transport_->Answer(transport_->last, bad);
  }
  EXPECT_FALSE(sender_->HasRoom());
  loop_.AdvanceBy(milliseconds(101));
  ASSERT_TRUE(sender_->HasRoom()) << "a fresh one finds out whether others are taken";
  Send();
  EXPECT_FALSE(sender_->HasRoom());
  transport_->Answer(transport_->last, AttemptResult());
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(sender_->HasRoom()) << "they are";
    Send();
    transport_->Answer(transport_->last, bad);
  }
  EXPECT_EQ(sender_->stats().backing_off, 264U);
}

TEST_F(SenderTest, AClientThatLeavesTakesItsDeliveriesWithIt) {
  Send();
  Send();
  sender_->RemoveClient(this);
  EXPECT_TRUE(transport_->open.empty());
  EXPECT_EQ(sender_->stats().in_flight, 0U);
}

}  // namespace
}  // namespace gapless::sending
