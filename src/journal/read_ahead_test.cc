// Readers that are behind: several at once, over more windows than are held, while others settle.
#include "journal/segment_harness.h"

#include <gtest/gtest.h>

namespace gapless::journal {
namespace {

constexpr size_t kRecords = 400;
constexpr size_t kBodyMax = 120'000;  // all together: several times what is read ahead

std::string BodyOf(Position position) {
  Rng rng(position);
  return std::string(rng.Below(kBodyMax), static_cast<char>('a' + position % 26)) +
         std::to_string(position);
}

class ReadAheadTest : public ::testing::TestWithParam<uint64_t> {
 protected:
  ReadAheadTest() {
    for (size_t i = 0; i < kRecords; ++i) {
      positions_.push_back(*harness_.Append(MakeBatch(BodyOf(journal().head()))));
    }
    harness_.Reopen(false);
  }

  Journal& journal() { return harness_.journal(); }

  // Some records from a random place on, with gaps.
  std::vector<Position> Choose() {
    std::vector<Position> chosen;
    const size_t count = 1 + rng_.Below(60);
    for (size_t i = rng_.Below(kRecords); i < kRecords && chosen.size() < count;
         i += 1 + rng_.Below(3) / 2) {
      chosen.push_back(positions_[i]);
    }
    return chosen;
  }

  void Read() {
    ++asked_;
    const std::vector<Position> chosen = Choose();
    journal().Read(chosen, [this, chosen](std::vector<Result<otlp::Batch>> batches) {
      ++answered_;
      ASSERT_EQ(batches.size(), chosen.size());
      for (size_t i = 0; i < chosen.size(); ++i) {
        if (batches[i].ok()) {
          ASSERT_EQ(batches[i]->body.ToString(), BodyOf(chosen[i]));
          ++right_;
        } else {
          ASSERT_TRUE(settled_.contains(chosen[i])) << batches[i].status().ToString();
        }
      }
    });
  }

  void SettleOne() {
    const Position position = positions_[rng_.Below(kRecords)];
    settled_.insert(position);
    journal().Settle(position, Delivered(1), {});
  }

  SegmentHarness harness_{{.segment_size = 4 << 20}};
  std::vector<Position> positions_;
  std::set<Position> settled_;
  Rng rng_{GetParam()};
  int asked_ = 0;
  int answered_ = 0;
  uint64_t right_ = 0;
};

TEST_P(ReadAheadTest, EveryReaderGetsWhatItAskedForWhileOthersSettle) {
  for (int step = 0; step < 300; ++step) {
    Read();
    if (rng_.Below(3) == 0) {
      SettleOne();
    }
    if (rng_.Below(4) == 0) {
      harness_.loop().RunPosted();
    }
  }
  harness_.loop().RunPosted();
  EXPECT_EQ(answered_, asked_);
  EXPECT_GT(right_, kRecords);
}

TEST(ReadAheadDiskTest, WhatTheDiskDoesNotGiveBackForAWhileIsNotLost) {
  SegmentHarness harness({.segment_size = 16 * 1024, .cache_size = 0});
  std::vector<Position> positions;
  for (int i = 0; i < 5; ++i) {
    positions.push_back(*harness.Append(MakeBatch(std::string(1000, 'x'))));
  }
  harness.fs().FailReads(Unavailable("EIO"));
  std::vector<Result<otlp::Batch>> read;
  harness.journal().Read(positions,
                         [&](std::vector<Result<otlp::Batch>> b) { read = std::move(b); });
  harness.loop().AdvanceBy(std::chrono::seconds(10));
  EXPECT_TRUE(read.empty());
  EXPECT_TRUE(harness.Append(MakeBatch("later")).ok());
  harness.fs().FailReads(OkStatus());
  harness.loop().AdvanceBy(std::chrono::seconds(2));
  ASSERT_EQ(read.size(), positions.size());
  for (const Result<otlp::Batch>& batch : read) {
    ASSERT_TRUE(batch.ok()) << batch.status().ToString();
    EXPECT_EQ(batch->body.ToString(), std::string(1000, 'x'));
  }
  EXPECT_EQ(harness.journal().ledger().dropped_total(), Amount{});
}

TEST(ReadAheadDiskTest, WhatTheDiskNeverGivesBackIsDamaged) {
  SegmentHarness harness({.segment_size = 16 * 1024, .cache_size = 0});
  const Position position = *harness.Append(MakeBatch("lost"));
  harness.fs().FailReads(Unavailable("EIO"));
  Result<otlp::Batch> read = Internal("no answer");
  harness.journal().Read({position}, [&](std::vector<Result<otlp::Batch>> batches) {
    read = std::move(batches.front());
  });
  harness.loop().AdvanceBy(std::chrono::seconds(60));
  EXPECT_EQ(read.status().code(), Code::kDataLoss);
  EXPECT_NE(read.status().message().find("EIO"), std::string::npos);
  EXPECT_TRUE(harness.Pending().empty());
  const Ledger& ledger = harness.journal().ledger();
  EXPECT_EQ(ledger.dropped[static_cast<size_t>(DropReason::kDamaged)].requests, 1U);
}

TEST(ReadAheadDiskTest, AnAbruptEndWhileTheDiskIsAskedAgain) {
  SegmentHarness harness({.segment_size = 16 * 1024, .cache_size = 0});
  const Position position = *harness.Append(MakeBatch("kept"));
  harness.fs().FailReads(Unavailable("EIO"));
  bool answered = false;
  harness.journal().Read({position}, [&](const auto&) { answered = true; });
  harness.loop().AdvanceBy(std::chrono::seconds(3));
  harness.fs().FailReads(OkStatus());
  harness.Crash(io::CrashKind::kPower);
  harness.loop().AdvanceBy(std::chrono::seconds(3));
  EXPECT_FALSE(answered);
  ASSERT_TRUE(harness.Open().ok());
  EXPECT_EQ(harness.Read(position)->body.ToString(), "kept");
}

INSTANTIATE_TEST_SUITE_P(Seeds, ReadAheadTest, ::testing::Range(uint64_t{1}, uint64_t{6}));

}  // namespace
}  // namespace gapless::journal
