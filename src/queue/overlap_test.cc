// A backend dies and takes along what it had confirmed last: the journal still has it.
#include "queue/overlap.h"

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

BenchSettings Retaining(std::vector<size_t> levels, bool backfill,
                        std::optional<Duration> overlap = std::nullopt) {
  BenchSettings settings;
  settings.levels = std::move(levels);
  settings.delivery.queue.retain = sending::RetainSettings{};
  settings.delivery.queue.overlap = overlap;
  if (backfill) {
    settings.delivery.queue.backfill = sending::BackfillSettings{};
  }
  settings.router.retry_interval = seconds(1);
  settings.router.hold = seconds(1);
  return settings;
}

// kill -9 of a backend that had acknowledged its last items and not written them.
void Kill(SimPeer& peer, uint64_t items_lost) {
  peer.SetLink(SimPeer::Link::kRefused);
  for (uint64_t i = 0; i < items_lost && !peer.received.empty(); ++i) {
    peer.received.erase(std::prev(peer.received.end()));
  }
}

uint64_t MissingOn(const QueueBench& bench, size_t peer) {
  uint64_t missing = 0;
  for (uint64_t number = 0; number < bench.next_item; ++number) {
    missing += bench.peers[peer]->Has(number) ? 0 : 1;
  }
  return missing;
}

TEST(OverlapTest, WhatTheFallenLevelForgotGoesToTheNextAndComesBackWithBackfill) {
  QueueBench bench(Retaining({1, 1}, /*backfill=*/true));
  bench.Load(100, milliseconds(100));
  Kill(*bench.peers[0], 90);
  bench.Load(20, milliseconds(100));
  EXPECT_EQ(bench.active(), 1U);
  EXPECT_EQ(bench.Missing(), 0U) << "the next level has it while the first is still down";
  EXPECT_EQ(MissingOn(bench, 0), 110U);
  bench.peers[0]->SetLink(SimPeer::Link::kUp);
  bench.Run(seconds(10));
  EXPECT_EQ(MissingOn(bench, 0), 0U);
  EXPECT_EQ(bench.queue->status().journal.owed.requests, 0U);
  EXPECT_EQ(bench.ledger().delivered.items, bench.next_item) << "delivered once, not twice";
  EXPECT_TRUE(bench.ledger().Balanced());
  EXPECT_GE(bench.queue->status().possible_duplicates, bench.Duplicates() - 110);
  EXPECT_EQ(bench.log.Count("what the level confirmed shortly before it fell counts as not "
                            "confirmed"),
            2U);
}

TEST(OverlapTest, OnlyWhatIsYoungerThanTheOverlapIsSentAgain) {
  QueueBench bench(Retaining({1, 1}, /*backfill=*/true, seconds(5)));
  bench.Load(200, milliseconds(100));
  Kill(*bench.peers[0], 0);
  bench.Run(seconds(5));
  EXPECT_GE(bench.peers[1]->received.size(), 50U);
  EXPECT_LE(bench.peers[1]->received.size(), 65U);
}

TEST(OverlapTest, WithoutBackfillNothingIsSentAgainUnlessAskedFor) {
  QueueBench silent(Retaining({1, 1}, /*backfill=*/false));
  silent.Load(50, milliseconds(100));
  Kill(*silent.peers[0], 50);
  silent.Run(seconds(5));
  EXPECT_EQ(silent.Missing(), 50U);

  QueueBench asked(Retaining({1, 1}, /*backfill=*/false, seconds(15)));
  asked.Load(50, milliseconds(100));
  Kill(*asked.peers[0], 50);
  asked.Run(seconds(5));
  EXPECT_EQ(asked.Missing(), 0U);
  asked.peers[0]->SetLink(SimPeer::Link::kUp);
  asked.Run(seconds(10));
  EXPECT_EQ(MissingOn(asked, 0), 50U) << "nothing is owed to the level that is back";
}

