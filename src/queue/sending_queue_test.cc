// Scenarios over the whole of delivery: queue, router, senders on simulated time and network.
#include "queue/sending_queue.h"

#include "tests/support/queue_bench.h"

#include <gtest/gtest.h>

namespace gapless::queue {
namespace {

using journal::DropReason;
using sim::BenchSettings;
using sim::QueueBench;
using sim::SimPeer;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

BenchSettings Plain() {
  BenchSettings settings;
  settings.levels = {1};
  return settings;
}

BenchSettings Merging(uint64_t items) {
  BenchSettings settings;
  settings.delivery.queue.batch = sending::BatchSettings{
      .flush_timeout = milliseconds(200), .min_size = items, .metadata_keys = {}};
  return settings;
}

void ExpectAllDelivered(const QueueBench& bench) {
  EXPECT_EQ(bench.Missing(), 0U);
  EXPECT_TRUE(bench.ledger().Balanced());
  EXPECT_EQ(bench.ledger().pending.items, 0U);
  EXPECT_EQ(bench.ledger().delivered.items, bench.next_item);
}

TEST(SendingQueueTest, PassesOnAndAnswersWhenStored) {
  QueueBench bench;
  const size_t index = bench.Put(3);
  ASSERT_TRUE(bench.answers[index].has_value());
  EXPECT_TRUE(bench.answers[index]->ok());
  bench.Run(milliseconds(10));
  ExpectAllDelivered(bench);
  EXPECT_EQ(bench.peers[0]->received.size(), 3U);
  EXPECT_TRUE(bench.peers[1]->received.empty());
}

TEST(SendingQueueTest, ARefusedPrimaryIsLeftWithin200Milliseconds) {
  QueueBench bench;
  bench.peers[0]->SetLink(SimPeer::Link::kRefused);
  bench.Run(milliseconds(200));
  EXPECT_EQ(bench.active(), 1U);
  bench.Put();
  bench.Run(milliseconds(10));
  EXPECT_TRUE(bench.peers[1]->Has(0));
}

TEST(SendingQueueTest, ABlackHoleIsLeftWithinTwoSeconds) {
  QueueBench bench;
  bench.peers[0]->SetLink(SimPeer::Link::kBlackHole);
  bench.Load(20, milliseconds(100));
  EXPECT_EQ(bench.active(), 1U);
  bench.Run(seconds(1));
  ExpectAllDelivered(bench);
  EXPECT_EQ(bench.Duplicates(), 0U) << "nothing had reached the primary";
}

TEST(SendingQueueTest, APeerThatFailsEverythingIsLeftAfterASecond) {
  for (const SimPeer::Mode mode :
       {SimPeer::Mode::kUnavailable, SimPeer::Mode::kFaulty, SimPeer::Mode::kDenied}) {
    QueueBench bench;
    bench.peers[0]->mode = mode;
    bench.Put();
    bench.Run(milliseconds(1300));
    EXPECT_EQ(bench.active(), 1U) << "one batch, and probes";
    bench.Run(seconds(1));
    ExpectAllDelivered(bench);
  }
}

TEST(SendingQueueTest, WhatWaitsAndWhatIsInFlightIsHandedOver) {
  QueueBench bench;
  bench.peers[0]->mode = SimPeer::Mode::kHangs;
  bench.Load(30, milliseconds(1));
  EXPECT_EQ(bench.ledger().pending.items, 30U) << "ten in flight, the rest behind them";
  bench.peers[0]->SetLink(SimPeer::Link::kRefused);
  bench.Run(milliseconds(300));
  ExpectAllDelivered(bench);
  EXPECT_EQ(bench.peers[1]->received.size(), 30U);
  EXPECT_GE(bench.queue->status().handed_over_items, 10U);
}

TEST(SendingQueueTest, ALateAnswerCountsOnePossibleDuplicate) {
  QueueBench bench;
  bench.peers[0]->latency = seconds(4);  // slow, but alive
  bench.Load(4, milliseconds(1));
  bench.Run(seconds(3));  // taken, not yet answered
  ASSERT_EQ(bench.peers[0]->received.size(), 4U);
  bench.queue->SetOverride(0, routing::Override::kDrained);
  bench.Run(milliseconds(100));
  EXPECT_EQ(bench.peers[1]->received.size(), 4U);
  EXPECT_EQ(bench.Duplicates(), 4U);
  EXPECT_EQ(bench.queue->status().possible_duplicates, 4U);
  bench.Run(seconds(10));
  EXPECT_EQ(bench.queue->status().possible_duplicates, 4U) << "late answers are counted once";
  EXPECT_TRUE(bench.ledger().Balanced());
}

TEST(SendingQueueTest, ALateAnswerCancelsAnUnsentHandOver) {
  QueueBench bench(Plain());
  bench.peers[0]->latency = seconds(4);
  bench.Load(4, milliseconds(1));
  bench.Run(seconds(3));
  bench.queue->SetOverride(0, routing::Override::kDrained);
  EXPECT_EQ(bench.ledger().pending.items, 4U);
  bench.Run(seconds(2));
  ExpectAllDelivered(bench);
  EXPECT_EQ(bench.Duplicates(), 0U);
  EXPECT_EQ(bench.queue->status().possible_duplicates, 0U);
}

TEST(SendingQueueTest, TheSameBackendIsNotSentTwiceWhileTheFirstAttemptRuns) {
  QueueBench bench(Plain());
  bench.peers[0]->latency = seconds(4);
  bench.Load(4, milliseconds(1));
  bench.Run(seconds(1));
  bench.queue->SetOverride(0, routing::Override::kDrained);
  bench.queue->SetOverride(0, routing::Override::kAuto);
  bench.Run(seconds(10));
  ExpectAllDelivered(bench);
  EXPECT_EQ(bench.Duplicates(), 0U);
}

TEST(SendingQueueTest, FailsBackAfterProbesAndATrialAndSaysSo) {
  QueueBench bench;
  bench.peers[0]->SetLink(SimPeer::Link::kRefused);
  bench.Load(20, milliseconds(100));
  EXPECT_EQ(bench.active(), 1U);
  bench.peers[0]->SetLink(SimPeer::Link::kUp);
  bench.Load(320, milliseconds(100));
  EXPECT_EQ(bench.active(), 0U);
  bench.Run(seconds(1));
  ExpectAllDelivered(bench);
  EXPECT_EQ(bench.Duplicates(), 0U);
  EXPECT_EQ(bench.log.Count("failover: switched to a lower level"), 1U);
  EXPECT_EQ(bench.log.Count("failover: switched back to a higher level"), 1U);
  EXPECT_EQ(bench.log.Count("failback complete"), 1U);
}

TEST(SendingQueueTest, FailsBackAndSaysSoWithoutTraffic) {
  QueueBench bench;
  bench.peers[0]->SetLink(SimPeer::Link::kRefused);
  bench.Run(seconds(5));
  bench.peers[0]->SetLink(SimPeer::Link::kUp);
  bench.Run(seconds(32));
  EXPECT_EQ(bench.active(), 0U);
  EXPECT_EQ(bench.log.Count("failback complete"), 1U);
}

TEST(SendingQueueTest, WithEverythingDownDataWaitsAndTheFirstReturnTakesIt) {
  QueueBench bench;
  bench.peers[0]->SetLink(SimPeer::Link::kRefused);
  bench.peers[1]->SetLink(SimPeer::Link::kBlackHole);
  bench.Load(100, milliseconds(100));
  EXPECT_EQ(bench.active(), std::nullopt);
  EXPECT_EQ(bench.ledger().pending.items, 100U);
  bench.peers[1]->SetLink(SimPeer::Link::kUp);
  bench.Run(seconds(4));
  ExpectAllDelivered(bench);
  EXPECT_EQ(bench.Duplicates(), 0U);
}

TEST(SendingQueueTest, APoisonRecordInAMergedUnitIsDroppedAlone) {
  QueueBench bench(Merging(10));
  bench.peers[0]->poison = {4};
  bench.peers[1]->poison = {4};
  bench.Load(10, Duration::zero());
  bench.Run(seconds(1));
  EXPECT_EQ(bench.Missing(), 1U);
  EXPECT_EQ(bench.Holders(4), 0U);
  EXPECT_EQ(bench.Dropped(DropReason::kRejected), 1U);
  EXPECT_TRUE(bench.ledger().Balanced());
  EXPECT_EQ(bench.Duplicates(), 0U);
  EXPECT_EQ(bench.active(), 0U);
}

TEST(SendingQueueTest, WhatOneLevelRejectsIsOfferedToTheOther) {
  QueueBench bench;
  bench.peers[0]->poison = {2};
  bench.Load(5, milliseconds(1));
  bench.Run(seconds(1));
  ExpectAllDelivered(bench);
  EXPECT_TRUE(bench.peers[1]->Has(2));
  EXPECT_EQ(bench.peers[1]->received.size(), 1U);
}

TEST(SendingQueueTest, WhatEveryUsableLevelRejectsWaitsForTheOneThatIsDown) {
  QueueBench bench;
  bench.peers[1]->SetLink(SimPeer::Link::kRefused);
  bench.Run(seconds(1));
  bench.peers[0]->poison = {0};
  bench.Load(5, milliseconds(1));
  bench.Run(seconds(10));
  EXPECT_EQ(bench.ledger().pending.items, 1U);
  EXPECT_EQ(bench.peers[0]->received.size(), 4U) << "it blocks nobody";
  bench.peers[1]->SetLink(SimPeer::Link::kUp);
  bench.Run(seconds(40));
  ExpectAllDelivered(bench);
}

TEST(SendingQueueTest, WhatOnlyWaitsForADownLevelTakesATenthOfTheQueue) {
  BenchSettings settings;
  settings.delivery.queue.queue_size = 100;
  QueueBench bench(settings);
  bench.peers[1]->SetLink(SimPeer::Link::kRefused);
  bench.Load(1, seconds(1));
  for (uint64_t number = 1; number <= 50; ++number) {
    bench.peers[0]->poison.insert(number);
  }
  bench.Load(60, milliseconds(5));
  bench.Run(seconds(1));
  EXPECT_EQ(bench.ledger().pending.items, 10U);
  EXPECT_EQ(bench.Dropped(DropReason::kRejected), 40U);
  EXPECT_EQ(bench.peers[0]->received.size(), 11U);
}

TEST(SendingQueueTest, ABatchThatAloneMakesThePeerFailGoesElsewhereAndTakesNothingDown) {
  QueueBench bench;
  bench.peers[0]->faulty = {7};
  bench.Load(400, milliseconds(100));
  EXPECT_EQ(bench.active(), 0U);
  bench.Run(seconds(1));
  ExpectAllDelivered(bench);
  EXPECT_TRUE(bench.peers[1]->Has(7));
  EXPECT_EQ(bench.peers[1]->received.size(), 1U);
}

TEST(SendingQueueTest, ABatchThatKillsItsConnectionIsSentAloneAndHarmsNobody) {
  BenchSettings settings;
  settings.delivery.retry.initial_interval = milliseconds(200);
  settings.delivery.retry.max_interval = seconds(1);
  settings.order = Order::kArrival;  // with fifo it holds up its resource for a minute
  QueueBench bench(settings);
  bench.peers[0]->crashing = {7};
  bench.Load(100, milliseconds(50));
  ASSERT_GT(bench.log.Count("connection failed"), 0U);
  bench.peers[0]->latency = milliseconds(20);  // a shared connection would lose what is in flight
  const uint64_t before = bench.queue->status().possible_duplicates;
  bench.Load(400, milliseconds(5));
  bench.Run(milliseconds(100));
  EXPECT_EQ(bench.active(), 0U);
  EXPECT_EQ(bench.Missing(), 1U);
  EXPECT_EQ(bench.ledger().pending.items, 1U);
  EXPECT_LE(bench.queue->status().possible_duplicates, before + 1);
}

TEST(SendingQueueTest, ABackendThatStumblesAtRandomLosesNothing) {
  QueueBench bench(Plain());
  bench.peers[0]->failure_rate = 0.3;
  bench.Load(2000, milliseconds(50));
  bench.Run(minutes(5));
  ExpectAllDelivered(bench);
}

TEST(SendingQueueTest, ABatchThatFailedForItsWholeSeriesOnEveryLevelIsPoison) {
  BenchSettings settings;
  settings.delivery.retry.max_elapsed_time = seconds(30);
  QueueBench bench(settings);
  bench.peers[0]->faulty = {7};
  bench.peers[1]->faulty = {7};
  bench.queue->SetOverride(1, routing::Override::kForced);
  bench.Load(5, milliseconds(100));
  bench.queue->SetOverride(1, routing::Override::kAuto);
  bench.Load(3, milliseconds(100));
  for (int i = 0; i < 1500; ++i) {  // others get through on both levels
    bench.queue->SetOverride(1, i % 2 == 0 ? routing::Override::kForced : routing::Override::kAuto);
    bench.Load(1, milliseconds(100));
  }
  bench.Run(minutes(1));
  EXPECT_EQ(bench.Missing(), 1U);
  EXPECT_EQ(bench.Dropped(DropReason::kPoison), 1U);
  EXPECT_TRUE(bench.ledger().Balanced());
}

TEST(SendingQueueTest, TooLargeIsCutBelowOneRecordAndLaterUnitsStaySmaller) {
  BenchSettings settings = Merging(100);
  settings.levels = {1};
  QueueBench bench(settings);
  bench.peers[0]->max_bytes = 600;
  for (int i = 0; i < 10; ++i) {
    bench.Put(10, std::nullopt, 100);
  }
  bench.Run(seconds(1));
  ExpectAllDelivered(bench);
  EXPECT_EQ(bench.Duplicates(), 0U);
  const uint64_t attempts = bench.peers[0]->attempts;
  bench.Put(100, std::nullopt, 100);
  bench.Run(seconds(1));
  ExpectAllDelivered(bench);
  EXPECT_LT(bench.peers[0]->attempts - attempts, 60U) << "it has learned";
}

TEST(SendingQueueTest, ASingleItemThatIsTooLargeIsRejected) {
  QueueBench bench(Plain());
  bench.Load(1, seconds(1));
  bench.peers[0]->max_bytes = 100;
  bench.Put(1, std::nullopt, 500);
  bench.Run(seconds(1));
  EXPECT_EQ(bench.Dropped(DropReason::kRejected), 1U);
  EXPECT_TRUE(bench.ledger().Balanced());
}

TEST(SendingQueueTest, PartialSuccessSettlesAndCountsWhatWasRefused) {
  QueueBench bench(Plain());
  bench.peers[0]->refused_items = 3;
  bench.Put(10);
  bench.Run(seconds(1));
  EXPECT_EQ(bench.ledger().delivered.items, 7U);
  EXPECT_EQ(bench.Dropped(DropReason::kPartialSuccess), 3U);
  EXPECT_EQ(bench.peers[0]->attempts, 1U);
}

// --- waiting clients ---

TEST(SendingQueueTest, WaitForResultAnswersWhenAPeerHasIt) {
  BenchSettings settings = Plain();
  settings.ack = Ack::kSettled;
  QueueBench bench(settings);
  bench.peers[0]->latency = milliseconds(100);
  const size_t index = bench.Put();
  bench.Run(milliseconds(90));
  EXPECT_FALSE(bench.answers[index].has_value());
  bench.Run(milliseconds(20));
  ASSERT_TRUE(bench.answers[index].has_value());
  EXPECT_TRUE(bench.answers[index]->ok());
}

TEST(SendingQueueTest, WaitForResultHearsOfTheRejectionAfterEveryLevel) {
  BenchSettings settings;
  settings.ack = Ack::kSettled;
  QueueBench bench(settings);
  bench.peers[0]->poison = {0};
  bench.peers[1]->poison = {0};
  const size_t index = bench.Put();
  bench.Run(seconds(1));
  ASSERT_TRUE(bench.answers[index].has_value());
  EXPECT_EQ(bench.answers[index]->code(), Code::kInvalidArgument);
  EXPECT_EQ(bench.peers[1]->attempts, 1U);
}

TEST(SendingQueueTest, WaitForResultEndsAfterMaxElapsedTimeThoughNoLevelIsUsable) {
  BenchSettings settings = Merging(2);
  settings.levels = {1};
  settings.ack = Ack::kSettled;
  settings.delivery.retry.max_elapsed_time = seconds(20);
  QueueBench bench(settings);
  bench.peers[0]->SetLink(SimPeer::Link::kRefused);
  for (int i = 0; i < 5; ++i) {
    bench.Put();
  }
  bench.Run(seconds(19));
  EXPECT_FALSE(bench.answers[0].has_value());
  bench.Run(seconds(5));
  for (const auto& answer : bench.answers) {
    ASSERT_TRUE(answer.has_value());
    EXPECT_FALSE(answer->ok());
  }
  EXPECT_EQ(bench.Dropped(DropReason::kExpired), 5U);
  EXPECT_EQ(bench.ledger().pending.items, 0U);
}

BenchSettings QueueOff() {
  BenchSettings settings;
  settings.ack = Ack::kSettled;
  settings.withdraw = true;
  return settings;
}

TEST(SendingQueueTest, QueueOffFailsOverInsideTheCall) {
  QueueBench bench(QueueOff());
  bench.peers[0]->mode = SimPeer::Mode::kFaulty;
  const size_t index = bench.Put(1, seconds(10));
  bench.Run(milliseconds(100));
  ASSERT_TRUE(bench.answers[index].has_value());
  EXPECT_TRUE(bench.answers[index]->ok());
  EXPECT_TRUE(bench.peers[1]->Has(0));
}

TEST(SendingQueueTest, QueueOffSharesTheDeadlineBetweenLevels) {
  QueueBench bench(QueueOff());
  bench.peers[0]->mode = SimPeer::Mode::kHangs;
  const size_t index = bench.Put(1, seconds(2));
  bench.Run(milliseconds(999));
  EXPECT_TRUE(bench.peers[1]->received.empty());
  bench.Run(milliseconds(50));
  EXPECT_TRUE(bench.peers[1]->Has(0));
  ASSERT_TRUE(bench.answers[index].has_value());
  EXPECT_TRUE(bench.answers[index]->ok());
  EXPECT_EQ(bench.active(), 0U) << "a share that ran out is no outcome";
}

TEST(SendingQueueTest, QueueOffWithdrawsAtTheDeadline) {
  QueueBench bench(QueueOff());
  bench.peers[0]->mode = SimPeer::Mode::kHangs;
  bench.peers[1]->mode = SimPeer::Mode::kHangs;
  const size_t index = bench.Put(1, seconds(2));
  bench.Run(milliseconds(2100));
  ASSERT_TRUE(bench.answers[index].has_value());
  EXPECT_FALSE(bench.answers[index]->ok());
  EXPECT_EQ(bench.ledger().pending.items, 0U);
  EXPECT_EQ(bench.ledger().dropped_total().items, 1U);
  EXPECT_TRUE(bench.ledger().Balanced());
}

TEST(SendingQueueTest, QueueOffWithdrawsWhenTheClientLeaves) {
  QueueBench bench(QueueOff());
  bench.peers[0]->mode = SimPeer::Mode::kHangs;
  const size_t index = bench.Put(1, minutes(1));
  bench.Run(milliseconds(200));
  EXPECT_EQ(bench.ledger().pending.items, 1U);
  bench.contexts[index]->cancelled = true;
  bench.Run(milliseconds(60));
  EXPECT_EQ(bench.answers[index]->code(), Code::kCancelled);
  EXPECT_EQ(bench.ledger().pending.items, 0U);
  EXPECT_EQ(bench.Dropped(DropReason::kWithdrawn), 1U);
  EXPECT_TRUE(bench.ledger().Balanced());
}

TEST(SendingQueueTest, QueueOffWithoutAUsableLevelAnswersAtOnceThatItMayBeTriedAgain) {
  BenchSettings settings = QueueOff();
  settings.levels = {1};
  QueueBench bench(settings);
  bench.peers[0]->mode = SimPeer::Mode::kHangs;
  const size_t in_flight = bench.Put(1, minutes(1));
  bench.Run(milliseconds(10));
  bench.peers[0]->SetLink(SimPeer::Link::kRefused);
  bench.Run(milliseconds(300));
  ASSERT_TRUE(bench.answers[in_flight].has_value());
  EXPECT_TRUE(bench.answers[in_flight]->retryable());
  const size_t later = bench.Put(1, minutes(1));
  ASSERT_TRUE(bench.answers[later].has_value());
  EXPECT_TRUE(bench.answers[later]->retryable());
}

// --- limits ---

BenchSettings Small(sending::OnFull on_full) {
  BenchSettings settings = Plain();
  settings.delivery.queue.queue_size = 3;
  settings.delivery.queue.num_consumers = 1;
  settings.delivery.queue.on_full = on_full;
  return settings;
}

TEST(SendingQueueTest, AFullQueueRejectsWithADelay) {
  QueueBench bench(Small(sending::OnFull::kReject));
  bench.peers[0]->mode = SimPeer::Mode::kHangs;
  bench.Load(4, Duration::zero());
  EXPECT_TRUE(bench.answers[2]->ok());
  ASSERT_FALSE(bench.answers[3]->ok());
  EXPECT_TRUE(bench.answers[3]->retryable());
  EXPECT_TRUE(bench.answers[3]->retry_after().has_value());
  EXPECT_EQ(bench.ledger().accepted.items, 3U);
}

TEST(SendingQueueTest, AFullQueueBlocksUntilThereIsRoom) {
  QueueBench bench(Small(sending::OnFull::kBlock));
  bench.peers[0]->latency = milliseconds(100);
  bench.Load(6, Duration::zero());
  EXPECT_FALSE(bench.answers[3].has_value());
  bench.Run(milliseconds(110));
  ASSERT_TRUE(bench.answers[3].has_value());
  EXPECT_TRUE(bench.answers[3]->ok());
  EXPECT_FALSE(bench.answers[4].has_value());
  bench.Run(seconds(2));
  ExpectAllDelivered(bench);
}

TEST(SendingQueueTest, AClientThatBlocksHearsOfItsDeadline) {
  QueueBench bench(Small(sending::OnFull::kBlock));
  bench.peers[0]->mode = SimPeer::Mode::kHangs;
  bench.Load(3, Duration::zero());
  const size_t index = bench.Put(1, seconds(1));
  bench.Run(seconds(1));
  ASSERT_TRUE(bench.answers[index].has_value());
  EXPECT_EQ(bench.answers[index]->code(), Code::kDeadlineExceeded);
  EXPECT_EQ(bench.ledger().accepted.items, 3U);
}

TEST(SendingQueueTest, DropOldestMakesRoomAndCounts) {
  QueueBench bench(Small(sending::OnFull::kDropOldest));
  bench.peers[0]->mode = SimPeer::Mode::kHangs;
  bench.Load(5, Duration::zero());
  for (const auto& answer : bench.answers) {
    EXPECT_TRUE(answer->ok());
  }
  EXPECT_EQ(bench.Dropped(DropReason::kOverflow), 2U);
  EXPECT_TRUE(bench.ledger().Balanced());
  bench.peers[0]->mode = SimPeer::Mode::kOk;
  bench.Run(minutes(1));
  EXPECT_FALSE(bench.Holders(1));
  EXPECT_FALSE(bench.Holders(2));
  EXPECT_TRUE(bench.Holders(0) && bench.Holders(3) && bench.Holders(4));
}

// --- reload and shutdown ---

TEST(SendingQueueTest, AReloadDoesNotSendAgainWhatIsInFlight) {
  QueueBench bench;
  bench.peers[0]->latency = milliseconds(500);
  bench.Load(8, milliseconds(1));
  bench.queue->Reconfigure(bench.Options());
  bench.Run(seconds(2));
  ExpectAllDelivered(bench);
  EXPECT_EQ(bench.Duplicates(), 0U);
  EXPECT_TRUE(bench.peers[1]->received.empty());
}

TEST(SendingQueueTest, AReloadInAnOutageKeepsDataAndState) {
  QueueBench bench;
  bench.peers[0]->SetLink(SimPeer::Link::kRefused);
  bench.peers[1]->SetLink(SimPeer::Link::kRefused);
  bench.Load(50, milliseconds(20));
  bench.settings.levels = {1, 1, 1};
  bench.peers.push_back(std::make_shared<SimPeer>("third"));
  bench.senders.push_back(bench.MakeSender(bench.peers.back()));
  bench.queue->Reconfigure(bench.Options());
  bench.Run(seconds(2));
  EXPECT_EQ(bench.active(), 2U);
  ExpectAllDelivered(bench);
}

TEST(SendingQueueTest, AReloadWithNewSendersLetsTheOldOnesFinish) {
  QueueBench bench;
  bench.peers[0]->latency = seconds(1);
  bench.Load(5, milliseconds(1));
  bench.Run(milliseconds(600));
  for (size_t i = 0; i < 2; ++i) {
    bench.senders[i] = bench.MakeSender(bench.peers[i]);
  }
  bench.queue->Reconfigure(bench.Options());
  bench.Run(seconds(5));
  ExpectAllDelivered(bench);
  EXPECT_EQ(bench.Duplicates(), 0U);
}

TEST(SendingQueueTest, ShutdownDrains) {
  BenchSettings settings = Merging(1000);
  QueueBench bench(settings);
  bench.Load(20, Duration::zero());
  std::optional<journal::Amount> left;
  bench.queue->Shutdown(bench.loop.Now() + seconds(10),
                        [&](journal::Amount amount) { left = amount; });
  bench.Run(milliseconds(50));
  ASSERT_TRUE(left.has_value()) << "nothing waits for the batch timer";
  EXPECT_EQ(left->items, 0U);
  EXPECT_EQ(bench.peers[0]->received.size(), 20U);
  const size_t late = bench.Put();
  EXPECT_TRUE(bench.answers[late]->retryable());
}

TEST(SendingQueueTest, ShutdownWaitsForALevelAndCountsWhatIsLeft) {
  QueueBench bench;
  bench.peers[0]->SetLink(SimPeer::Link::kRefused);
  bench.peers[1]->SetLink(SimPeer::Link::kRefused);
  bench.Load(20, milliseconds(20));
  std::optional<journal::Amount> left;
  bench.queue->Shutdown(bench.loop.Now() + seconds(10),
                        [&](journal::Amount amount) { left = amount; });
  bench.Run(seconds(9));
  EXPECT_FALSE(left.has_value());
  bench.Run(seconds(2));
  ASSERT_TRUE(left.has_value());
  EXPECT_EQ(left->items, 20U);
  EXPECT_EQ(left->requests, 20U);
  EXPECT_EQ(bench.Dropped(DropReason::kShutdown), 20U);
  EXPECT_TRUE(bench.ledger().Balanced());
  bench.Run(minutes(1));
}

TEST(SendingQueueTest, ShutdownCountsOnlyTheMissingPiecesOfARecord) {
  BenchSettings settings = Plain();
  settings.delivery.queue.batch =
      sending::BatchSettings{.min_size = 10, .max_size = 10, .metadata_keys = {}};
  settings.order = Order::kLiveFirst;  // else the pieces go one after the other
  QueueBench bench(settings);
  bench.peers[0]->faulty = {5};
  bench.Put(30);
  bench.Run(seconds(1));
  std::optional<journal::Amount> left;
  bench.queue->Shutdown(bench.loop.Now() + seconds(1),
                        [&](journal::Amount amount) { left = amount; });
  bench.Run(seconds(2));
  ASSERT_TRUE(left.has_value());
  EXPECT_EQ(left->items, 10U);
  EXPECT_EQ(bench.ledger().delivered.items, 20U);
  EXPECT_TRUE(bench.ledger().Balanced());
}

// --- levels of several paths ---

TEST(SendingQueueTest, ALevelOfTwoCompletesWhenBothHaveIt) {
  BenchSettings settings;
  settings.levels = {2, 1};
  QueueBench bench(settings);
  bench.peers[1]->latency = milliseconds(300);
  bench.Load(5, milliseconds(1));
  bench.Run(milliseconds(100));
  EXPECT_EQ(bench.ledger().pending.items, 5U);
  bench.Run(milliseconds(300));
  EXPECT_EQ(bench.ledger().pending.items, 0U);
  EXPECT_EQ(bench.peers[0]->received.size(), 5U);
  EXPECT_EQ(bench.peers[1]->received.size(), 5U);
}

TEST(SendingQueueTest, OneDeadMemberTakesTheLevelDown) {
  BenchSettings settings;
  settings.levels = {2, 1};
  QueueBench bench(settings);
  bench.peers[1]->SetLink(SimPeer::Link::kRefused);
  bench.Load(20, milliseconds(50));
  EXPECT_EQ(bench.active(), 1U);
  bench.Run(seconds(1));
  EXPECT_EQ(bench.ledger().pending.items, 0U);
  bench.peers[1]->SetLink(SimPeer::Link::kUp);
  bench.Load(400, milliseconds(100));
  EXPECT_EQ(bench.active(), 0U);
  EXPECT_EQ(bench.Missing(), 0U);
}

// --- probes with live data ---

TEST(SendingQueueTest, ARejectedTrialIsRepeatedWithOtherBatchesUntilTheProbesMustDo) {
  QueueBench bench;
  bench.Load(1, seconds(1));  // it takes data, as a rule
  bench.peers[0]->SetLink(SimPeer::Link::kRefused);
  bench.Run(seconds(1));
  bench.peers[0]->SetLink(SimPeer::Link::kUp);
  // Every batch is poison for the primary: the probes with live data are rejected one by one, then
  // the probes count.
  for (uint64_t number = 1; number < 1000; ++number) {
    bench.peers[0]->poison.insert(number);
  }
  bench.Load(350, milliseconds(100));
  EXPECT_EQ(bench.active(), 0U);
  bench.Run(seconds(1));
  ExpectAllDelivered(bench);
}

// A processor behind the journal: passes, removes or refuses everything.
class StubProcessor final : public pipeline::Processor {
 public:
  enum class Does : uint8_t { kPasses, kRemoves, kRefuses };
  explicit StubProcessor(Does does) : does_(does) {}
  Status Start() override { return OkStatus(); }
  void Shutdown(TimePoint, std::move_only_function<void()> done) override { done(); }
  Result<std::optional<otlp::Batch>> Process(otlp::Batch batch) override {
    switch (does_) {
      case Does::kPasses:
        return std::optional(std::move(batch));
      case Does::kRemoves:
        return std::optional<otlp::Batch>();
      case Does::kRefuses:
        return InvalidArgument("refused by a processor");
    }
    return Internal("unreachable");
  }

