// A queue over a journal that answers later than it is asked, and may fail: on a simulated disk.
#include "io/executor.h"
#include "io/memory_file_system.h"
#include "journal/segment_journal.h"
#include "tests/support/queue_bench.h"

#include <gtest/gtest.h>

namespace gapless::queue {
namespace {

using sim::BenchSettings;
using sim::QueueBench;
using std::chrono::milliseconds;
using std::chrono::seconds;

class DurableQueueTest : public ::testing::Test {
 protected:
  static constexpr const char* kDirectory = "/data/journal";

  static BenchSettings Cutting() {
    BenchSettings settings;
    settings.levels = {1};
    settings.delivery.queue.num_consumers = 1;
    settings.delivery.queue.batch =
        sending::BatchSettings{.min_size = 10, .max_size = 10, .metadata_keys = {}};
    return settings;
  }

  DurableQueueTest() {
    EXPECT_TRUE(fs_.MakeDirectory("/data", 0700).ok());
    journal::SegmentJournalOptions options;
    options.directory = kDirectory;
    options.segment_size = 64 * 1024;
    options.cache_size = 0;  // every piece of a record is read from the disk
    options.seed = 1;
    options.executors = {.writer = &executor_, .reader = &executor_, .closer = &executor_};
    options.recover_at_once = 1;
    auto opened = journal::SegmentJournal::Open(options, fs_, bench_.loop);
    EXPECT_TRUE(opened.ok()) << opened.status().ToString();
    bench_.Restart(std::move(*opened));
    bench_.Run(milliseconds(10));
  }
  // The queue and its journal go before the disk.
  ~DurableQueueTest() override { bench_.queue.reset(); }

  // Ruins what the records say; their headers stay whole.
  void DamagePayloads() {
    const std::string path = io::JoinPath(kDirectory, "00000001.seg");
    std::string content = fs_.Content(path);
    const size_t at = content.find("~5~");
    ASSERT_NE(at, std::string::npos);
    content[at] ^= 0x55;
    fs_.SetContent(path, content);
  }

  io::MemoryFileSystem fs_;
  QueueBench bench_{Cutting()};
  io::LoopExecutor executor_{bench_.loop};
};

TEST_F(DurableQueueTest, RetiresOnlyOnceWhatIsBeingWrittenIsDelivered) {
  const size_t put = bench_.Put();
  bool retired = false;
  bench_.queue->Retire([&] { retired = true; });
  EXPECT_FALSE(bench_.answers[put].has_value()) << "it is being written";
  bench_.Run(seconds(1));
  ASSERT_TRUE(bench_.answers[put].has_value());
  EXPECT_TRUE(bench_.answers[put]->ok());
  EXPECT_TRUE(retired);
  EXPECT_TRUE(bench_.peers[0]->Has(0));
  EXPECT_TRUE(bench_.ledger().Balanced());
}

TEST_F(DurableQueueTest, WhatIsBeingWrittenDuringAReconfigurationCountsInTheQueue) {
  bench_.peers[0]->latency = seconds(10);
  for (int i = 0; i < 3; ++i) {
    bench_.Put(10);
  }
  SendingQueueOptions options = bench_.Options();
  options.queue.queue_size = 3;
  bench_.queue->Reconfigure(std::move(options));
  bench_.Run(milliseconds(100));
  const size_t fourth = bench_.Put(10);
  bench_.Run(milliseconds(100));
  ASSERT_TRUE(bench_.answers[fourth].has_value());
  EXPECT_FALSE(bench_.answers[fourth]->ok()) << "three are pending";
}

TEST_F(DurableQueueTest, APieceThatIsDamagedWhileAnotherIsInFlightEndsTheRecordOnce) {
  bench_.peers[0]->latency = seconds(1);
  bench_.Put(1000);
  bench_.Run(milliseconds(100));
  ASSERT_EQ(bench_.senders[0]->stats().in_flight, 1U);
  DamagePayloads();
  bench_.Run(std::chrono::minutes(3));
  const size_t received = bench_.peers[0]->received.size();
  EXPECT_GE(received, 10U) << "what was read before";
  EXPECT_LT(received, 1000U);
  EXPECT_EQ(bench_.Dropped(journal::DropReason::kDamaged), 1000U) << "given up whole";
  EXPECT_EQ(bench_.ledger().pending.items, 0U);
  EXPECT_TRUE(bench_.ledger().Balanced());
  bench_.peers[0]->latency = milliseconds(2);
  bench_.Put(5);
  bench_.Run(seconds(1));
  EXPECT_EQ(bench_.peers[0]->received.size(), received + 5) << "and the queue goes on";
}

}  // namespace
}  // namespace gapless::queue