TEST(OverlapTest, ASingleDestinationGetsItAgainWhenItIsBack) {
  QueueBench bench(Retaining({1}, /*backfill=*/false, seconds(15)));
  bench.Load(50, milliseconds(100));
  Kill(*bench.peers[0], 50);
  bench.Load(10, milliseconds(100));
  bench.peers[0]->SetLink(SimPeer::Link::kUp);
  bench.Run(seconds(40));
  EXPECT_EQ(bench.Missing(), 0U);
  EXPECT_EQ(bench.ledger().delivered.items, 60U);
}

TEST(OverlapTest, ABlackHoleCountsToo) {
  QueueBench bench(Retaining({1, 1}, /*backfill=*/true));
  bench.Load(50, milliseconds(100));
  bench.peers[0]->SetLink(SimPeer::Link::kBlackHole);
  bench.peers[0]->received.clear();
  bench.Load(50, milliseconds(100));
  EXPECT_EQ(bench.active(), 1U);
  bench.Run(seconds(5));
  EXPECT_EQ(bench.Missing(), 0U);
}

TEST(OverlapTest, ALevelThatFailsByItselfHasLostNothing) {
  QueueBench bench(Retaining({1, 1}, /*backfill=*/true));
  bench.Load(50, milliseconds(100));
  bench.peers[0]->mode = SimPeer::Mode::kFaulty;
  bench.Load(50, milliseconds(100));
  EXPECT_EQ(bench.active(), 1U);
  bench.Run(seconds(2));
  EXPECT_LE(bench.peers[1]->received.size(), 50U);
  EXPECT_EQ(bench.Duplicates(), 0U);
}

TEST(OverlapTest, ALevelThatFellForAnotherReasonMayDieAfterwards) {
  QueueBench bench(Retaining({1, 1}, /*backfill=*/true));
  bench.Load(50, milliseconds(100));
  bench.peers[0]->mode = SimPeer::Mode::kFaulty;
  bench.Load(20, milliseconds(100));
  ASSERT_EQ(bench.active(), 1U);
  ASSERT_EQ(bench.Duplicates(), 0U);
  Kill(*bench.peers[0], 50);
  bench.Load(50, milliseconds(100));
  EXPECT_EQ(bench.Missing(), 0U);
}

TEST(OverlapTest, WhatIsSentAgainIsSentOncePerFall) {
  QueueBench bench(Retaining({1, 1}, /*backfill=*/true));
  bench.Load(50, milliseconds(100));
  Kill(*bench.peers[0], 0);
  bench.Load(10, milliseconds(1000));
  EXPECT_EQ(bench.peers[1]->Duplicates(), 0U);
  EXPECT_EQ(bench.log.Count("what the level confirmed shortly before it fell counts as not "
                            "confirmed"),
            2U)
      << "one line for each level that gets it";
}

// As a proxy answers in front of a backend that was killed.
TEST(OverlapTest, UnavailableMayMeanThatItDied) {
  QueueBench bench(Retaining({1, 1}, /*backfill=*/true));
  bench.Load(50, milliseconds(100));
  bench.peers[0]->mode = SimPeer::Mode::kUnavailable;
  bench.peers[0]->received.clear();
  bench.Load(50, milliseconds(100));
  bench.Run(seconds(2));
  EXPECT_EQ(bench.Missing(), 0U);
}

TEST(OverlapTest, WhatWasBackfilledCountsAsConfirmedByWhoGotIt) {
  QueueBench bench(Retaining({1, 1}, /*backfill=*/true));
  Kill(*bench.peers[0], 0);
  bench.Run(seconds(1));
  bench.Load(30, milliseconds(10));
  bench.peers[0]->SetLink(SimPeer::Link::kUp);
  bench.Run(seconds(10));
  ASSERT_EQ(MissingOn(bench, 0), 0U);
  Kill(*bench.peers[0], 30);  // it forgets what it was given afterwards
  bench.Run(seconds(5));
  EXPECT_EQ(bench.peers[1]->Duplicates(), 0U) << "the next level took it at first";
  bench.peers[0]->SetLink(SimPeer::Link::kUp);
  bench.Run(seconds(10));
  EXPECT_EQ(MissingOn(bench, 0), 0U);
}

