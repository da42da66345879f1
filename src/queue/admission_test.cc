#include "queue/admission.h"

#include "base/rng.h"
#include "base/sim_loop.h"
#include "journal/memory_journal.h"
#include "tests/support/sim_items.h"

#include <gtest/gtest.h>

namespace gapless::queue {
namespace {

using enum Admission::Verdict;

sending::QueueSettings Settings(uint64_t size, sending::Sizer sizer) {
  sending::QueueSettings settings;
  settings.queue_size = size;
  settings.sizer = sizer;
  return settings;
}

TEST(AdmissionTest, EverySizerChargesItsUnit) {
  struct Row {
    sending::Sizer sizer;
    uint64_t items;
    uint64_t bytes;
    double size;
  };
  for (const Row& row :
       {Row{sending::Sizer::kRequests, 50, 9000, 1}, Row{sending::Sizer::kItems, 50, 9000, 50},
        Row{sending::Sizer::kBytes, 50, 9000, 9000}}) {
    Admission admission(Settings(1'000'000, row.sizer));
    admission.Add(row.items, row.bytes);
    EXPECT_DOUBLE_EQ(admission.size(), row.size);
    EXPECT_DOUBLE_EQ(admission.SizeOf(row.items, row.bytes), row.size);
    EXPECT_DOUBLE_EQ(admission.capacity(), 1'000'000);
  }
}

TEST(AdmissionTest, ManyRecordsThatCountAsPartsOfRequestsAreCountedSomeAtATime) {
  constexpr uint64_t kMany = 10'000;
  SimLoop loop;
  journal::MemoryJournal journal({}, loop);
  for (uint64_t i = 0; i < kMany; ++i) {
    journal.Append(sim::NumberedBatch(i, 10), [](const auto&) {});
  }
  sending::QueueSettings settings = Settings(1'000'000, sending::Sizer::kRequests);
  settings.batch = sending::BatchSettings{.min_size = 100, .metadata_keys = {}};
  Admission admission(settings);
  admission.Take(journal.stats().pending, journal.head());
  EXPECT_DOUBLE_EQ(admission.size(), kMany);
  EXPECT_FALSE(admission.Count(journal));
  EXPECT_LT(admission.size(), kMany);
  for (const journal::Position settled : {journal::Position{1}, journal::Position{kMany - 1}}) {
    journal.Settle(settled, {.delivered = 10}, {});
    admission.Remove(settled, 10, 1);
  }
  while (!admission.Count(journal)) {
  }
  EXPECT_DOUBLE_EQ(admission.size(), (kMany - 2) / 10.0);
  admission.Remove(2, 10, 1);
  EXPECT_DOUBLE_EQ(admission.size(), (kMany - 3) / 10.0);
}

TEST(AdmissionTest, WhatCountsByItselfIsCountedAtOnce) {
  SimLoop loop;
  journal::MemoryJournal journal({}, loop);
  for (uint64_t i = 0; i < 10'000; ++i) {
    journal.Append(sim::NumberedBatch(i, 3), [](const auto&) {});
  }
  Admission admission(Settings(1'000'000, sending::Sizer::kItems));
  admission.Take(journal.stats().pending, journal.head());
  EXPECT_DOUBLE_EQ(admission.size(), 30'000);
  EXPECT_TRUE(admission.Count(journal));
  EXPECT_DOUBLE_EQ(admission.size(), 30'000);
}

TEST(AdmissionTest, AdmitsUpToTheLimitExactly) {
  Admission admission(Settings(100, sending::Sizer::kItems));
  EXPECT_EQ(admission.Judge(100, 1), kAdmit);
  EXPECT_EQ(admission.Judge(101, 1), kNeverFits);
  admission.Add(60, 1);
  EXPECT_EQ(admission.Judge(40, 1), kAdmit);
  EXPECT_EQ(admission.Judge(41, 1), kFull);
  admission.Remove(60, 1);
  EXPECT_EQ(admission.Judge(100, 1), kAdmit);
}

TEST(AdmissionTest, MergingChargesPartsOfARequest) {
  sending::QueueSettings settings = Settings(10, sending::Sizer::kRequests);
  settings.batch = sending::BatchSettings{.min_size = 1000, .metadata_keys = {}};
  Admission admission(settings);
  admission.Add(100, 1);
  EXPECT_DOUBLE_EQ(admission.size(), 0.1);
  admission.Add(5000, 1);
  EXPECT_DOUBLE_EQ(admission.size(), 1.1);
  // As many small records as upstream's queue of merged batches holds.
  uint64_t records = 0;
  Admission small(settings);
  while (small.Judge(10, 1) == kAdmit) {
    small.Add(10, 1);
    ++records;
  }
  EXPECT_EQ(records, 1000U);
}

TEST(AdmissionTest, ASendBatchSizeOfZeroChargesWholeRequests) {
  sending::QueueSettings settings = Settings(10, sending::Sizer::kRequests);
  settings.batch = sending::BatchSettings{.min_size = 0, .metadata_keys = {}};
  Admission admission(settings);
  admission.Add(3, 1);
  EXPECT_DOUBLE_EQ(admission.size(), 1);
}

TEST(AdmissionTest, WhatWasAddedAndRemovedAddsUpToNothing) {
  const uint64_t seed = RandomSeed();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  Rng rng(seed);
  for (const sending::Sizer sizer :
       {sending::Sizer::kRequests, sending::Sizer::kItems, sending::Sizer::kBytes}) {
    sending::QueueSettings settings = Settings(1000, sizer);
    settings.batch = sending::BatchSettings{.min_size = 1 + rng.Below(5000), .metadata_keys = {}};
    Admission admission(settings);
    std::vector<std::pair<uint64_t, uint64_t>> records;
    for (int i = 0; i < 1000; ++i) {
      records.emplace_back(rng.Below(10000) + 1, rng.Below(1 << 20));
      admission.Add(records.back().first, records.back().second);
    }
    for (const auto& [items, bytes] : records) {
      admission.Remove(items, bytes);
    }
    EXPECT_DOUBLE_EQ(admission.size(), 0);
  }
}

TEST(AdmissionTest, AHugeQueueDoesNotOverflow) {
  Admission admission(Settings(UINT64_MAX, sending::Sizer::kBytes));
  EXPECT_EQ(admission.Judge(1, uint64_t{1} << 40), kAdmit);
}

}  // namespace
}  // namespace gapless::queue
