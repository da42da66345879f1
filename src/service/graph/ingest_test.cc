#include "service/graph/ingest.h"

#include "base/sim_loop.h"

namespace gapless::service {
namespace {

using pipeline::Completion;
using std::chrono::seconds;

// Keeps what it is asked until the test answers.
class Destination final : public pipeline::Consumer {
 public:
  void Consume(otlp::Batch batch, Completion completion) override {
    items += batch.items;
    waiting.push_back(std::move(completion));
  }
  void Answer(Status status) {
    Completion completion = std::move(waiting.front());
    waiting.erase(waiting.begin());
    completion(std::move(status));
  }

  uint64_t items = 0;
  std::vector<Completion> waiting;
};

// Multiplies the items, takes all of them away, or refuses.
class Filter final : public pipeline::Processor {
 public:
  explicit Filter(uint32_t factor, Status refusal = {})
      : factor_(factor), refusal_(std::move(refusal)) {}
  Status Start() override { return OkStatus(); }
  void Shutdown(TimePoint, std::move_only_function<void()> done) override { done(); }
  Result<std::optional<otlp::Batch>> Process(otlp::Batch batch) override {
    RETURN_IF_ERROR(refusal_);
    batch.items *= factor_;
    return batch.items == 0 ? std::optional<otlp::Batch>() : std::optional(std::move(batch));
  }

 private:
  const uint32_t factor_;
  const Status refusal_;
};

class IngestTest : public testing::Test {
 protected:
  struct Answered {
    std::optional<Status> status;
  };
  std::shared_ptr<Answered> Send(pipeline::Consumer& consumer, uint32_t items = 1) {
    auto answered = std::make_shared<Answered>();
    otlp::Batch batch;
    batch.items = items;
    // On a turn of the loop, as a receiver does.
    loop_.Post([&consumer, batch, answered]() mutable {
      consumer.Consume(std::move(batch), Completion([answered](Status status) {
                         EXPECT_FALSE(answered->status.has_value()) << "answered twice";
                         answered->status = std::move(status);
                       }));
    });
    loop_.RunPosted();
    return answered;
  }

  SimLoop loop_;
  const std::shared_ptr<Destination> a_ = std::make_shared<Destination>();
  const std::shared_ptr<Destination> b_ = std::make_shared<Destination>();
};

TEST_F(IngestTest, AJunctionWithoutTargetRefusesAsRetryable) {
  Junction junction;
  const auto refused = Send(junction);
  ASSERT_TRUE(refused->status.has_value());
  EXPECT_TRUE(refused->status->retryable());
  junction.SetTarget(a_);
  const auto taken = Send(junction, 3);
  EXPECT_EQ(a_->items, 3U);
  a_->Answer(OkStatus());
  EXPECT_TRUE(taken->status->ok());
}

TEST_F(IngestTest, AFanOutIsOkWhenOneMemberStoredIt) {
  FanOut fan_out({{.consumer = a_}, {.consumer = b_}});
  const auto answered = Send(fan_out);
  a_->Answer(Unavailable("full"));
  EXPECT_FALSE(answered->status.has_value()) << "the other one may still store it";
  b_->Answer(OkStatus());
  EXPECT_TRUE(answered->status->ok());
}

TEST_F(IngestTest, AFanOutFailsWhenNobodyStoredIt) {
  FanOut fan_out({{.consumer = a_}, {.consumer = b_}});
  const auto answered = Send(fan_out);
  a_->Answer(Unavailable("first"));
  b_->Answer(Unavailable("second"));
  EXPECT_EQ(answered->status->message(), "first");
}

TEST_F(IngestTest, ADecidingMemberFailsTheRequestThoughAnotherStoredIt) {
  FanOut fan_out({{.consumer = a_}, {.consumer = b_, .decides = true}});
  const auto answered = Send(fan_out);
  a_->Answer(OkStatus());
  b_->Answer(InvalidArgument("the backend says no"));
  EXPECT_EQ(answered->status->message(), "the backend says no");
}

TEST_F(IngestTest, AMemberThatIsSilentForFiveSecondsCountsAsRefusing) {
  FanOut fan_out({{.consumer = a_}, {.consumer = b_}});
  const auto answered = Send(fan_out);
  a_->Answer(OkStatus());
  loop_.AdvanceBy(seconds(4));
  EXPECT_FALSE(answered->status.has_value());
  loop_.AdvanceBy(seconds(2));
  ASSERT_TRUE(answered->status.has_value());
  EXPECT_TRUE(answered->status->ok());
  b_->Answer(OkStatus());  // too late, and harmless
}

TEST_F(IngestTest, ADecidingMemberIsWaitedForHoweverLongItTakes) {
  FanOut fan_out({{.consumer = a_}, {.consumer = b_, .decides = true}});
  const auto answered = Send(fan_out);
  a_->Answer(OkStatus());
  loop_.AdvanceBy(seconds(60));
  EXPECT_FALSE(answered->status.has_value());
  b_->Answer(OkStatus());
  EXPECT_TRUE(answered->status->ok());
}

TEST_F(IngestTest, ProcessorsRunInOrderAndMayTakeEverythingAway) {
  PipelineNode doubling({std::make_shared<Filter>(2), std::make_shared<Filter>(3)}, a_);
  Send(doubling, 5);
  EXPECT_EQ(a_->items, 30U);
  PipelineNode emptying({std::make_shared<Filter>(0), std::make_shared<Filter>(3)}, b_);
  const auto answered = Send(emptying);
  EXPECT_TRUE(answered->status->ok()) << "nothing is left to do";
  EXPECT_EQ(b_->items, 0U);
}

TEST_F(IngestTest, AProcessorThatRefusesAnswersTheClient) {
  PipelineNode refusing({std::make_shared<Filter>(1, Unavailable("high memory usage"))}, a_);
  const auto answered = Send(refusing);
  EXPECT_EQ(answered->status->message(), "high memory usage");
  EXPECT_EQ(a_->items, 0U);
}

TEST_F(IngestTest, AMemberThatLosesItsCompletionIsAnAnswerToo) {
  FanOut fan_out({{.consumer = a_}, {.consumer = b_}});
  const auto answered = Send(fan_out);
  a_->Answer(OkStatus());
  b_->waiting.clear();
  ASSERT_TRUE(answered->status.has_value());
  EXPECT_TRUE(answered->status->ok());
}

}  // namespace
}  // namespace gapless::service
