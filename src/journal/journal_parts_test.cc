// The pure parts of a durable journal: metadata, recent records, when checkpoints are due, which
// segments are sparse.
#include "journal/checkpointer.h"
#include "journal/compactor.h"
#include "journal/journal_harness.h"
#include "journal/metadata_table.h"
#include "journal/recent_records.h"

#include <gtest/gtest.h>

namespace gapless::journal {
namespace {

using std::chrono::seconds;

std::string Encoded(const std::string& value) {
  const otlp::Metadata metadata = {{"tenant", value}};
  return EncodeMetadata(&metadata);
}

TEST(MetadataTableTest, TheSameIsHeldOnceAndGoesWithItsLastHolder) {
  MetadataTable table;
  EXPECT_EQ(table.Hold(""), 0U);
  EXPECT_EQ(table.Get(0), nullptr);
  const MetadataTable::Id a = table.Hold(Encoded("a"));
  const MetadataTable::Id b = table.Hold(Encoded("b"));
  const uint64_t both = table.bytes();
  EXPECT_EQ(table.Hold(Encoded("a")), a);
  EXPECT_EQ(table.bytes(), both);
  EXPECT_EQ(table.Get(a)->at(0).second, "a");
  table.LetGo(a);
  EXPECT_EQ(table.bytes(), both);
  table.LetGo(a);
  EXPECT_LT(table.bytes(), both);
  EXPECT_EQ(table.Hold(Encoded("c")), a) << "its ID is used again";
  EXPECT_EQ(table.Get(b)->at(0).second, "b");
  EXPECT_EQ(table.Hold("no metadata at all"), 0U);
}

class RecentRecordsTest : public ::testing::Test {
 protected:
  void Put(Position position, Duration at = {}, bool alone = false) {
    charge_.Force(100);
    recent_.Put(position, MakeBatch("x"), 100, alone, start_ + at);
  }
  const TimePoint start_{std::chrono::hours(1)};
  BudgetCharge charge_{nullptr};
  RecentRecords recent_{1000, charge_};
};

TEST_F(RecentRecordsTest, WhatTheReaderHasPassedMakesRoomNotWhatItReachesNext) {
  recent_.OnRead(0, start_);
  for (Position p = 1; p <= 12; ++p) {
    Put(p);
  }
  EXPECT_NE(recent_.Find(10), nullptr);
  EXPECT_EQ(recent_.Find(11), nullptr);
  EXPECT_EQ(charge_.bytes(), 1000U);
  recent_.OnRead(8, start_);
  Put(13);
  EXPECT_EQ(recent_.Find(13), nullptr) << "nothing enters before half of it is free";
  for (Position p = 5; p <= 10; ++p) {
    recent_.Drop(p);
  }
  Put(14);
  EXPECT_NE(recent_.Find(14), nullptr);
}

TEST_F(RecentRecordsTest, WhereNothingIsReadForLongNothingStays) {
  Put(1, seconds(0), true);
  EXPECT_NE(recent_.Find(1), nullptr);
  Put(2, seconds(6));
  EXPECT_EQ(recent_.Find(1), nullptr);
  EXPECT_EQ(charge_.bytes(), 0U);
}

TEST_F(RecentRecordsTest, ForMemoryTheOneGoesThatIsMissedLeast) {
  recent_.OnRead(1, start_);
  for (Position p = 1; p <= 3; ++p) {
    Put(p);
  }
  EXPECT_TRUE(recent_.DropOne());
  EXPECT_EQ(recent_.Find(1), nullptr) << "it was read";
  EXPECT_TRUE(recent_.DropOne());
  EXPECT_EQ(recent_.Find(3), nullptr) << "it is reached last";
  EXPECT_TRUE(recent_.DropOne());
  EXPECT_FALSE(recent_.DropOne());
  EXPECT_EQ(charge_.bytes(), 0U);
}

using Schedule = CheckpointSchedule;

TEST(CheckpointScheduleTest, ChangesAreWrittenTogether) {
  Schedule schedule;
  EXPECT_EQ(schedule.Changed(), Schedule::kInterval);
  EXPECT_EQ(schedule.Changed(), std::nullopt);
  EXPECT_FALSE(schedule.Begin(true));
  EXPECT_EQ(schedule.Changed(), std::nullopt) << "when this one is written";
  EXPECT_EQ(schedule.End(true, false), Schedule::kInterval);
  schedule.Begin(true);
  EXPECT_EQ(schedule.End(true, false), std::nullopt);
  EXPECT_FALSE(schedule.dirty());
}

TEST(CheckpointScheduleTest, AFailedOneIsWrittenAgainLater) {
  Schedule schedule;
  schedule.Changed();
  schedule.Begin(true);
  EXPECT_EQ(schedule.End(false, false), Schedule::kRetry);
  EXPECT_TRUE(schedule.dirty());
  EXPECT_EQ(schedule.Changed(), std::nullopt) << "not sooner";
}

TEST(CheckpointScheduleTest, FilesAreGivenBackWhenItStaysQuiet) {
  Schedule schedule;
  schedule.Begin(false);
  EXPECT_EQ(schedule.End(true, true), Schedule::kTrimAfter);
  EXPECT_EQ(schedule.Changed(), Schedule::kInterval);
  EXPECT_FALSE(schedule.Begin(true)) << "it was not quiet";
  EXPECT_EQ(schedule.End(true, true), Schedule::kTrimAfter);
  EXPECT_TRUE(schedule.Begin(true));
}

TEST(CheckpointScheduleTest, AtTheEndNothingIsDue) {
  Schedule schedule;
  schedule.Stop();
  EXPECT_EQ(schedule.Changed(), std::nullopt);
  schedule.Begin(false);
  EXPECT_EQ(schedule.End(false, true), std::nullopt);
  EXPECT_TRUE(schedule.dirty());
}

class SparseSegmentsTest : public ::testing::Test {
 protected:
  SparseSegmentsTest() {
    for (uint64_t sequence = 1; sequence <= 3; ++sequence) {
      segments_[sequence] = {.header = {.sequence = sequence},
                             .path = {},
                             .capacity = 1000,
                             .live_records = 1,
                             .live_bytes = 500,
                             .moved_here = {},
                             .sealed = true};
    }
  }
  std::optional<uint64_t> Look(Duration at) {
    return sparse_.Look(segments_, 1000, TimePoint(std::chrono::hours(1)) + at).segment;
  }
  std::map<uint64_t, Segment> segments_;
  SparseSegments sparse_;
};

TEST_F(SparseSegmentsTest, OneThatStaysSparseIsFound) {
  segments_[2].live_bytes = 100;
  EXPECT_EQ(Look(seconds(0)), std::nullopt);
  EXPECT_EQ(Look(seconds(4)), std::nullopt);
  EXPECT_EQ(Look(seconds(5)), 2U);
  EXPECT_EQ(Look(seconds(6)), std::nullopt) << "if it has to stay, it is not found again at once";
  EXPECT_EQ(Look(seconds(11)), 2U);
}

TEST_F(SparseSegmentsTest, OthersAreNot) {
  segments_[1].live_bytes = 200;  // too full
  segments_[2].live_records = 0;  // released
  segments_[3].sealed = false;    // still being written
  segments_[3].live_bytes = 10;
  EXPECT_EQ(Look(seconds(0)), std::nullopt);
  EXPECT_EQ(Look(seconds(60)), std::nullopt);
  segments_[3].sealed = true;
  sparse_.Exclude(3);
  EXPECT_EQ(Look(seconds(120)), std::nullopt);
  EXPECT_EQ(Look(seconds(180)), std::nullopt);
}

TEST_F(SparseSegmentsTest, AfterAFailureAllGetTheirTimeAnew) {
  segments_[1].live_bytes = 10;
  Look(seconds(0));
  sparse_.Reset();
  EXPECT_EQ(Look(seconds(5)), std::nullopt);
  EXPECT_EQ(Look(seconds(10)), 1U);
}

}  // namespace
}  // namespace gapless::journal
