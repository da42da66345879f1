// Backends that fail a whole request for one bad item, in words that blame themselves.
#include "queue/fault_cuts.h"
#include "queue/sending_queue.h"
#include "tests/support/queue_bench.h"

#include <chrono>

#include <gtest/gtest.h>

namespace gapless::queue {
namespace {

using sim::BenchSettings;
using sim::QueueBench;
using sim::SimPeer;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

BenchSettings Merging(std::vector<size_t> levels = {1}) {
  BenchSettings settings;
  settings.levels = std::move(levels);
  settings.delivery.queue.batch =
      sending::BatchSettings{.flush_timeout = seconds(1), .min_size = 1000, .metadata_keys = {}};
  return settings;
}

uint64_t MissingGood(const QueueBench& bench) {
  uint64_t missing = 0;
  for (uint64_t number = 0; number < bench.next_item; ++number) {
    missing += bench.Holders(number) == 0 && !bench.peers[0]->faulty.contains(number) ? 1 : 0;
  }
  return missing;
}

TEST(FaultyUnitsTest, WhereEveryMergedRequestHasABadRecordTheGoodOnesGoOut) {
  QueueBench bench(Merging());
  for (uint64_t bad = 0; bad < 4000; bad += 20) {
    bench.peers[0]->faulty.insert(bad);
  }
  bench.Load(1200, milliseconds(50));  // one bad client in twenty: each merged request has one
  EXPECT_GT(bench.peers[0]->received.size(), 300U) << "while it goes on";
  bench.Run(minutes(15));
  EXPECT_EQ(MissingGood(bench), 0U);
  EXPECT_EQ(bench.Duplicates(), 0U);
  EXPECT_TRUE(bench.ledger().Balanced());
}

TEST(FaultyUnitsTest, OneMergedRequestWithABadRecordAndNothingElseIsCut) {
  QueueBench bench(Merging());
  bench.peers[0]->faulty = {7};
  for (int i = 0; i < 16; ++i) {
    bench.Put();
  }
  bench.Run(minutes(5));
  EXPECT_EQ(MissingGood(bench), 0U);
}

TEST(FaultyUnitsTest, ABadItemInOneRequestOfManyIsLeftAlone) {
  QueueBench bench({.levels = {1}});
  bench.peers[0]->faulty = {33};
  bench.Put(100);
  bench.Run(minutes(10));
  EXPECT_EQ(MissingGood(bench), 0U);
  EXPECT_FALSE(bench.peers[0]->Has(33));
}

TEST(FaultyUnitsTest, AClientThatWaitsHearsOneAnswerToAllOfItsRequest) {
  BenchSettings settings;
  settings.levels = {1};
  settings.ack = Ack::kSettled;
  QueueBench bench(settings);
  bench.peers[0]->faulty = {33};
  const size_t index = bench.Put(100);
  bench.Run(minutes(10));
  ASSERT_TRUE(bench.answers[index].has_value());
  EXPECT_FALSE(bench.answers[index]->ok());
  EXPECT_TRUE(bench.peers[0]->received.empty());
}

TEST(FaultyUnitsTest, ABrokenBackendDoesNotGetMoreAndMorePieces) {
  QueueBench bench(Merging());
  bench.peers[0]->mode = SimPeer::Mode::kFaulty;
  for (int unit = 0; unit < 20; ++unit) {
    for (int i = 0; i < 100; ++i) {
      bench.Put();
    }
    bench.Run(seconds(1));
  }
  bench.Run(std::chrono::hours(1));
  bench.peers[0]->mode = SimPeer::Mode::kOk;
  bench.Run(minutes(10));
  EXPECT_EQ(bench.Missing(), 0U);
  EXPECT_LE(bench.peers[0]->unit_sizes.size(), 20U + 16U + 12U + 1U)
      << "what was merged stays so, but for a cut now and then";
}

TEST(FaultyUnitsTest, CutsArePacedAndRareWhereTheyDoNotHelp) {
  FaultCuts cuts;
  const TimePoint start(std::chrono::hours(1));
  EXPECT_TRUE(cuts.Allow(start));
  EXPECT_FALSE(cuts.Allow(start + seconds(9)));
  int allowed = 0;
  for (int second = 10; second <= 3600; second += 10) {
    allowed += cuts.Allow(start + seconds(second)) ? 1 : 0;
  }
  EXPECT_GE(allowed, 20);
  EXPECT_LE(allowed, 30);
  cuts.OnSuccess(/*piece=*/false);
  const TimePoint later = start + std::chrono::hours(2);
  EXPECT_TRUE(cuts.Allow(later));
  EXPECT_FALSE(cuts.Allow(later + seconds(1)));
  EXPECT_TRUE(cuts.Allow(later + seconds(10)));
  cuts.OnSuccess(/*piece=*/true);
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(cuts.Allow(later + seconds(11))) << "they help";
  }
  EXPECT_FALSE(cuts.Allow(later + seconds(11)));
}

}  // namespace
}  // namespace gapless::queue
