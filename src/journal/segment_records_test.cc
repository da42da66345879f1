#include "journal/segment_records.h"

#include "base/rng.h"
#include "base/sim_loop.h"
#include "journal/journal_harness.h"

#include <functional>

#include <gtest/gtest.h>

namespace gapless::journal {
namespace {

class SegmentRecordsTest : public ::testing::Test {
 protected:
  Position Add(const otlp::Metadata& metadata = {}) {
    otlp::Batch batch = MakeBatch("some bytes", 3, metadata);
    const uint64_t held = 1000 + RecordIndex::kBytesPerRecord;
    charge_.Force(held);
    const MetadataTable::Id id = records_.HoldMetadata(EncodeMetadata(batch.metadata.get()), batch);
    const Position position = next_++;
    records_.Accept({.position = position, .batch = batch, .metadata = id, .charged = held},
                    segment_, 8 * position, 80);
    return position;
  }
  void Settle(Position position) { records_.Settle(position, Delivered(3), {}); }

  // What it needs to know which records are pending, and where they lie.
  double BytesPerPending() {
    const Book& book = records_.book();
    const size_t bytes =
        records_.index().memory_bytes() + book.pending().intervals().memory_bytes();
    return static_cast<double>(bytes) / static_cast<double>(book.pending().size());
  }

  SimLoop loop_;
  BudgetCharge charge_{nullptr};
  std::vector<Position> released_;
  SegmentRecords records_{{}, /*cache_size=*/0, charge_, loop_, [this](Position position) {
                            released_.push_back(position);
                          }};
  Segment& segment_ = records_.index().AddSegment({.sequence = 1}, nullptr, "", 1 << 20);
  Position next_ = 1;
};

// So that ten million pending requests fit into 640 MB, whichever of their neighbours were settled.
TEST_F(SegmentRecordsTest, APendingRecordTakesAtMost64BytesOfMemory) {
  static_assert(RecordIndex::kBytesPerRecord <= 64);
  constexpr uint64_t kRecords = 50'000;
  struct Pattern {
    const char* name;
    std::function<bool(Position, Rng&)> settled;
    uint64_t records = kRecords;
  };
  const std::vector<Pattern> patterns = {
      {"an outage", [](Position, Rng&) { return false; }},
      {"half of it is drained", [](Position p, Rng&) { return p % kRecords < kRecords / 2; }},
      {"every second one is settled", [](Position p, Rng&) { return p % 2 == 0; }},
      {"every second one is pending in pairs", [](Position p, Rng&) { return p % 4 < 2; }},
      {"one lane of 64 waits", [](Position p, Rng&) { return p % 64 != 0; }, 3 * kRecords},
      {"a random half is settled", [](Position, Rng& rng) { return rng.Below(2) == 0; }},
      {"a random tenth is settled", [](Position, Rng& rng) { return rng.Below(10) == 0; }},
      {"a random tenth is pending", [](Position, Rng& rng) { return rng.Below(10) != 0; }},
  };
  for (const Pattern& pattern : patterns) {
    SCOPED_TRACE(pattern.name);
    Rng rng(1);
    std::vector<Position> settled;
    for (uint64_t i = 0; i < pattern.records; ++i) {
      const Position position = Add();
      if (pattern.settled(position, rng)) {
        settled.push_back(position);
      }
    }
    // Senders end out of order.
    for (size_t i = 0; i + 16 < settled.size(); ++i) {
      std::swap(settled[i], settled[i + rng.Below(16)]);
    }
    for (const Position position : settled) {
      Settle(position);
    }
    EXPECT_LE(BytesPerPending(), 64.0);
    RecordProperty(pattern.name, std::to_string(BytesPerPending()));
    for (auto info = records_.NextPending(0); info; info = records_.NextPending(0)) {
      Settle(info->position);
    }
  }
  EXPECT_EQ(charge_.bytes(), 0U);
}

TEST_F(SegmentRecordsTest, WhatIsHeldIsChargedAndGivenBack) {
  const Position a = Add({{"tenant", "x"}});
  const Position b = Add({{"tenant", "x"}});
  const uint64_t metadata = records_.metadata().bytes();
  EXPECT_GT(metadata, 0U);
  EXPECT_EQ(charge_.bytes(), 2 * RecordIndex::kBytesPerRecord + metadata);
  EXPECT_EQ(records_.NextPending(a)->metadata, records_.NextPending(b)->metadata);
  Settle(a);
  Settle(a);
  EXPECT_EQ(released_, std::vector<Position>{a});
  EXPECT_EQ(charge_.bytes(), RecordIndex::kBytesPerRecord + metadata);
  Settle(b);
  EXPECT_EQ(charge_.bytes(), 0U);
  EXPECT_EQ(segment_.live_records, 0U);
}

TEST_F(SegmentRecordsTest, ALostRecordIsNotHeldByAnybody) {
  records_.retained().SetLimits({.time = std::chrono::minutes(1), .bytes = 1 << 20});
  const ReaderId reader = records_.RegisterReader("otlp/a");
  const Position pending = Add();
  const Position owed = Add();
  const Position kept = Add();
  records_.Settle(owed, Delivered(3), {reader});
  Settle(kept);
  EXPECT_TRUE(records_.retained().IsKept(kept));
  for (const Position position : {pending, owed, kept}) {
    records_.Lose(position);
    EXPECT_FALSE(records_.index().Find(position).has_value());
  }
  EXPECT_EQ(records_.book().ledger().dropped[static_cast<size_t>(DropReason::kDamaged)].requests,
            1U);
  EXPECT_EQ(records_.book().given_up().requests, 1U);
  EXPECT_EQ(records_.retained().kept().amount, Amount{});
  loop_.AdvanceBy(std::chrono::minutes(2));
  EXPECT_EQ(released_.size(), 3U);
  EXPECT_EQ(segment_.live_records + segment_.retained_records, 0U);
}

// One turn of the loop must stay short, however much is retained.
TEST_F(SegmentRecordsTest, WhatIsBeyondALimitGoesAPartPerTurn) {
  records_.retained().SetLimits({.time = std::chrono::minutes(1), .bytes = 1 << 30});
  constexpr size_t kRecords = 5 * kReleasedPerTurn;
  for (size_t i = 0; i < kRecords; ++i) {
    Settle(Add());
  }
  EXPECT_EQ(records_.retained().kept().amount.requests, kRecords);
  records_.retained().SetLimits({});
  EXPECT_LE(released_.size(), kReleasedPerTurn);
  loop_.AdvanceBy(std::chrono::seconds(1));
  EXPECT_EQ(released_.size(), kRecords);
}

}  // namespace
}  // namespace gapless::journal
