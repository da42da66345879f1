#include "routing/health_check.h"

#include "base/sim_loop.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace gapless::routing {
namespace {

using std::chrono::seconds;

TEST(HealthJudgeTest, CountsAnswersInARow) {
  struct Row {
    uint32_t fall;
    uint32_t rise;
    std::string answers;   // + and -
    std::string verdicts;  // after each answer: h(ealthy), d(own)
  };
  const Row rows[] = {
      {3, 1, "---+-", "hhdhh"},
      {3, 1, "--+--+---", "hhhhhhhhd"},
      {1, 2, "-+-++", "ddddh"},
      {2, 3, "--++-+++", "hddddddh"},
  };
  for (const Row& row : rows) {
    HealthJudge judge(row.fall, row.rise);
    for (size_t i = 0; i < row.answers.size(); ++i) {
      const bool before = judge.healthy();
      const bool changed = judge.OnAnswer(row.answers[i] == '+');
      EXPECT_EQ(judge.healthy(), row.verdicts[i] == 'h') << row.answers << " at " << i;
      EXPECT_EQ(changed, before != judge.healthy());
    }
  }
}

class Page final : public HealthAsker {
 public:
  explicit Page(Loop& loop) : loop_(loop) {}
  void Ask(Duration timeout, Answer done) override {
    asked.push_back(loop_.Now());
    timer_ = loop_.RunAfter(slow ? timeout : seconds(0), [this, done = std::move(done)]() mutable {
      done(slow ? DeadlineExceeded("no answer") : answer);
    });
  }
  Status answer;
  bool slow = false;
  std::vector<TimePoint> asked;

 private:
  Loop& loop_;
  Timer timer_;
};

TEST(HealthCheckTest, AsksEveryIntervalAndTellsEachChangeOnce) {
  SimLoop loop;
  auto page = std::make_shared<Page>(loop);
  std::vector<bool> told;
  const HealthCheck check(loop,
                          {.url = "http://x/", .interval = seconds(10), .timeout = seconds(2)},
                          page, [&](bool healthy, const Status& last) {
                            told.push_back(healthy);
                            EXPECT_EQ(last.ok(), healthy);
                          });
  loop.AdvanceBy(seconds(35));
  EXPECT_EQ(page->asked.size(), 4U);
  page->slow = true;
  loop.AdvanceBy(seconds(60));
  EXPECT_EQ(told, std::vector<bool>{false});
  EXPECT_EQ(page->asked.size(), 10U) << "a slow answer does not shift the rhythm";
  page->slow = false;
  loop.AdvanceBy(seconds(20));
  EXPECT_EQ(told, (std::vector<bool>{false, true}));
}

}  // namespace
}  // namespace gapless::routing
