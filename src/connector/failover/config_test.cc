#include "connector/failover/config.h"

#include "config/yaml.h"

#include <string>

#include <gtest/gtest.h>

namespace gapless::connector::failover {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

struct Read {
  Config config;
  config::Errors errors;
};

Read ReadText(const std::string& keys) {
  Read read;
  const auto node = config::ParseYaml("priority_levels: [[otlp/a], [otlp/b]]\n" + keys, "c.yaml");
  EXPECT_TRUE(node.ok()) << node.status().message();
  config::Decode(ConfigTable(), *node, "connectors::failover", read.config, read.errors);
  config::Validate(ConfigTable(), read.config, *node, "connectors::failover", read.errors);
  return read;
}

std::string Complaint(const std::string& keys) { return ReadText(keys).errors.ToString(); }

TEST(FailoverConfigTest, BackfillIsOffUnlessPresentAndNeedsNoKeys) {
  EXPECT_FALSE(ToPlan(ReadText("").config).queue.backfill.has_value());
  EXPECT_FALSE(ToPlan(ReadText("backfill: {enabled: false}").config).queue.backfill.has_value());
  const auto backfill = ToPlan(ReadText("backfill:").config).queue.backfill;
  ASSERT_TRUE(backfill.has_value());
  EXPECT_EQ(*backfill, sending::BackfillSettings());
  EXPECT_EQ(backfill->rate, uint64_t{8} << 20);
  EXPECT_EQ(backfill->max_age, hours(24));
}

TEST(FailoverConfigTest, BackfillReadsAgesSizesAndRates) {
  const Read read = ReadText("backfill: {max_age: 2h, max_size: 10GiB, rate: 512KiB/s}");
  EXPECT_TRUE(read.errors.ok()) << read.errors.ToString();
  EXPECT_EQ(*ToPlan(read.config).queue.backfill,
            (sending::BackfillSettings{
                .max_age = hours(2), .max_size = uint64_t{10} << 30, .rate = 512 << 10}));
  EXPECT_NE(Complaint("backfill: {max_age: -1h}").find("must not be negative"), std::string::npos);
  EXPECT_NE(Complaint("backfill: {rat: 1}").find("rate"), std::string::npos);
}

TEST(FailoverConfigTest, RetentionIsTheQueuesDecisionUnlessWritten) {
  EXPECT_FALSE(ToPlan(ReadText("").config).queue.retain.has_value());
  EXPECT_FALSE(ToPlan(ReadText("").config).queue.overlap.has_value());
  EXPECT_FALSE(ToPlan(ReadText("retain:").config).queue.retain.has_value()) << "as printed";
  EXPECT_EQ(*ToPlan(ReadText("retain: {}").config).queue.retain, sending::RetainSettings());
  EXPECT_EQ(ToPlan(ReadText("retain: {time: 0s}").config).queue.retain->time, Duration());
  const Read read = ReadText("retain: {time: 10m, max_size: 1GiB}\noverlap: 20s");
  EXPECT_TRUE(read.errors.ok()) << read.errors.ToString();
  EXPECT_EQ(*ToPlan(read.config).queue.retain,
            (sending::RetainSettings{.time = seconds(600), .max_size = uint64_t{1} << 30}));
  EXPECT_EQ(ToPlan(read.config).queue.overlap, seconds(20));
  EXPECT_NE(Complaint("retain: {time: -1s}").find("must not be negative"), std::string::npos);
  EXPECT_NE(Complaint("overlap: -1s").find("must not be negative"), std::string::npos);
  EXPECT_NE(Complaint("overlap: 31s").find("must not be longer than retain::time"),
            std::string::npos);
  EXPECT_NE(Complaint("overlap: 1s\nretain: {time: 0s}").find("`retain` is off"),
            std::string::npos);
  EXPECT_EQ(Complaint("overlap: 0s\nretain: {time: 0s}"), "");
}

TEST(FailoverConfigTest, DeadLetterKeepsItsPlace) {
  const auto plan = ToPlan(ReadText("dead_letter: file/rejected").config);
  ASSERT_TRUE(plan.dead_letter.has_value());
  EXPECT_EQ(plan.dead_letter->id, "file/rejected");
  EXPECT_EQ(plan.dead_letter->mark.line, 2);
  EXPECT_FALSE(ToPlan(ReadText("").config).dead_letter.has_value());
  EXPECT_NE(Complaint("dead_letter: [a]").find("must be the ID of an exporter"), std::string::npos);
}

TEST(FailoverConfigTest, AConditionNamesTheWordsOfFailuresThatCount) {
  EXPECT_EQ(ToPlan(ReadText("").config).router.failure_words, "");
  EXPECT_EQ(ToPlan(ReadText("condition: {error: {contains: quota}}").config).router.failure_words,
            "quota");
  EXPECT_EQ(ToPlan(ReadText("condition: {enabled: false, error: {contains: x}}").config)
                .router.failure_words,
            "");
  EXPECT_NE(Complaint("condition: {}").find("no condition is defined"), std::string::npos);
  EXPECT_NE(Complaint("condition: {error: {}}").find("`contains` must not be empty"),
            std::string::npos);
}

TEST(FailoverConfigTest, HealthPagesBelongToEntriesOfLevels) {
  const Read read = ReadText("health_check: {otlp/a: {http: \"https://a/health\", fall: 5}}");
  EXPECT_TRUE(read.errors.ok()) << read.errors.ToString();
  const auto plan = ToPlan(read.config);
  EXPECT_EQ(plan.health.at("otlp/a"), (sending::HealthCheckSettings{.url = "https://a/health",
                                                                    .interval = seconds(30),
                                                                    .timeout = seconds(5),
                                                                    .fall = 5,
                                                                    .rise = 1}));
  struct Row {
    const char* keys;
    const char* complaint;
  };
  const Row rows[] = {
      {"health_check: {otlp/c: {http: \"http://a/\"}}", "no entry of priority_levels"},
      {"health_check: {otlp/a: {}}", "http"},
      {"health_check: {otlp/a: {http: \"ftp://a/\"}}", "ftp"},
      {"health_check: {otlp/a: {http: \"http://a/\", interval: 0s}}", "must be positive"},
      {"health_check: {otlp/a: {http: \"http://a/\", rise: 0}}", "must be at least 1"},
  };
  for (const Row& row : rows) {
    EXPECT_NE(Complaint(row.keys).find(row.complaint), std::string::npos)
        << row.keys << ": " << Complaint(row.keys);
  }
}

}  // namespace
}  // namespace gapless::connector::failover
