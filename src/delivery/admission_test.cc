#include "delivery/admission.h"

#include "base/rng.h"

#include <gtest/gtest.h>

namespace gapless::delivery {
namespace {

using enum Admission::Verdict;

QueueSettings Settings(uint64_t size, Sizer sizer) {
  QueueSettings settings;
  settings.queue_size = size;
  settings.sizer = sizer;
  return settings;
}

TEST(AdmissionTest, EverySizerChargesItsUnit) {
  struct Row {
    Sizer sizer;
    uint64_t items;
    uint64_t bytes;
    double size;
  };
  for (const Row& row : {Row{Sizer::kRequests, 50, 9000, 1}, Row{Sizer::kItems, 50, 9000, 50},
                         Row{Sizer::kBytes, 50, 9000, 9000}}) {
    Admission admission(Settings(1'000'000, row.sizer));
    admission.Add(row.items, row.bytes);
    EXPECT_DOUBLE_EQ(admission.size(), row.size);
    EXPECT_DOUBLE_EQ(admission.SizeOf(row.items, row.bytes), row.size);
    EXPECT_DOUBLE_EQ(admission.capacity(), 1'000'000);
  }
}

TEST(AdmissionTest, AdmitsUpToTheLimitExactly) {
  Admission admission(Settings(100, Sizer::kItems));
  EXPECT_EQ(admission.Judge(100, 1), kAdmit);
  EXPECT_EQ(admission.Judge(101, 1), kNeverFits);
  admission.Add(60, 1);
  EXPECT_EQ(admission.Judge(40, 1), kAdmit);
  EXPECT_EQ(admission.Judge(41, 1), kFull);
  admission.Remove(60, 1);
  EXPECT_EQ(admission.Judge(100, 1), kAdmit);
}

TEST(AdmissionTest, MergingChargesPartsOfARequest) {
  QueueSettings settings = Settings(10, Sizer::kRequests);
  settings.batch = BatchSettings{.min_size = 1000, .metadata_keys = {}};
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
  QueueSettings settings = Settings(10, Sizer::kRequests);
  settings.batch = BatchSettings{.min_size = 0, .metadata_keys = {}};
  Admission admission(settings);
  admission.Add(3, 1);
  EXPECT_DOUBLE_EQ(admission.size(), 1);
}

TEST(AdmissionTest, WhatWasAddedAndRemovedAddsUpToNothing) {
  const uint64_t seed = RandomSeed();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  Rng rng(seed);
  for (const Sizer sizer : {Sizer::kRequests, Sizer::kItems, Sizer::kBytes}) {
    QueueSettings settings = Settings(1000, sizer);
    settings.batch = BatchSettings{.min_size = 1 + rng.Below(5000), .metadata_keys = {}};
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
  Admission admission(Settings(UINT64_MAX, Sizer::kBytes));
  EXPECT_EQ(admission.Judge(1, uint64_t{1} << 40), kAdmit);
}

}  // namespace
}  // namespace gapless::delivery
