// Requests that wait for room in a full queue (block_on_overflow).
#include "queue/sending_queue.h"
#include "tests/support/queue_bench.h"

#include <gtest/gtest.h>

namespace gapless::queue {
namespace {

using sim::BenchSettings;
using sim::QueueBench;
using sim::SimPeer;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// Room for three requests.
BenchSettings Full() {
  BenchSettings settings;
  settings.levels = {1};
  settings.delivery.queue.queue_size = 3;
  settings.delivery.queue.num_consumers = 1;
  settings.delivery.queue.on_full = sending::OnFull::kBlock;
  return settings;
}

TEST(BlockedTest, AClientThatLeavesWhileItBlocksTakesItsRequestAlong) {
  QueueBench bench(Full());
  bench.peers[0]->mode = SimPeer::Mode::kHangs;
  bench.Load(3, Duration::zero());
  const size_t gone = bench.Put(1, minutes(1));
  const size_t patient = bench.Put(1, minutes(1));
  bench.Run(seconds(1));
  EXPECT_FALSE(bench.answers[gone].has_value());
  bench.contexts[gone]->cancelled = true;
  bench.Run(milliseconds(100));
  ASSERT_TRUE(bench.answers[gone].has_value());
  EXPECT_EQ(bench.answers[gone]->code(), Code::kCancelled);
  EXPECT_FALSE(bench.answers[patient].has_value());
  EXPECT_EQ(bench.ledger().accepted.items, 3U) << "never stored afterwards";
}

TEST(BlockedTest, AClientThatLeftInTheMomentOfRoomIsNotStored) {
  QueueBench bench(Full());
  bench.peers[0]->latency = milliseconds(100);
  bench.Load(3, Duration::zero());
  const size_t gone = bench.Put(1, minutes(1));
  bench.Run(milliseconds(60));  // the clients were just looked at
  bench.contexts[gone]->cancelled = true;
  bench.Run(milliseconds(39));
  bench.Run(seconds(2));
  EXPECT_EQ(bench.answers[gone]->code(), Code::kCancelled);
  EXPECT_EQ(bench.ledger().accepted.items, 3U);
}

TEST(BlockedTest, RequestsThatBlockHoldSoMuchMemoryAndNoMore) {
  QueueBench bench(Full());
  bench.peers[0]->mode = SimPeer::Mode::kHangs;
  bench.Load(3, Duration::zero());
  size_t blocked = 0;
  for (int i = 0; i < 50; ++i) {
    const size_t index = bench.Put(1, minutes(1), size_t{1} << 20);
    if (!bench.answers[index].has_value()) {
      ++blocked;
    } else {
      EXPECT_EQ(bench.answers[index]->code(), Code::kUnavailable);
      EXPECT_TRUE(bench.answers[index]->retry_after().has_value());
    }
  }
  EXPECT_GE(blocked, 10U);
  EXPECT_LT(blocked, 33U);
  for (auto& [index, context] : bench.contexts) {
    context->cancelled = true;
  }
  bench.Run(milliseconds(100));
  const size_t next = bench.Put(1, minutes(1), size_t{1} << 20);
  EXPECT_FALSE(bench.answers[next].has_value()) << "there is room for waiting again";
}

TEST(BlockedTest, QueuesShareTheMemoryForWhatBlocks) {
  BenchSettings settings = Full();
  settings.memory = std::make_shared<MemoryLimit>(uint64_t{64} << 20);  // 2 MiB for this
  QueueBench bench(settings);
  bench.peers[0]->mode = SimPeer::Mode::kHangs;
  bench.Load(3, Duration::zero());
  settings.memory->Take(MemoryUse::kWaiting, size_t{1} << 20);
  size_t blocked = 0;
  for (int i = 0; i < 30; ++i) {
    const size_t index = bench.Put(1, minutes(1), 100'000);
    blocked += bench.answers[index].has_value() ? 0 : 1;
  }
  EXPECT_GE(blocked, 8U);
  EXPECT_LE(blocked, 10U);
  for (auto& [index, context] : bench.contexts) {
    context->cancelled = true;
  }
  bench.Run(milliseconds(100));
  EXPECT_EQ(settings.memory->used(MemoryUse::kWaiting), size_t{1} << 20);
}

TEST(BlockedTest, AClientThatLeavesBeforeItsResultIsLetGoAndItsRecordStays) {
  BenchSettings settings = Full();
  settings.ack = Ack::kSettled;
  QueueBench bench(settings);
  bench.peers[0]->mode = SimPeer::Mode::kHangs;
  const size_t gone = bench.Put(1, minutes(1));
  const size_t patient = bench.Put(1, minutes(1));
  bench.Run(milliseconds(200));
  bench.contexts[gone]->cancelled = true;
  bench.Run(milliseconds(100));
  ASSERT_TRUE(bench.answers[gone].has_value());
  EXPECT_EQ(bench.answers[gone]->code(), Code::kCancelled);
  EXPECT_FALSE(bench.answers[patient].has_value());
  EXPECT_EQ(bench.ledger().pending.items, 2U);
  bench.peers[0]->mode = SimPeer::Mode::kOk;
  bench.Run(minutes(2));
  EXPECT_EQ(bench.answers[gone]->code(), Code::kCancelled) << "answered once";
  EXPECT_TRUE(bench.answers[patient]->ok());
  EXPECT_EQ(bench.ledger().delivered.items, 2U);
  EXPECT_TRUE(bench.ledger().Balanced());
}

}  // namespace
}  // namespace gapless::queue