TEST(OverlapTest, WhereEveryLevelFallsTheFirstThatReturnsOwesNothingToTheDead) {
  QueueBench bench(Retaining({1, 1}, /*backfill=*/false, seconds(15)));
  bench.Load(50, milliseconds(100));
  Kill(*bench.peers[1], 0);
  bench.Run(milliseconds(500));
  Kill(*bench.peers[0], 50);
  bench.Run(seconds(2));
  bench.peers[0]->SetLink(SimPeer::Link::kUp);
  bench.Run(seconds(20));
  EXPECT_EQ(bench.Missing(), 0U);
}

TEST(OverlapTest, LiveDataGoesFirst) {
  BenchSettings settings = Retaining({1, 1}, /*backfill=*/true);
  settings.delivery.queue.backfill->rate = 1000;
  QueueBench bench(settings);
  for (int i = 0; i < 100; ++i) {
    bench.Put(1, std::nullopt, 1000);
    bench.Run(milliseconds(100));
  }
  Kill(*bench.peers[0], 100);
  bench.Run(seconds(1));
  const uint64_t first = bench.next_item;
  bench.Load(20, milliseconds(50));
  bench.Run(milliseconds(100));
  for (uint64_t number = first; number < bench.next_item; ++number) {
    EXPECT_TRUE(bench.peers[1]->Has(number)) << number;
  }
  EXPECT_GT(bench.Missing(), 50U) << "what is repeated takes its time";
  bench.Run(minutes(3));
  EXPECT_EQ(bench.Missing(), 0U);
}

TEST(ReplayTest, WhatWasDeliveredIsSentAgainByHand) {
  QueueBench bench(Retaining({1, 1}, /*backfill=*/false));
  bench.Load(50, milliseconds(100));
  bench.peers[0]->received.clear();  // restored from a backup of before
  const auto now = bench.loop.WallNow();
  EXPECT_EQ(bench.queue->Replay(0, now - minutes(10)).items, 50U);
  EXPECT_EQ(bench.queue->Replay(0, now - minutes(10)).items, 0U) << "it is on its way already";
  bench.Run(seconds(5));
  EXPECT_EQ(MissingOn(bench, 0), 0U);
  EXPECT_EQ(bench.queue->status().possible_duplicates, 50U);
  EXPECT_EQ(bench.queue->Replay(1, now - seconds(2)).items, 50U) << "confirmed again since then";
  bench.Run(minutes(2));
  EXPECT_EQ(MissingOn(bench, 1), 0U);
  EXPECT_EQ(bench.queue->Replay(0, now - minutes(10)).items, 0U) << "nothing is retained any more";
}

TEST(ReplayTest, InMemoryNothingIsRetainedUnlessAskedFor) {
  QueueBench bench;
  bench.Load(5, milliseconds(10));
  EXPECT_FALSE(bench.queue->status().journal.retained_since);
  EXPECT_EQ(bench.queue->Replay(0, bench.loop.WallNow() - minutes(1)), journal::Amount{});
}

TEST(ReplayTest, AReloadSwitchesItOnAndOff) {
  QueueBench bench;
  SendingQueueOptions options = bench.Options();
  options.queue.retain = sending::RetainSettings{};
  bench.queue->Reconfigure(options);
  bench.Load(5, milliseconds(10));
  EXPECT_EQ(bench.queue->status().journal.retained.items, 5U);
  options = bench.Options();
  bench.queue->Reconfigure(options);
  bench.Run(seconds(1));
  EXPECT_EQ(bench.queue->status().journal.retained.items, 0U);
  EXPECT_FALSE(bench.queue->status().journal.retained_since);
}

}  // namespace
}  // namespace gapless::queue
