#include "sending/drill_transport.h"

#include "base/sim_loop.h"

namespace gapless::sending {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

// Holds every attempt until the test answers.
class Inner final : public Transport {
 public:
  explicit Inner(std::map<AttemptId, AttemptCallback>& open) : open_(open) {}
  void SetObserver(TransportObserver*) override {}
  void Start() override {}
  void Stop() override {}
  AttemptId Attempt(const otlp::Batch&, Duration, AttemptCallback done) override {
    open_.emplace(++last_, std::move(done));
    return last_;
  }
  void Cancel(AttemptId id) override { open_.erase(id); }
  void Probe(Duration, AttemptCallback done) override { open_.emplace(++last_, std::move(done)); }

 private:
  std::map<AttemptId, AttemptCallback>& open_;
  AttemptId last_ = 0;
};

class DrillTransportTest : public testing::Test, private TransportObserver {
 protected:
  DrillTransportTest() {
    transport_.SetObserver(this);
    transport_.Start();
  }
  AttemptId Attempt() {
    return transport_.Attempt(
        {}, seconds(5), [this](AttemptResult result) { results_.push_back(std::move(result)); });
  }
  void Probe() {
    transport_.Probe(seconds(5),
                     [this](AttemptResult result) { results_.push_back(std::move(result)); });
  }
  void OnConnected() override { news_.push_back("connected"); }
  void OnDialFailed(const Status&) override { news_.push_back("dial failed"); }
  void OnConnectionLost(const Status&) override { news_.push_back("lost"); }

  SimLoop loop_;
  std::map<AttemptId, AttemptCallback> open_;
  std::vector<AttemptResult> results_;
  std::vector<std::string> news_;
  const std::shared_ptr<Drill> drill_ = std::make_shared<Drill>(loop_);
  DrillTransport transport_{loop_, drill_, std::make_unique<Inner>(open_)};
};

TEST_F(DrillTransportTest, WithoutADrillItIsNotThere) {
  Attempt();
  Probe();
  ASSERT_THAT(open_, SizeIs(2));
  open_.begin()->second({});
  ASSERT_THAT(results_, SizeIs(1));
  EXPECT_EQ(results_[0].outcome, OutcomeClass::kOk);
}

TEST_F(DrillTransportTest, RefusedConnectionsEndWhatIsInFlightAndEveryDial) {
  Attempt();
  drill_->Begin(Outage::kRefuse, seconds(30));
  EXPECT_THAT(results_, IsEmpty()) << "not from inside the call";
  loop_.AdvanceBy(milliseconds(100));
  ASSERT_THAT(results_, SizeIs(1));
  EXPECT_EQ(results_[0].outcome, OutcomeClass::kTransport);
  EXPECT_TRUE(results_[0].unknown) << "the peer may have it";
  EXPECT_THAT(open_, IsEmpty());
  EXPECT_THAT(news_, ElementsAre("lost", "dial failed", "dial failed", "dial failed"));
  Attempt();
  Probe();
  loop_.AdvanceBy(milliseconds(1));
  ASSERT_THAT(results_, SizeIs(3));
  EXPECT_FALSE(results_[1].unknown);
  EXPECT_EQ(results_[2].outcome, OutcomeClass::kTransport);
}

TEST_F(DrillTransportTest, ABlackHoleIsNoticedAfterSilence) {
  Attempt();
  drill_->Begin(Outage::kBlackhole, seconds(30));
  loop_.AdvanceBy(milliseconds(1700));
  EXPECT_THAT(results_, IsEmpty());
  EXPECT_THAT(news_, IsEmpty());
  loop_.AdvanceBy(milliseconds(300));
  ASSERT_THAT(results_, SizeIs(1));
  EXPECT_TRUE(results_[0].unknown);
  EXPECT_THAT(news_, ElementsAre("lost", "dial failed", "dial failed", "dial failed"));
  Probe();
  loop_.AdvanceBy(seconds(4));
  EXPECT_THAT(results_, SizeIs(1));
  loop_.AdvanceBy(seconds(2));
  EXPECT_THAT(results_, SizeIs(2));
}

TEST_F(DrillTransportTest, ASlowPeerKeepsItsConnectionAndAnswersNothing) {
  Attempt();
  drill_->Begin(Outage::kSlow, seconds(30));
  const AttemptId late = Attempt();
  loop_.AdvanceBy(seconds(20));
  EXPECT_THAT(results_, IsEmpty());
  EXPECT_THAT(news_, IsEmpty());
  transport_.Cancel(late);
  loop_.AdvanceBy(seconds(20));
  EXPECT_THAT(results_, SizeIs(1)) << "the one that was not cancelled, at the end";
}

TEST_F(DrillTransportTest, AFaultyPeerAnswersEveryRequestWithAnError) {
  drill_->Begin(Outage::kFaulty, seconds(30));
  Attempt();
  Probe();
  loop_.AdvanceBy(milliseconds(1));
  ASSERT_THAT(results_, SizeIs(2));
  EXPECT_EQ(results_[0].outcome, OutcomeClass::kFaulty);
  EXPECT_EQ(results_[0].status.origin(), Origin::kPeer);
  EXPECT_EQ(results_[1].outcome, OutcomeClass::kFaulty);
  EXPECT_THAT(news_, IsEmpty());
}

TEST_F(DrillTransportTest, ADrillEndsByItselfAndLeavesNoTrace) {
  for (const Outage outage :
       {Outage::kRefuse, Outage::kBlackhole, Outage::kSlow, Outage::kFaulty}) {
    drill_->Begin(outage, seconds(10));
    Attempt();
    loop_.AdvanceBy(seconds(11));
    EXPECT_EQ(drill_->outage(), Outage::kNone);
    EXPECT_EQ(news_.back(), "connected");
    news_.clear();
    results_.clear();
    loop_.AdvanceBy(seconds(10));
    EXPECT_THAT(news_, IsEmpty()) << "dials go on failing";
    Attempt();
    ASSERT_THAT(open_, SizeIs(1)) << "it does not reach the real one";
    auto done = std::move(open_.begin()->second);
    open_.clear();
    done({});
    ASSERT_THAT(results_, SizeIs(1));
    EXPECT_EQ(results_[0].outcome, OutcomeClass::kOk);
    results_.clear();
  }
}

TEST_F(DrillTransportTest, TransportsThatBeginDuringADrillTakePart) {
  drill_->Begin(Outage::kRefuse, seconds(10));
  std::map<AttemptId, AttemptCallback> open;
  DrillTransport second(loop_, drill_, std::make_unique<Inner>(open));
  second.Start();
  int refused = 0;
  second.Attempt({}, seconds(5), [&refused](AttemptResult result) {
    refused += result.outcome == OutcomeClass::kTransport ? 1 : 0;
  });
  loop_.AdvanceBy(milliseconds(10));
  EXPECT_EQ(refused, 1);
  EXPECT_THAT(open, IsEmpty());
}

TEST(ParseOutageTest, KnowsTheFour) {
  EXPECT_EQ(ParseOutage("refuse"), Outage::kRefuse);
  EXPECT_EQ(ParseOutage("blackhole"), Outage::kBlackhole);
  EXPECT_EQ(ParseOutage("slow"), Outage::kSlow);
  EXPECT_EQ(ParseOutage("5xx"), Outage::kFaulty);
  EXPECT_EQ(ParseOutage("none"), std::nullopt);
}

}  // namespace
}  // namespace gapless::sending
