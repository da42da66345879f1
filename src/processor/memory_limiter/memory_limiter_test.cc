#include "processor/memory_limiter/memory_limiter.h"

#include "base/sim_loop.h"
#include "config/yaml.h"
#include "processor/memory_limiter/factory.h"
#include "telemetry/inventory.h"

#include <string>

#include <gtest/gtest.h>

namespace gapless::processor::memory_limiter {
namespace {

using std::chrono::seconds;

constexpr uint64_t kMiB = uint64_t{1} << 20;

std::string ErrorsOf(const std::string& yaml, Config* out = nullptr) {
  config::Errors errors;
  auto node = config::ParseYaml(yaml, "config.yaml");
  EXPECT_TRUE(node.ok());
  const auto decoded = Factory().info.config.decode(*node, "processors::memory_limiter", errors);
  if (out != nullptr) {
    *out = pipeline::ValueOf<Config>(*decoded);
  }
  return errors.ToString();
}

TEST(MemoryLimiterConfigTest, ErrorsAreUpstreams) {
  const auto has = [](const std::string& yaml, const std::string& text) {
    return ErrorsOf(yaml).find(text) != std::string::npos;
  };
  EXPECT_TRUE(has("limit_mib: 100", "'check_interval' must be greater than zero"));
  EXPECT_TRUE(
      has("check_interval: 1s", "'limit_mib' or 'limit_percentage' must be greater than zero"));
  EXPECT_TRUE(has("{check_interval: 1s, limit_mib: 100, spike_limit_mib: 100}",
                  "'spike_limit_mib' must be smaller than 'limit_mib'"));
  EXPECT_TRUE(has("{check_interval: 1s, limit_percentage: 101}",
                  "must be greater than zero and less than or equal to hundred"));
  EXPECT_TRUE(has("{check_interval: 1s, limit_percentage: 50, spike_limit_percentage: 60}",
                  "'spike_limit_percentage' must be smaller than 'limit_percentage'"));
  EXPECT_TRUE(has("{check_interval: 1s, limit_mib: 100, min_gc_interval_when_hard_limited: 20s}",
                  "'min_gc_interval_when_soft_limited' should be larger"));
  EXPECT_EQ(ErrorsOf("{check_interval: 1s, limit_mib: 4000, spike_limit_mib: 800}"), "");
}

TEST(MemoryLimiterConfigTest, LimitsComeFromMebibytesOrPercent) {
  const Limits fixed = LimitsOf({.limit_mib = 100, .limit_percentage = 50}, 1000 * kMiB);
  EXPECT_EQ(fixed.hard, 100 * kMiB);
  EXPECT_EQ(fixed.soft, 80 * kMiB);
  const Limits percent =
      LimitsOf({.limit_percentage = 75, .spike_limit_percentage = 25}, 1000 * kMiB);
  EXPECT_EQ(percent.hard, 750 * kMiB);
  EXPECT_EQ(percent.soft, 500 * kMiB);
}

class FakeMemory final : public Memory {
 public:
  uint64_t Used() override { return used; }
  void Trim() override {
    ++trims;
    used -= std::min(used, freed);
    freed = 0;
  }
  uint64_t used = 0;
  uint64_t freed = 0;  // what the next trim gives back
  int trims = 0;
};

class WatchTest : public testing::Test {
 protected:
  void Use(uint64_t mib) { memory_.used = mib * kMiB; }

