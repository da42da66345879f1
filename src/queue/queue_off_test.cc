// Queue off: levels share the client's deadline, also for a probe with live data.
#include "tests/support/queue_bench.h"

#include <gtest/gtest.h>

namespace gapless::queue {
namespace {

using sim::BenchSettings;
using sim::QueueBench;
using sim::SimPeer;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(QueueOffTest, ATrialWhoseShareRanOutGoesOnAtAnotherLevel) {
  BenchSettings settings;
  settings.levels = {1, 1, 1};
  settings.ack = Ack::kSettled;
  settings.withdraw = true;
  settings.delivery.queue.num_consumers = 1;
  settings.router.retry_interval = seconds(1);
  settings.router.hold = seconds(1);
  QueueBench bench(settings);
  bench.peers[0]->SetLink(SimPeer::Link::kRefused);
  bench.Run(seconds(1));
  bench.peers[0]->SetLink(SimPeer::Link::kUp);
  bench.peers[0]->latency = seconds(3);  // probes have 5 s, half of a client's deadline is less
  bench.peers[1]->latency = milliseconds(400);
  bool tried = false;
  for (int i = 0; i < 100; ++i) {
    bench.Put(1, seconds(4));
    bench.Run(milliseconds(200));
    tried = tried || bench.queue->status().levels[0].state == routing::LevelState::kLiveProbing;
  }
  EXPECT_TRUE(tried);
  bench.Run(seconds(10));
  for (const auto& answer : bench.answers) {
    EXPECT_TRUE(answer.has_value());
  }
  EXPECT_TRUE(bench.ledger().Balanced());
  EXPECT_EQ(bench.ledger().pending.items, 0U);
}

TEST(QueueOffTest, AClientThatLeavesWhileItsRecordIsCutTakesEveryPieceAlong) {
  BenchSettings settings;
  settings.levels = {1};
  settings.ack = Ack::kSettled;
  settings.withdraw = true;
  settings.delivery.queue.num_consumers = 1;  // pieces wait for each other
  QueueBench bench(settings);
  bench.peers[0]->max_bytes = 1;
  const size_t index = bench.Put(8, seconds(60));
  while (bench.peers[0]->attempts == 0) {
    bench.Run(milliseconds(1));
  }
  bench.peers[0]->mode = SimPeer::Mode::kHangs;
  bench.Run(milliseconds(100));
  EXPECT_EQ(bench.ledger().pending.items, 8U);
  bench.contexts[index]->cancelled = true;
  bench.Run(milliseconds(100));
  ASSERT_TRUE(bench.answers[index].has_value());
  EXPECT_EQ(bench.answers[index]->code(), Code::kCancelled);
  EXPECT_EQ(bench.ledger().pending.items, 0U);
  EXPECT_EQ(bench.Dropped(journal::DropReason::kWithdrawn), 8U);
  EXPECT_TRUE(bench.ledger().Balanced());
}

}  // namespace
}  // namespace gapless::queue
