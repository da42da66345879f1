#include "extension/zpages/config.h"
#include "extension/zpages/html.h"
#include "extension/zpages/pages.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gapless::extension::zpages {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

const Facts kFacts{.build = "gapless/1.2.3 (linux/amd64)",
                   .ready = true,
                   .up_since = WallTime(seconds(1000)),
                   .now = WallTime(seconds(1090))};

pipeline::ServiceStatus Reading() {
  pipeline::ServiceStatus status;
  status.taken = WallTime(seconds(1089));
  status.workers = 2;
  status.memory_limit = uint64_t{512} << 20;
  status.pipelines = {{.id = "traces/in",
                       .receivers = {"otlp"},
                       .processors = {"memory_limiter", "batch"},
                       .exporters = {"failover/a"}}};
  status.extensions = {"zpages", "health_check"};
  status.queues = {{.owner = "failover/a",
                    .is_failover = true,
                    .tier = "memory",
                    .active = 1,
                    .active_since = seconds(30),
                    .levels = {{.name = "otlp/one",
                                .state = "down",
                                .word = "auto",
                                .since = seconds(30),
                                .reason = "connection <refused>",
                                .exporters = {"otlp/one"}},
                               {.name = "otlp/two",
                                .state = "healthy",
                                .word = "forced",
                                .since = seconds(80),
                                .delivered_items = 77,
                                .exporters = {"otlp/two", "file"}}},
                    .pending = {.items = 12, .oldest = WallTime(seconds(1060))}},
                   {.owner = "otlp/plain", .active = 0, .levels = {{.name = "otlp/plain"}}}};
  return status;
}

std::string PageAt(std::string_view path) {
  const auto page = RenderPage(path, kFacts, Reading());
  return page.value_or("no such page");
}

TEST(ZpagesTest, TheServicePageTellsBuildUptimeAndWhatIsDegraded) {
  const std::string page = PageAt("/debug/servicez");
  EXPECT_THAT(page, HasSubstr("gapless/1.2.3 (linux/amd64)"));
  EXPECT_THAT(page, HasSubstr("<td>1m30s</td>"));
  EXPECT_THAT(page, HasSubstr("failover/a (traces): on level 1 since 31s"));
  EXPECT_THAT(page, HasSubstr("href=\"/debug/failoverz\""));
  EXPECT_EQ(PageAt("/debug/"), page);
}

TEST(ZpagesTest, ThePipelinePageShowsComponentsAndQueues) {
  const std::string page = PageAt("/debug/pipelinez");
  EXPECT_THAT(page, HasSubstr("<td>memory_limiter, batch</td>"));
  EXPECT_THAT(page, HasSubstr("<td>otlp/plain</td>"));
  EXPECT_THAT(page, HasSubstr("<td>memory</td>"));
}

TEST(ZpagesTest, TheFailoverPageShowsEveryLevel) {
  const std::string page = PageAt("/debug/failoverz");
  EXPECT_THAT(page, HasSubstr("<td>1 (otlp/two)</td><td>31s</td><td>12</td><td>30s</td>"));
  EXPECT_THAT(page, HasSubstr("<td>0</td><td>otlp/one</td><td>otlp/one</td><td>down</td>"));
  EXPECT_THAT(page, HasSubstr("<td>otlp/two, file</td><td>healthy</td><td>1m21s</td>"
                              "<td>forced</td><td>77</td>"));
  EXPECT_THAT(page, Not(HasSubstr("otlp/plain")));
}

TEST(ZpagesTest, WhatComesFromOutsideIsEscaped) {
  EXPECT_THAT(PageAt("/debug/failoverz"), HasSubstr("connection &lt;refused&gt;"));
  EXPECT_EQ(Escape(R"(<a href="x">&'</a>)"), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;&lt;/a&gt;");
}

TEST(ZpagesTest, AFailoverWithoutUsableLevelSaysSo) {
  pipeline::ServiceStatus status = Reading();
  status.queues[0].active.reset();
  EXPECT_THAT(*RenderPage("/debug/failoverz", kFacts, status), HasSubstr("none is usable"));
}

TEST(ZpagesTest, PagesThatHaveNothingToShowSayWhy) {
  EXPECT_THAT(PageAt("/debug/tracez"), HasSubstr("does not record traces of its own work"));
  EXPECT_THAT(PageAt("/debug/featurez"), HasSubstr("no feature gates"));
  EXPECT_THAT(PageAt("/debug/extensionz"), HasSubstr("<td>health_check</td>"));
  EXPECT_EQ(PageAt("/debug/nothing"), "no such page");
  EXPECT_TRUE(RenderPage("/debug/servicez", {}, {}).has_value());
}

TEST(ZpagesTest, ListensWhereUpstreamDoes) {
  EXPECT_EQ(Config().server.listen.endpoint, "localhost:55679");
}

}  // namespace
}  // namespace gapless::extension::zpages
