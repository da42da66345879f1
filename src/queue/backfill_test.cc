// Backfill over the whole of delivery: what the secondary took in an outage comes to the primary.
#include "queue/backfill.h"

#include "tests/support/queue_bench.h"

#include <gtest/gtest.h>

namespace gapless::queue {
namespace {

using journal::DropReason;
using sim::BenchSettings;
using sim::QueueBench;
using sim::SimPeer;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

BenchSettings WithBackfill(std::vector<size_t> levels = {1, 1}) {
  BenchSettings settings;
  settings.levels = std::move(levels);
  settings.delivery.queue.backfill = sending::BackfillSettings{};
  settings.router.retry_interval = seconds(1);
  settings.router.hold = seconds(1);
  return settings;
}

uint64_t Backfilled(const QueueBench& bench) { return bench.queue->status().backfilled_items; }
uint64_t Owed(const QueueBench& bench) { return bench.queue->status().journal.owed.items; }

// The primary goes, `count` batches go to the secondary, the primary is there again.
void Outage(QueueBench& bench, int count, uint32_t items = 1) {
  bench.peers[0]->SetLink(SimPeer::Link::kRefused);
  bench.Run(seconds(1));
  ASSERT_EQ(bench.active(), 1U);
  for (int i = 0; i < count; ++i) {
    bench.Put(items);
    bench.Run(milliseconds(10));
  }
  bench.Run(seconds(1));
  bench.peers[0]->SetLink(SimPeer::Link::kUp);
}

void ExpectPrimaryHasAll(const QueueBench& bench) {
  for (uint64_t number = 0; number < bench.next_item; ++number) {
    ASSERT_TRUE(bench.peers[0]->Has(number)) << number;
  }
  EXPECT_EQ(bench.peers[0]->Duplicates(), 0U);
  EXPECT_EQ(Owed(bench), 0U);
  EXPECT_TRUE(bench.ledger().Balanced());
  EXPECT_EQ(bench.ledger().delivered.items, bench.next_item) << "delivered once, not twice";
}

TEST(BackfillTest, ThePrimaryAlsoGetsWhatTheSecondaryTookMeanwhile) {
  QueueBench bench(WithBackfill());
  bench.Load(10, milliseconds(10));
  Outage(bench, 50, 3);
  EXPECT_EQ(bench.peers[1]->received.size(), 150U);
  EXPECT_EQ(Owed(bench), 150U);
  bench.Run(seconds(10));
  ExpectPrimaryHasAll(bench);
  EXPECT_EQ(Backfilled(bench), 150U);
  EXPECT_EQ(bench.queue->status().possible_duplicates, 0U);
  EXPECT_EQ(bench.log.Count("backfill: started"), 1U);
  EXPECT_EQ(bench.log.Count("backfill: complete"), 1U);
}

TEST(BackfillTest, WithoutTheKeyThePrimaryGetsOnlyWhatFollows) {
  BenchSettings settings = WithBackfill();
  settings.delivery.queue.backfill.reset();
  QueueBench bench(settings);
  Outage(bench, 5);
  bench.Run(seconds(10));
  EXPECT_EQ(bench.active(), 0U);
  EXPECT_TRUE(bench.peers[0]->received.empty());
}

TEST(BackfillTest, EveryLevelAboveGetsIt) {
  QueueBench bench(WithBackfill({1, 1, 1}));
  bench.peers[0]->SetLink(SimPeer::Link::kRefused);
  bench.peers[1]->SetLink(SimPeer::Link::kRefused);
  bench.Run(seconds(1));
  bench.Load(5, milliseconds(10));
  bench.Run(seconds(1));
  bench.peers[1]->SetLink(SimPeer::Link::kUp);
  bench.Run(seconds(10));
  EXPECT_EQ(bench.peers[1]->received.size(), 5U);
  bench.Load(5, milliseconds(10));  // these are owed to the primary only
  bench.peers[0]->SetLink(SimPeer::Link::kUp);
  bench.Run(seconds(10));
  EXPECT_EQ(bench.peers[0]->received.size(), 10U);
  EXPECT_EQ(bench.peers[1]->received.size(), 10U);
  EXPECT_EQ(bench.peers[2]->received.size(), 5U);
  EXPECT_EQ(bench.Duplicates(), 15U) << "each level has each item once";
  EXPECT_EQ(Owed(bench), 0U);
}

TEST(BackfillTest, GoesNoFasterThanItsRate) {
  BenchSettings settings = WithBackfill();
  settings.delivery.queue.backfill->rate = 2000;
  QueueBench bench(settings);
  bench.peers[0]->SetLink(SimPeer::Link::kRefused);
  bench.Run(seconds(1));
  for (int i = 0; i < 50; ++i) {
    bench.Put(1, std::nullopt, 980);  // about 1000 bytes
  }
  bench.Run(seconds(1));
  bench.peers[0]->SetLink(SimPeer::Link::kUp);
  while (bench.active() != 0U) {
    bench.Run(milliseconds(100));
  }
  const size_t before = bench.peers[0]->received.size();
  bench.Run(seconds(10));
  EXPECT_NEAR(static_cast<double>(bench.peers[0]->received.size() - before), 20, 2);
  bench.Run(seconds(30));
  ExpectPrimaryHasAll(bench);
}

TEST(BackfillTest, LiveDataDoesNotWaitForOldData) {
  BenchSettings settings = WithBackfill();
  settings.order = Order::kLiveFirst;  // with fifo it waits for what is under way of its lane
  settings.delivery.queue.backfill->rate = 0;
  settings.delivery.queue.num_consumers = 4;
  QueueBench bench(settings);
  Outage(bench, 400);
  bench.peers[0]->latency = milliseconds(100);
  while (bench.active() != 0U) {
    bench.Run(milliseconds(100));
  }
  bench.Run(milliseconds(150));
  ASSERT_GT(Owed(bench), 300U);
  for (int i = 0; i < 20; ++i) {
    const uint64_t live = bench.next_item;
    bench.Put();
    bench.Run(milliseconds(110));
    EXPECT_TRUE(bench.peers[0]->Has(live)) << "a slot was free for it";
  }
  EXPECT_GT(Owed(bench), 0U);
}

TEST(BackfillTest, MergesOldDataAsTheQueueMerges) {
  BenchSettings settings = WithBackfill();
  settings.delivery.queue.batch =
      sending::BatchSettings{.flush_timeout = milliseconds(1), .min_size = 20, .metadata_keys = {}};
  QueueBench bench(settings);
  Outage(bench, 100);
  bench.Run(seconds(10));
  ExpectPrimaryHasAll(bench);
  EXPECT_LE(bench.peers[0]->unit_sizes.size(), 7U);
}

TEST(BackfillTest, SkipsAndCountsWhatTheLevelRejectsLate) {
  BenchSettings settings = WithBackfill();
  settings.delivery.queue.batch =
      sending::BatchSettings{.flush_timeout = milliseconds(1), .min_size = 20, .metadata_keys = {}};
  QueueBench bench(settings);
  bench.peers[0]->poison = {13};
  Outage(bench, 40);
  bench.Run(seconds(10));
  EXPECT_EQ(bench.peers[0]->received.size(), 39U);
  EXPECT_FALSE(bench.peers[0]->Has(13));
  EXPECT_EQ(Owed(bench), 0U);
  EXPECT_EQ(bench.active(), 0U);
  EXPECT_EQ(bench.ledger().delivered.items, 40U);
}

TEST(BackfillTest, WhatTheLevelRejectedBeforeIsNotOwed) {
  QueueBench bench(WithBackfill());
  bench.peers[0]->poison = {1};
  bench.Load(2, seconds(1));
  EXPECT_TRUE(bench.peers[1]->Has(1));
  EXPECT_EQ(Owed(bench), 0U);
}

TEST(BackfillTest, WhatALevelRefusedThatTakesNothingIsOwedToIt) {
  QueueBench bench(WithBackfill());
  bench.peers[0]->mode = SimPeer::Mode::kRejects;
  bench.Load(20, milliseconds(50));
  EXPECT_EQ(bench.active(), 1U);
  EXPECT_EQ(bench.peers[1]->received.size(), 20U);
  EXPECT_EQ(Owed(bench), 20U);
  bench.peers[0]->mode = SimPeer::Mode::kOk;
  bench.Load(400, milliseconds(100));
  bench.Run(seconds(10));
  EXPECT_EQ(bench.active(), 0U);
  ExpectPrimaryHasAll(bench);
}

TEST(BackfillTest, CutsWhatIsTooLargeForTheLevel) {
  QueueBench bench(WithBackfill());
  Outage(bench, 3, 40);
  bench.peers[0]->max_bytes = 400;
  bench.Run(seconds(10));
  ExpectPrimaryHasAll(bench);
}

TEST(BackfillTest, ABadItemDoesNotHideALevelThatHasTakenNothingYet) {
  QueueBench bench(WithBackfill());
  bench.peers[0]->poison = {3};
  Outage(bench, 1, 8);
  bench.Run(minutes(1));
  EXPECT_EQ(bench.peers[0]->received.size(), 7U) << "nothing else is owed that could prove it";
  EXPECT_EQ(Owed(bench), 0U);
}

TEST(BackfillTest, ARecordThatAloneFailsLateStopsNobodyAndIsGivenUpAfterItsSeries) {
  BenchSettings settings = WithBackfill();
  settings.delivery.queue.batch =
      sending::BatchSettings{.flush_timeout = milliseconds(1), .min_size = 16, .metadata_keys = {}};
  QueueBench bench(settings);
  bench.peers[0]->faulty = {5};
  Outage(bench, 64);
  bench.Run(minutes(3));
  EXPECT_EQ(bench.peers[0]->received.size(), 63U);
  EXPECT_EQ(bench.active(), 0U) << "old data says nothing about the level";
  bench.Run(minutes(12));
  EXPECT_EQ(Owed(bench), 0U);
  EXPECT_EQ(bench.log.Count("backfill: complete"), 1U);
}

TEST(BackfillTest, PausesWhileTheLevelIsDownAndGoesOn) {
  BenchSettings settings = WithBackfill();
  settings.delivery.queue.backfill->rate = 300;
  QueueBench bench(settings);
  Outage(bench, 100);
  while (bench.peers[0]->received.size() < 20) {
    bench.Run(milliseconds(100));
  }
  bench.peers[0]->SetLink(SimPeer::Link::kBlackHole);
  bench.Run(seconds(20));
  EXPECT_EQ(bench.active(), 1U);
  const uint64_t attempts = bench.peers[0]->attempts;
  bench.Run(seconds(20));
  EXPECT_EQ(bench.peers[0]->attempts, attempts);
  bench.peers[0]->SetLink(SimPeer::Link::kUp);
  bench.Run(minutes(3));
  for (uint64_t number = 0; number < bench.next_item; ++number) {
    ASSERT_TRUE(bench.peers[0]->Has(number)) << number;
  }
  EXPECT_LE(bench.peers[0]->Duplicates(), bench.queue->status().possible_duplicates);
  EXPECT_EQ(Owed(bench), 0U);
}

TEST(BackfillTest, WhatIsTooOldIsGivenUpAlsoWhileTheLevelIsDown) {
  BenchSettings settings = WithBackfill();
  settings.delivery.queue.backfill->max_age = hours(1);
  QueueBench bench(settings);
  bench.peers[0]->SetLink(SimPeer::Link::kRefused);
  bench.Run(seconds(1));
  bench.Load(5, milliseconds(10));
  bench.Run(minutes(50));
  EXPECT_EQ(Owed(bench), 5U);
  bench.Put();
  bench.Run(minutes(11));
  EXPECT_EQ(Owed(bench), 1U);
  bench.peers[0]->SetLink(SimPeer::Link::kUp);
  bench.Run(seconds(10));
  EXPECT_EQ(bench.peers[0]->received.size(), 1U);
}

TEST(BackfillTest, KeepsNoMoreThanItsSizeOldestGivenUpFirst) {
  BenchSettings settings = WithBackfill();
  settings.delivery.queue.backfill->max_size = 20'000;
  QueueBench bench(settings);
  bench.peers[0]->SetLink(SimPeer::Link::kRefused);
  bench.Run(seconds(1));
  for (int i = 0; i < 50; ++i) {
    bench.Put(1, std::nullopt, 980);
    bench.Run(milliseconds(10));
  }
  const uint64_t owed = Owed(bench);
  EXPECT_GT(owed, 5U);
  EXPECT_LE(owed, 20U);
  bench.peers[0]->SetLink(SimPeer::Link::kUp);
  bench.Run(seconds(10));
  EXPECT_EQ(bench.peers[0]->received.size(), owed);
  EXPECT_TRUE(bench.peers[0]->Has(49));
  EXPECT_FALSE(bench.peers[0]->Has(0));
  EXPECT_EQ(bench.queue->status().journal.debts_given_up.items, 50 - owed);
}

TEST(BackfillTest, ALateOkPaysTheDebt) {
  BenchSettings settings = WithBackfill();
  settings.delivery.timeout = seconds(20);
  QueueBench bench(settings);
  bench.peers[0]->latency = seconds(8);  // slow, but alive
  bench.Put();
  bench.Run(seconds(1));
  bench.queue->SetOverride(0, routing::Override::kDrained);
  bench.Run(seconds(1));
  EXPECT_TRUE(bench.peers[1]->Has(0));
  EXPECT_EQ(Owed(bench), 1U);
  bench.queue->SetOverride(0, routing::Override::kAuto);
  bench.Run(seconds(10));
  EXPECT_EQ(Owed(bench), 0U);
  EXPECT_EQ(bench.peers[0]->attempts, 1U);
  EXPECT_EQ(bench.peers[0]->Duplicates(), 0U);
}

TEST(BackfillTest, SurvivesAReloadAndForgetsALevelThatLeaves) {
  QueueBench bench(WithBackfill({1, 1, 1}));
  bench.peers[0]->SetLink(SimPeer::Link::kRefused);
  bench.peers[1]->SetLink(SimPeer::Link::kRefused);
  bench.Run(seconds(1));
  bench.Load(5, milliseconds(10));
  bench.Run(seconds(1));
  ASSERT_EQ(Owed(bench), 5U);
  SendingQueueOptions options = bench.Options();
  options.levels.erase(options.levels.begin() + 1);
  bench.queue->Reconfigure(std::move(options));
  EXPECT_EQ(Owed(bench), 5U);
  bench.peers[0]->SetLink(SimPeer::Link::kUp);
  bench.Run(seconds(10));
  EXPECT_EQ(bench.peers[0]->received.size(), 5U);
  EXPECT_EQ(Owed(bench), 0U);
}

TEST(BackfillTest, SwitchedOffByAReloadItKeepsNothing) {
  QueueBench bench(WithBackfill());
  bench.peers[0]->SetLink(SimPeer::Link::kRefused);
  bench.Run(seconds(1));
  bench.Load(5, milliseconds(10));
  bench.Run(seconds(1));
  SendingQueueOptions options = bench.Options();
  options.queue.backfill.reset();
  bench.queue->Reconfigure(std::move(options));
  EXPECT_EQ(Owed(bench), 0U);
}

TEST(BackfillTest, TheEndDoesNotWaitForDebts) {
  QueueBench bench(WithBackfill());
  bench.peers[0]->SetLink(SimPeer::Link::kRefused);
  bench.Run(seconds(1));
  bench.Load(5, milliseconds(10));
  bench.Run(seconds(1));
  std::optional<journal::Amount> left;
  bench.queue->Shutdown(bench.loop.Now() + minutes(1),
                        [&](journal::Amount amount) { left = amount; });
  bench.Run(milliseconds(100));
  ASSERT_TRUE(left.has_value());
  EXPECT_EQ(left->items, 0U);
  EXPECT_EQ(bench.ledger().delivered.items, 5U);
  EXPECT_EQ(bench.log.Count("what was still owed ends with the process"), 1U);
}

TEST(BackfillTest, ALevelOfTwoPathsGetsItOnBoth) {
  QueueBench bench(WithBackfill({2, 1}));
  bench.peers[1]->SetLink(SimPeer::Link::kRefused);
  bench.Run(seconds(1));
  bench.Load(5, milliseconds(10));
  bench.Run(seconds(1));
  EXPECT_EQ(bench.peers[2]->received.size(), 5U);
  bench.peers[1]->SetLink(SimPeer::Link::kUp);
  bench.Run(seconds(10));
  EXPECT_EQ(bench.peers[0]->received.size(), 5U);
  EXPECT_EQ(bench.peers[1]->received.size(), 5U);
}

}  // namespace
}  // namespace gapless::queue
