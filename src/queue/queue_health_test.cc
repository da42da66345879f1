#include "tests/support/queue_bench.h"

#include <gtest/gtest.h>

namespace gapless::queue {
namespace {

using sim::BenchSettings;
using sim::QueueBench;
using std::chrono::milliseconds;
using std::chrono::seconds;

class Page final : public routing::HealthAsker {
 public:
  explicit Page(Loop& loop) : loop_(loop) {}
  void Ask(Duration, Answer done) override {
    ++asked;
    timer_ =
        loop_.RunAfter(milliseconds(1), [this, done = std::move(done)]() mutable { done(answer); });
  }
  Status answer;
  int asked = 0;

 private:
  Loop& loop_;
  Timer timer_;
};

class QueueHealthTest : public ::testing::Test {
 protected:
  QueueHealthTest() {
    bench_.queue->Reconfigure(Options());
    bench_.Run(milliseconds(10));
  }
  SendingQueueOptions Options() const {
    SendingQueueOptions options = bench_.Options();
    options.levels[0].health.push_back(
        {.settings = {.url = "http://a/health", .interval = seconds(10)}, .asker = page_});
    return options;
  }
  QueueBench bench_;
  std::shared_ptr<Page> page_ = std::make_shared<Page>(bench_.loop);
};

TEST_F(QueueHealthTest, ThreeBadAnswersTakeTheLevelOutOfUseThoughItTakesData) {
  page_->answer = Unavailable("the health page answers 503");
  bench_.Run(seconds(15));
  EXPECT_EQ(bench_.active(), 0U);
  bench_.Run(seconds(20));
  EXPECT_EQ(bench_.active(), 1U);
  bench_.Put();
  bench_.Run(milliseconds(20));
  EXPECT_TRUE(bench_.peers[1]->Has(0));
  EXPECT_EQ(bench_.log.Count("failover: health check fails"), 1U);
  page_->answer = OkStatus();
  bench_.Run(seconds(12));
  EXPECT_EQ(bench_.active(), 0U);
  EXPECT_EQ(bench_.log.Count("health check passes again"), 1U);
}

TEST_F(QueueHealthTest, AReloadKeepsTheVerdictAndTheRhythm) {
  page_->answer = Unavailable("the health page answers 503");
  bench_.Run(seconds(35));
  ASSERT_EQ(bench_.active(), 1U);
  const int asked = page_->asked;
  bench_.queue->Reconfigure(Options());
  bench_.Run(milliseconds(100));
  EXPECT_EQ(bench_.active(), 1U);
  EXPECT_EQ(page_->asked, asked);
}

TEST_F(QueueHealthTest, WithoutTheKeyTheLevelIsJudgedByItsAttemptsAgain) {
  page_->answer = Unavailable("the health page answers 503");
  bench_.Run(seconds(35));
  ASSERT_EQ(bench_.active(), 1U);
  bench_.queue->Reconfigure(bench_.Options());
  bench_.Run(seconds(3));
  EXPECT_EQ(bench_.active(), 0U);
  const int asked = page_->asked;
  bench_.Run(seconds(60));
  EXPECT_EQ(page_->asked, asked);
}

}  // namespace
}  // namespace gapless::queue
