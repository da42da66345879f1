// A queue over a journal that holds records and the levels' states of a former life.
#include "tests/support/queue_bench.h"

#include <gtest/gtest.h>

namespace gapless::queue {
namespace {

using sim::QueueBench;
using sim::SimPeer;
using std::chrono::milliseconds;
using std::chrono::seconds;

class RestartTest : public ::testing::Test {
 protected:
  RestartTest() {
    for (uint64_t number = 0; number < 5; ++number) {
      journal_->Append(sim::NumberedBatch(number, 1), [](const Result<journal::Position>&) {});
    }
    routing::RouterConfig config;
    config.levels = {{.name = "level0"}, {.name = "level1"}};
    routing::Router router(config, bench_.loop.Now());
    for (int i = 0; i < 3; ++i) {
      router.Step({.kind = routing::RouterEvent::Kind::kDialFailed, .level = 0, .error = "why"},
                  bench_.loop.Now());
    }
    journal_->SetUserState(router.Save());
  }
  void Restart() { bench_.Restart(std::move(journal_)); }

  QueueBench bench_;
  std::unique_ptr<journal::MemoryJournal> journal_ =
      std::make_unique<journal::MemoryJournal>(journal::MemoryOptions{}, bench_.loop);
};

TEST_F(RestartTest, ALevelThatWasDownGetsNothingBeforeAProbe) {
  bench_.peers[0]->SetLink(SimPeer::Link::kBlackHole);
  Restart();
  bench_.Run(milliseconds(100));
  EXPECT_EQ(bench_.active(), 1U);
  EXPECT_EQ(bench_.peers[1]->received.size(), 5U) << "none of them waits for the dead level";
}

TEST_F(RestartTest, ALevelThatIsWellAgainIsUsedAfterProbes) {
  Restart();
  bench_.Run(seconds(2));
  EXPECT_EQ(bench_.active(), 0U);
}

}  // namespace
}  // namespace gapless::queue
