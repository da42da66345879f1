#include "journal/record_index.h"

#include "base/rng.h"

#include <map>

#include <gtest/gtest.h>

namespace gapless::journal {
namespace {

StoredRecord RecordAt(Segment& segment, uint64_t offset, Rng& rng) {
  return {.segment = &segment,
          .offset = offset,
          .size = 8 * (8 + rng.Below(1000)),
          .raw_size = rng.Below(kRawSizeMax),
          .arrival_ns = static_cast<int64_t>(rng.Next()),
          .items = static_cast<uint32_t>(rng.Next()),
          .lanes = rng.Next(),
          .metadata = static_cast<MetadataTable::Id>(rng.Next())};
}

void ExpectSame(const StoredRecord& a, const StoredRecord& b) {
  EXPECT_EQ(a.segment, b.segment);
  EXPECT_EQ(a.offset, b.offset);
  EXPECT_EQ(a.size, b.size);
  EXPECT_EQ(a.amount(), b.amount());
  EXPECT_EQ(a.arrival_ns, b.arrival_ns);
  EXPECT_EQ(a.lanes, b.lanes);
  EXPECT_EQ(a.metadata, b.metadata);
}

TEST(RecordIndexTest, ARecordComesBackAsItWasPutIn) {
  RecordIndex index;
  Rng rng(1);
  std::map<Position, StoredRecord> model;
  for (uint64_t sequence = 1; sequence <= 5; ++sequence) {
    Segment& segment = index.AddSegment({.sequence = sequence}, nullptr, "", 1 << 20);
    for (uint64_t i = 0; i < 300; ++i) {
      const Position position = sequence * 1000 + i;
      model[position] = RecordAt(segment, kSegmentSizeMax - 8 * (1 + rng.Below(1000)), rng);
      index.Insert(position, model[position], false);
    }
  }
  EXPECT_EQ(index.size(), model.size());
  for (const auto& [position, record] : model) {
    ExpectSame(*index.Find(position), record);
  }
  EXPECT_FALSE(index.Find(999).has_value());
  EXPECT_EQ(index.Next(1300), 2000U);
}

TEST(RecordIndexTest, EachSegmentCountsWhatItHolds) {
  RecordIndex index;
  Rng rng(1);
  Segment& from = index.AddSegment({.sequence = 7}, nullptr, "", 1 << 20);
  Segment& to = index.AddSegment({.sequence = 8}, nullptr, "", 1 << 20);
  const StoredRecord record = RecordAt(from, 8192, rng);
  index.Insert(1, record, false);
  index.Insert(2, record, false);
  EXPECT_EQ(from.live_records, 2U);
  EXPECT_EQ(from.live_bytes, 2 * record.size);
  index.Move(2, to, 16384, record.size + 8);
  EXPECT_EQ(from.live_records, 1U);
  EXPECT_EQ(to.live_bytes, record.size + 8);
  EXPECT_EQ(to.moved_here, std::vector<Position>{2});
  EXPECT_EQ(index.Find(2)->offset, 16384U);
  index.CountRetained(record, true);
  EXPECT_EQ(from.live_records, 0U);
  EXPECT_EQ(from.retained_records, 1U);
  index.CountRetained(record, false);
  index.Erase(1);
  EXPECT_EQ(from.live_bytes, 0U);
  index.RemoveSegment(7);
  Segment& next = index.AddSegment({.sequence = 9}, nullptr, "", 1 << 20);
  EXPECT_EQ(next.slot, 0U) << "places of removed segments are used again";
  EXPECT_EQ(index.Find(2)->segment, &to);
}

}  // namespace
}  // namespace gapless::journal
