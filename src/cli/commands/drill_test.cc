#include "cli/commands/drill.h"

namespace gapless::cli {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

constexpr std::string_view kStatus = R"({"connectors":[{"connector":"failover","signal":"traces",
"active_level":1,"active":"b","active_since_seconds":2.5,"levels":[
{"level":0,"name":"a","delivered_items":10},{"level":1,"name":"b","delivered_items":4}],
"backlog":{"items":3,"requests":1,"bytes":9},"accepted_items":20,"delivered_items":14,
"dropped_items":2,"filtered_items":1,"possible_duplicates":5}]})";

DrillSample Sample(int64_t active, Duration since, uint64_t accepted, uint64_t pending = 0) {
  return {.signal = "traces",
          .active = active,
          .active_since = since,
          .levels = {"a", "b"},
          .delivered_by = {accepted - pending, 0},
          .accepted = accepted,
          .delivered = accepted - pending,
          .pending = pending};
}

TEST(DrillTest, ReadsWhatTheAdminApiAnswers) {
  const auto samples = ParseDrillSamples(kStatus);
  ASSERT_TRUE(samples.ok()) << samples.status().ToString();
  ASSERT_EQ(samples->size(), 1U);
  const DrillSample& sample = samples->front();
  EXPECT_EQ(sample.signal, "traces");
  EXPECT_EQ(sample.active, 1);
  EXPECT_EQ(sample.active_since, std::chrono::milliseconds(2500));
  EXPECT_THAT(sample.levels, testing::ElementsAre("a", "b"));
  EXPECT_THAT(sample.delivered_by, testing::ElementsAre(10, 4));
  EXPECT_EQ(sample.accepted, 20U);
  EXPECT_EQ(sample.pending, 3U);
  EXPECT_EQ(sample.duplicates, 5U);
  EXPECT_FALSE(ParseDrillSamples("[]").ok());
  EXPECT_FALSE(ParseDrillSamples("{").ok());
}

TEST(DrillTest, ASwitchAndAReturnWithoutGapsPass) {
  DrillJudge judge(Sample(0, seconds(100), 10), 0);
  judge.Add(Sample(0, seconds(101), 10, 1), seconds(1), std::nullopt);
  judge.Add(Sample(1, seconds(1), 12), seconds(3), std::nullopt);
  EXPECT_FALSE(judge.settled());
  EXPECT_FALSE(judge.passed());
  judge.Add(Sample(1, seconds(9), 14), seconds(11), seconds(1));
  EXPECT_FALSE(judge.settled());
  judge.Add(Sample(0, seconds(1), 15, 1), seconds(14), seconds(4));
  EXPECT_FALSE(judge.settled()) << "something is left to deliver";
  judge.Add(Sample(0, seconds(2), 15), seconds(15), seconds(5));
  EXPECT_TRUE(judge.settled());
  EXPECT_TRUE(judge.passed());
  EXPECT_THAT(judge.Report(), HasSubstr("yes, b after 2s"));
  EXPECT_THAT(judge.Report(), HasSubstr("none; 5 items accepted"));
  EXPECT_THAT(judge.Report(), HasSubstr("back on a: yes, 3s after the end"));
}

TEST(DrillTest, ALevelThatIsNotLeftFails) {
  DrillJudge judge(Sample(0, seconds(100), 10), 0);
  judge.Add(Sample(0, seconds(110), 10), seconds(10), seconds(1));
  EXPECT_TRUE(judge.settled());
  EXPECT_FALSE(judge.passed());
  EXPECT_THAT(judge.Report(), HasSubstr("NO, the level was not left"));
}

TEST(DrillTest, DroppedItemsAndHolesInTheLedgerFail) {
  for (const bool hole : {true, false}) {
    DrillJudge judge(Sample(0, seconds(100), 10), 0);
    judge.Add(Sample(1, seconds(1), 10), seconds(3), std::nullopt);
    DrillSample last = Sample(0, seconds(1), 12);
    last.delivered -= 2;
    last.dropped += hole ? 0 : 2;
    judge.Add(last, seconds(12), seconds(2));
    EXPECT_FALSE(judge.passed());
    EXPECT_THAT(judge.Report(),
                HasSubstr(hole ? "0 items dropped, 2 not accounted" : "2 items dropped, 0 not"));
  }
}

}  // namespace
}  // namespace gapless::cli