 private:
  const Does does_;
};

void UseProcessor(QueueBench& bench, size_t level, size_t path, StubProcessor::Does does) {
  SendingQueueOptions options = bench.Options();
  options.levels[level].paths[path].processors.push_back(std::make_shared<StubProcessor>(does));
  bench.queue->Reconfigure(std::move(options));
  bench.Run(milliseconds(10));
}

TEST(SendingQueueTest, WhatALevelsProcessorsRemoveIsFiltered) {
  QueueBench bench;
  UseProcessor(bench, 0, 0, StubProcessor::Does::kRemoves);
  bench.Load(5, milliseconds(1));
  EXPECT_EQ(bench.ledger().filtered.items, 5U);
  EXPECT_TRUE(bench.ledger().Balanced());
  EXPECT_EQ(bench.peers[0]->attempts, 0U);
}

TEST(SendingQueueTest, WhatALevelsProcessorsRefuseIsOfferedToTheNext) {
  BenchSettings settings;
  settings.levels = {2, 1};
  QueueBench bench(settings);
  UseProcessor(bench, 0, 1, StubProcessor::Does::kRefuses);
  bench.Load(5, milliseconds(10));
  bench.Run(seconds(1));
  EXPECT_EQ(bench.peers[2]->received.size(), 5U);
  EXPECT_EQ(bench.ledger().delivered.items, 5U);
  EXPECT_EQ(bench.ledger().pending.items, 0U);
}

TEST(SendingQueueTest, WhatOnePathsProcessorsRefuseGoesToTheNextLevelOnce) {
  BenchSettings settings;
  settings.levels = {2, 2};
  QueueBench bench(settings);
  UseProcessor(bench, 0, 0, StubProcessor::Does::kRefuses);
  bench.Load(5, milliseconds(10));
  bench.Run(seconds(1));
  EXPECT_EQ(bench.peers[1]->attempts, 0U) << "not sent there, as the first path refused it";
  for (const size_t peer : {size_t{2}, size_t{3}}) {
    EXPECT_EQ(bench.peers[peer]->received.size(), 5U);
    EXPECT_EQ(bench.peers[peer]->Duplicates(), 0U);
  }
  EXPECT_EQ(bench.ledger().delivered.items, 5U);
  EXPECT_TRUE(bench.ledger().Balanced());
}

TEST(SendingQueueTest, ATrialWhoseBatchNeverReachesThePeerDoesNotBlockTheReturn) {
  for (const auto does : {StubProcessor::Does::kRemoves, StubProcessor::Does::kRefuses}) {
    QueueBench bench;
    UseProcessor(bench, 0, 0, does);
    bench.peers[0]->SetLink(SimPeer::Link::kRefused);
    bench.Run(seconds(1));
    bench.peers[1]->SetLink(SimPeer::Link::kRefused);
    bench.Load(20, milliseconds(10));
    bench.peers[1]->SetLink(SimPeer::Link::kUp);
    bench.peers[1]->latency = seconds(3);  // something is pending when the probe comes
    bench.peers[0]->SetLink(SimPeer::Link::kUp);
    bench.Load(40, seconds(1));
    EXPECT_EQ(bench.active(), 0U);
    EXPECT_TRUE(bench.ledger().Balanced());
  }
}

TEST(SendingQueueTest, APeerThatFailsEmptyExportsIsFoundWellByABatch) {
  QueueBench bench(Plain());
  bench.peers[0]->mode = SimPeer::Mode::kFaulty;
  bench.Load(30, milliseconds(100));
  EXPECT_EQ(bench.active(), std::nullopt);
  bench.peers[0]->mode = SimPeer::Mode::kOk;
  bench.peers[0]->faulty_probes = true;
  bench.Run(seconds(15));
  EXPECT_EQ(bench.active(), 0U);
  bench.Run(seconds(15));
  ExpectAllDelivered(bench);
}

TEST(SendingQueueTest, ThrottlingIsWaitedForAndNothingElseIsSentMeanwhile) {
  QueueBench bench;
  bench.peers[0]->mode = SimPeer::Mode::kThrottled;
  bench.peers[0]->throttle_delay = seconds(3);
  bench.Load(10, milliseconds(100));
  EXPECT_LE(bench.peers[0]->attempts, 2U);
  bench.peers[0]->mode = SimPeer::Mode::kOk;
  bench.Run(seconds(10));
  EXPECT_EQ(bench.active(), 0U);
  ExpectAllDelivered(bench);
  EXPECT_TRUE(bench.peers[1]->received.empty());
}

TEST(SendingQueueTest, AThrottleThatLastsMovesTheDataOn) {
  QueueBench bench;
  bench.peers[0]->mode = SimPeer::Mode::kThrottled;
  bench.peers[0]->throttle_delay = minutes(2);
  bench.Load(350, milliseconds(100));
  EXPECT_EQ(bench.active(), 1U);
  bench.Run(seconds(1));
  ExpectAllDelivered(bench);
}

}  // namespace
}  // namespace gapless::queue
