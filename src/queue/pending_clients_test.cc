#include "queue/pending_clients.h"

#include "base/sim_loop.h"

#include <chrono>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gapless::queue {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;

class PendingClientsTest : public ::testing::Test {
 protected:
  std::shared_ptr<otlp::RequestContext> Add(journal::Position position,
                                            PendingClients::Limits limits = {},
                                            std::optional<Duration> deadline = {}) {
    auto context = std::make_shared<otlp::RequestContext>();
    if (deadline) {
      context->deadline = loop_.Now() + *deadline;
    }
    clients_.Add(position, context, pipeline::Completion([this](const Status& status) {
                   answers_.push_back(status.code());
                 }),
                 limits);
    return context;
  }

  SimLoop loop_;
  std::vector<journal::Position> withdrawn_;
  std::vector<journal::Position> expired_;
  std::vector<Code> answers_;
  PendingClients clients_{
      loop_,
      {.withdraw =
           [this](journal::Position position, const Status& status) {
             withdrawn_.push_back(position);
             clients_.Answer(position, status);
           },
       .expire = [this](journal::Position position) { expired_.push_back(position); }}};
};

TEST_F(PendingClientsTest, EachIsAnsweredOnceWithTheLastVerdict) {
  Add(1);
  clients_.SetVerdict(1, Unavailable("no"));
  clients_.SetVerdict(2, Unavailable("nobody waits for this one"));
  clients_.Answer(1);
  clients_.Answer(1);
  clients_.Answer(2);
  EXPECT_THAT(answers_, ElementsAre(Code::kUnavailable));
}

TEST_F(PendingClientsTest, AClientThatLeavesIsLetGoAndItsRecordStays) {
  const auto context = Add(1);
  context->cancelled = true;
  loop_.AdvanceBy(milliseconds(60));
  EXPECT_THAT(answers_, ElementsAre(Code::kCancelled));
  EXPECT_THAT(withdrawn_, ElementsAre());
  loop_.AdvanceBy(seconds(10));
  clients_.Answer(1);
  EXPECT_EQ(answers_.size(), 1U);
}

TEST_F(PendingClientsTest, WithoutAQueueItTakesItsRecordAlong) {
  const auto left = Add(1, {.withdraw = true});
  Add(2, {.withdraw = true}, seconds(1));
  left->cancelled = true;
  loop_.AdvanceBy(milliseconds(60));
  EXPECT_THAT(withdrawn_, ElementsAre(1));
  loop_.AdvanceBy(seconds(1));
  EXPECT_THAT(withdrawn_, ElementsAre(1, 2));
  EXPECT_THAT(answers_, ElementsAre(Code::kCancelled, Code::kDeadlineExceeded));
}

TEST_F(PendingClientsTest, ItExpiresAfterTheLongestSeriesAndIsAskedForAgain) {
  Add(1, {.longest = seconds(5)});
  loop_.AdvanceBy(seconds(4));
  EXPECT_THAT(expired_, ElementsAre());
  loop_.AdvanceBy(seconds(2));
  EXPECT_THAT(expired_, ElementsAre(1));
  clients_.ExpireAgain(1, seconds(1));
  loop_.AdvanceBy(seconds(2));
  EXPECT_THAT(expired_, ElementsAre(1, 1));
  clients_.Answer(1);
  clients_.ExpireAgain(1, seconds(1));
  loop_.AdvanceBy(seconds(2));
  EXPECT_EQ(expired_.size(), 2U);
}

TEST_F(PendingClientsTest, WhoIsAbandonedHearsThatTheQueueIsGone) {
  Add(1);
  clients_.Abandon();
  EXPECT_EQ(answers_.size(), 1U);
  EXPECT_NE(answers_.at(0), Code::kOk);
}

}  // namespace
}  // namespace gapless::queue
