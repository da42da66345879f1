#include "extension/health_check/health_check.h"

#include <gtest/gtest.h>

namespace gapless::extension::health_check {
namespace {

class FakeHealth final : public pipeline::StatusSource {
 public:
  bool ready() const override { return is_ready; }
  WallTime up_since() const override { return WallTime(std::chrono::seconds(1000)); }
  std::shared_ptr<const pipeline::ServiceStatus> status() const override {
    return std::make_shared<const pipeline::ServiceStatus>(reading);
  }

  bool is_ready = true;
  pipeline::ServiceStatus reading;
};

TEST(HealthCheckTest, TellsSinceWhenItIsUp) {
  const FakeHealth health;
  EXPECT_EQ(
      StatusBody(health, WallTime(std::chrono::seconds(1090)), false),
      R"({"status":"Server available","upSince":"1970-01-01T00:16:40.000Z","uptime":"1m30s"})");
}

TEST(HealthCheckTest, IsNotAvailableBeforeItIsReady) {
  FakeHealth health;
  health.is_ready = false;
  EXPECT_NE(StatusBody(health, WallTime(), true).find("Server not available"), std::string::npos);
}

TEST(HealthCheckTest, VerboseNamesEveryQueueThatIsNotOnItsFirstLevel) {
  FakeHealth health;
  health.reading.taken = WallTime(std::chrono::seconds(1000));
  health.reading.queues = {
      {.owner = "failover",
       .active = 1,
       .active_since = std::chrono::seconds(4),
       .levels = {{}, {}}},
      {.owner = "failover/\"quoted\"", .signal = otlp::Signal::kLogs, .levels = {{}, {}}},
      {.owner = "failover/well", .active = 0, .levels = {{}, {}}},
      {.owner = "otlp", .levels = {{.reason = "unsupported path"}}},
      {.owner = "otlp/well", .active = 0, .levels = {{}}},
  };
  const std::string body = StatusBody(health, WallTime(std::chrono::seconds(1001)), true);
  EXPECT_NE(body.find(R"("degraded":true,"reasons":["failover (traces): on level 1 since 5s",)"),
            std::string::npos);
  EXPECT_NE(body.find(R"("failover/\"quoted\" (logs): no level is usable since 1s",)"),
            std::string::npos);
  EXPECT_NE(body.find(R"("otlp (traces): the backend is not usable since 1s: unsupported path"])"),
            std::string::npos);
}

TEST(HealthCheckTest, ListensWhereUpstreamDoes) {
  EXPECT_EQ(Config().server.listen.endpoint, "localhost:13133");
}

}  // namespace
}  // namespace gapless::extension::health_check