  const Config config_{.check_interval = seconds(1), .limit_mib = 100, .spike_limit_mib = 20};
  SimLoop loop_;
  FakeMemory memory_;
  Watch watch_{config_, LimitsOf(config_, 0), memory_, loop_, {}};
};

TEST_F(WatchTest, RefusesFromTheSoftLimitOnAndResumesBelow) {
  Use(79);
  watch_.Start();
  EXPECT_FALSE(watch_.refusing());
  Use(80);
  loop_.AdvanceBy(seconds(1));
  EXPECT_TRUE(watch_.refusing());
  Use(79);
  loop_.AdvanceBy(seconds(1));
  EXPECT_FALSE(watch_.refusing());
}

TEST_F(WatchTest, GivesFreedMemoryBackBeforeItRefuses) {
  Use(90);
  memory_.freed = 30 * kMiB;
  watch_.Start();
  EXPECT_EQ(memory_.trims, 1);
  EXPECT_FALSE(watch_.refusing());
}

TEST_F(WatchTest, TrimsRarelyAboveTheSoftLimitAndMoreRarelyWhileItDoesNotHelp) {
  Use(90);
  watch_.Start();
  EXPECT_EQ(memory_.trims, 1);
  loop_.AdvanceBy(seconds(9));
  EXPECT_EQ(memory_.trims, 1);
  loop_.AdvanceBy(seconds(1));
  EXPECT_EQ(memory_.trims, 2);
  loop_.AdvanceBy(seconds(600));
  EXPECT_LE(memory_.trims, 2 + 600 / 10);
  EXPECT_GE(memory_.trims, 2 + 600 / 30);
  const int before = memory_.trims;
  Use(10);
  loop_.AdvanceBy(seconds(60));
  EXPECT_EQ(memory_.trims, before);
}

TEST_F(WatchTest, TrimsAtOnceAboveTheHardLimit) {
  Use(90);
  watch_.Start();
  Use(100);
  loop_.AdvanceBy(seconds(1));
  EXPECT_EQ(memory_.trims, 2);
}

TEST_F(WatchTest, MeasuresWhileAnyPipelineUsesIt) {
  watch_.Start();
  watch_.Start();
  watch_.Stop();
  Use(95);
  loop_.AdvanceBy(seconds(1));
  EXPECT_TRUE(watch_.refusing());
  watch_.Stop();
  Use(5);
  loop_.AdvanceBy(seconds(10));
  EXPECT_TRUE(watch_.refusing());
}

TEST(MemoryLimiterTest, RefusesRetryablyWithADelayAndCounts) {
  const Config config{.check_interval = seconds(1), .limit_mib = 100};
  SimLoop loop;
  FakeMemory memory;
  const auto watch =
      std::make_shared<Watch>(config, LimitsOf(config, 0), memory, loop, telemetry::Logger());
  telemetry::Registry registry;
  const std::vector<net::Worker*> workers;
  MemoryLimiter limiter({.id = *ComponentId::Parse("memory_limiter/x"),
                         .log = {},
                         .metrics = registry,
                         .workers = workers},
                        otlp::Signal::kLogs, watch, seconds(2));
  ASSERT_TRUE(limiter.Start().ok());
  const otlp::Batch batch{
      .signal = otlp::Signal::kLogs, .items = 3, .body = {}, .metadata = {}, .context = {}};
  ASSERT_TRUE(limiter.Process(batch).ok());
  memory.used = 99 * kMiB;
  loop.AdvanceBy(seconds(1));
  const auto refused = limiter.Process(batch);
  EXPECT_EQ(refused.status().code(), Code::kUnavailable);
  EXPECT_TRUE(refused.status().retryable());
  EXPECT_EQ(refused.status().retry_after(), Duration(seconds(2)));
  EXPECT_EQ(refused.status().message(), "data refused due to high memory usage");
  const telemetry::Labels labels = {{"processor", "memory_limiter/x"}};
  EXPECT_EQ(
      registry
          .GetCounter(telemetry::Metric("otelcol_processor_memory_limiter_accepted_log_records"),
                      labels)
          .Value(),
      3U);
  EXPECT_EQ(
      registry
          .GetCounter(telemetry::Metric("otelcol_processor_memory_limiter_refused_log_records"),
                      labels)
          .Value(),
      3U);
  bool done = false;
  limiter.Shutdown({}, [&] { done = true; });
  EXPECT_TRUE(done);
}

TEST(ProcessMemoryTest, SeesThisProcess) {
  EXPECT_GT(ProcessMemory().Used(), kMiB);
  ProcessMemory().Trim();
  EXPECT_GT(ProcessMemory().Used(), kMiB);
}

}  // namespace
}  // namespace gapless::processor::memory_limiter
