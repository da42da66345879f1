// Which failures count: `condition` of the failover connector.
#include "routing/router.h"
#include "routing/router_bench.h"

#include <gtest/gtest.h>

namespace gapless::routing {
namespace {

using enum sending::OutcomeClass;
using std::chrono::minutes;
using std::chrono::seconds;

RouterConfig OnlyWords(std::string words) {
  RouterConfig config = RouterBench::Config({1, 1});
  config.failure_words = std::move(words);
  return config;
}

TEST(RouterConditionTest, OnlyFailuresWithTheConfiguredWordsCount) {
  struct Case {
    const char* situation;
    std::string words;
    std::string error;
    bool falls;
  };
  for (const Case& c :
       {Case{"no condition", "", "bad", true}, Case{"the words", "quota", "over quota", true},
        Case{"the words in another case", "Quota", "over QUOTA today", true},
        Case{"other words", "quota", "internal error", false},
        Case{"no words at all", "quota", "", false}}) {
    for (const sending::OutcomeClass outcome : {kTransport, kFaulty, kDenied}) {
      RouterBench bench(OnlyWords(c.words));
      for (uint64_t unit = 1; unit <= 5; ++unit) {
        bench.Feed({.kind = RouterEvent::Kind::kAttempt,
                    .unit = unit,
                    .outcome = outcome,
                    .error = c.error});
        bench.Advance(seconds(1), /*answer=*/false);
      }
      EXPECT_EQ(bench.router.active(), c.falls ? 1U : 0U) << c.situation;
    }
    for (const auto kind : {RouterEvent::Kind::kDialFailed, RouterEvent::Kind::kConnectionLost}) {
      RouterBench bench(OnlyWords(c.words));
      for (int i = 0; i < 5; ++i) {
        bench.Feed({.kind = kind, .error = c.error});
        bench.Advance(seconds(1), /*answer=*/false);
      }
      EXPECT_EQ(bench.router.active(), c.falls ? 1U : 0U) << c.situation;
    }
  }
}

TEST(RouterConditionTest, AThrottleWithOtherWordsNeverCounts) {
  for (const auto& [words, falls] : {std::pair("slow down", true), std::pair("quota", false)}) {
    RouterBench bench(OnlyWords(words));
    bench.work_waits = true;
    for (int i = 0; i < 50; ++i) {
      bench.Feed({.kind = RouterEvent::Kind::kAttempt,
                  .unit = 1,
                  .outcome = kThrottled,
                  .delay = seconds(5),
                  .work_waits = true,
                  .error = "slow down"});
      bench.Advance(seconds(1), /*answer=*/false);
    }
    EXPECT_EQ(bench.router.active(), falls ? 1U : 0U) << words;
  }
}

TEST(RouterConditionTest, ALevelThatFellReturnsBySuccessAloneWhateverItsProbesSay) {
  RouterBench bench(OnlyWords("why"));
  bench.DialDown(0);
  ASSERT_EQ(bench.router.active(), 1U);
  bench.Advance(minutes(5));  // its probes fail with other words
  EXPECT_EQ(bench.router.active(), 1U);
  bench.answer_probes = kOk;
  bench.answer_live_probes = kOk;
  bench.Advance(minutes(2));
  EXPECT_EQ(bench.router.active(), 0U);
}

}  // namespace
}  // namespace gapless::routing
