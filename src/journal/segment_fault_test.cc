// Every disk call fails once in turn; disks fill up; clients hear it and nothing acknowledged is
// lost.
#include "journal/segment_harness.h"

#include <set>

#include <gtest/gtest.h>

namespace gapless::journal {
namespace {

SegmentJournalOptions Small() { return {.segment_size = 16 * 1024, .cache_size = 0}; }

// A fixed story: appends, reads, settles, checkpoints. Returns what was acknowledged and not
// settled.
class Story {
 public:
  explicit Story(SegmentHarness& harness) : harness_(harness) {}

  void Run() {
    if (!harness_.Open().ok() && !harness_.Open().ok()) {
      ADD_FAILURE() << "a second start must succeed";
      return;
    }
    for (int i = 0; i < 30; ++i) {
      const std::string body(static_cast<size_t>(600 + 37 * i), static_cast<char>('a' + i % 26));
      const auto position = harness_.Append(MakeBatch(body));
      if (position.ok()) {
        acknowledged_[*position] = body;
      } else {
        ++refused_;
        EXPECT_TRUE(position.status().retryable()) << position.status().ToString();
        EXPECT_TRUE(position.status().retry_after().has_value());
      }
      if (i % 3 == 2 && !acknowledged_.empty()) {
        const Position first = acknowledged_.begin()->first;
        const auto batch = harness_.Read(first);
        EXPECT_TRUE(batch.ok()) << batch.status().ToString();
        harness_.journal().Settle(first, Delivered(1), {});
        settled_.insert(first);
        acknowledged_.erase(first);
      }
      if (i % 7 == 6) {
        harness_.Settle();
      }
      EXPECT_TRUE(harness_.journal().ledger().Balanced());
    }
  }

  // After a crash: all that was acknowledged is there, and nothing that never was.
  void CheckSurvival() {
    std::set<Position> found;
    for (const Position position : harness_.Pending()) {
      found.insert(position);
    }
    for (const auto& [position, body] : acknowledged_) {
      ASSERT_TRUE(found.contains(position)) << position;
      const auto batch = harness_.Read(position);
      ASSERT_TRUE(batch.ok()) << batch.status().ToString();
      ASSERT_EQ(batch->body.ToString(), body);
    }
    const Ledger& ledger = harness_.journal().ledger();
    EXPECT_TRUE(ledger.Balanced());
    EXPECT_EQ(ledger.dropped_total(), Amount{});
  }

  int refused() const { return refused_; }

 private:
  SegmentHarness& harness_;
  std::map<Position, std::string> acknowledged_;
  std::set<Position> settled_;
  int refused_ = 0;
};

uint64_t CallsOfAQuietRun() {
  SegmentHarness harness(Small());
  Story story(harness);
  const uint64_t before = harness.fs().calls();
  story.Run();
  EXPECT_EQ(story.refused(), 0);
  return harness.fs().calls() - before;
}

TEST(SegmentFaultTest, AnyCallMayFailOnceAndNothingAcknowledgedIsLost) {
  const uint64_t calls = CallsOfAQuietRun();
  ASSERT_GT(calls, 60U);
  for (const io::CrashKind kind : {io::CrashKind::kPower, io::CrashKind::kTorn}) {
    for (uint64_t n = 1; n <= calls; ++n) {
      SCOPED_TRACE("call " + std::to_string(n));
      SegmentHarness harness(Small(), n);
      Story story(harness);
      harness.fs().FailCall(n, Unavailable("EIO"));
      story.Run();
      // One fault costs at most one answer: what failed is written again elsewhere.
      ASSERT_LE(story.refused(), 1);
      harness.Crash(kind);
      ASSERT_TRUE(harness.Open().ok());
      story.CheckSurvival();
      if (HasFailure()) {
        return;
      }
    }
  }
}

TEST(SegmentFaultTest, AFailedSyncIsNotRepeatedOnTheSameFile) {
  SegmentHarness harness(Small());
  ASSERT_TRUE(harness.Append(MakeBatch("first")).ok());
  ASSERT_EQ(harness.SegmentPaths().size(), 1U);
  harness.fs().FailCall(2, Unavailable("EIO"));  // the write passes, the sync fails
  const auto second = harness.Append(MakeBatch("second"));
  ASSERT_TRUE(second.ok()) << "it was written again, into a new segment";
  EXPECT_EQ(harness.SegmentPaths().size(), 2U);
  harness.Crash(io::CrashKind::kPower);
  ASSERT_TRUE(harness.Open().ok());
  EXPECT_EQ(harness.Pending().size(), 2U);
  EXPECT_EQ(harness.Read(*second)->body.ToString(), "second");
}

TEST(SegmentFaultTest, ADiskThatFailsEveryWriteIsHeardAndLeavesNoFilesBehind) {
  SegmentHarness harness(Small());
  const Position first = *harness.Append(MakeBatch("first"));
  harness.fs().FailWrites(Unavailable("EIO"));
  for (int i = 0; i < 20; ++i) {
    const auto refused = harness.Append(MakeBatch("refused"));
    ASSERT_FALSE(refused.ok());
    ASSERT_TRUE(refused.status().retryable());
    ASSERT_TRUE(refused.status().retry_after().has_value());
    harness.Settle();
  }
  EXPECT_EQ(harness.Read(first)->body.ToString(), "first") << "readers go on";
  harness.fs().FailWrites(OkStatus());
  EXPECT_TRUE(harness.Append(MakeBatch("later")).ok()) << "it resumes by itself";
  EXPECT_EQ(harness.journal().ledger().accepted.requests, 2U);
}

TEST(SegmentFaultTest, AFullDiskRefusesAndResumesWhenThereIsRoom) {
  SegmentHarness harness(Small());
  harness.journal();
  harness.fs().SetCapacity(harness.fs().used() + 3 * 16 * 1024);
  std::vector<Position> positions;
  while (true) {
    const auto position = harness.Append(MakeBatch(std::string(1500, 'x')));
    if (!position.ok()) {
      EXPECT_TRUE(position.status().retryable());
      break;
    }
    positions.push_back(*position);
  }
  EXPECT_GT(positions.size(), 8U);
  EXPECT_EQ(harness.Pending(), positions);
  for (const Position position : positions) {
    ASSERT_TRUE(harness.Read(position).ok());
    harness.journal().Settle(position, Delivered(1), {});
  }
  harness.Settle();
  EXPECT_TRUE(harness.Append(MakeBatch(std::string(1500, 'y'))).ok());
}

TEST(SegmentLimitTest, MaxSizeBoundsTheFilesAndIsARetryableAnswer) {
  SegmentHarness harness({.segment_size = 16 * 1024, .max_size = 100 * 1024, .cache_size = 0});
  std::vector<Position> positions;
  Result<Position> result = Position{0};
  while ((result = harness.Append(MakeBatch(std::string(2000, 'x')))).ok()) {
    positions.push_back(*result);
    ASSERT_LE(harness.journal().stats().disk_bytes, 100U * 1024);
  }
  EXPECT_EQ(result.status().code(), Code::kResourceExhausted);
  EXPECT_TRUE(result.status().retryable());
  EXPECT_NE(result.status().message().find("max_size"), std::string::npos);
  for (const Position position : positions) {
    harness.journal().Settle(position, Delivered(1), {});
  }
  harness.Settle();
  EXPECT_TRUE(harness.Append(MakeBatch("again")).ok());
}

TEST(SegmentLimitTest, ARequestThatNeverFitsIsRefusedForGood) {
  SegmentHarness harness({.segment_size = 16 * 1024, .max_size = 100 * 1024});
  const auto result = harness.Append(MakeBatch(std::string(200'000, 'x')));
  EXPECT_EQ(result.status().code(), Code::kResourceExhausted);
  EXPECT_FALSE(result.status().retryable());
}

TEST(SegmentLimitTest, DebtsGoBeforeAnAppendIsRefusedForLong) {
  SegmentHarness harness({.segment_size = 16 * 1024,
                          .max_size = 100 * 1024,
                          .backfill_max_size = 1 << 30,
                          .cache_size = 0});
  const ReaderId reader = harness.journal().RegisterReader("otlp/primary");
  int refused = 0;
  for (int i = 0; i < 300; ++i) {
    const auto position = harness.Append(MakeBatch(std::string(2000, 'x')));
    if (position.ok()) {
      harness.journal().Settle(*position, Delivered(1), {reader});
    } else {
      ++refused;
    }
    harness.Settle();
  }
  EXPECT_EQ(refused, 0);
  EXPECT_GT(harness.journal().stats().debts_given_up.requests, 200U);
  EXPECT_GT(harness.journal().stats().owed.requests, 5U);
}

TEST(SegmentLimitTest, DebtsThatWereGivenUpAreNotGivenUpForEachThatWaitsForTheirSpace) {
  SegmentHarness harness({.segment_size = 16 * 1024,
                          .max_size = 100 * 1024,
                          .backfill_max_size = 1 << 30,
                          .cache_size = 0});
  const ReaderId reader = harness.journal().RegisterReader("otlp/primary");
  int refused = 0;
  for (int i = 0; i < 100; ++i) {  // so fast that no checkpoint comes between them
    const auto position = harness.Append(MakeBatch(std::string(2000, 'x')));
    if (position.ok()) {
      harness.journal().Settle(*position, Delivered(1), {reader});
    } else {
      ++refused;
    }
  }
  EXPECT_GT(refused, 40);
  EXPECT_LE(harness.journal().stats().debts_given_up.requests, 8U) << "one segment's";
  harness.Settle();
  EXPECT_TRUE(harness.Append(MakeBatch("again")).ok());
}

// At the limit with a little left in every segment: what is moved makes room, so it may exceed it.
TEST(SegmentLimitTest, AFullJournalOfSparseSegmentsFindsRoomAgain) {
  const auto disk = std::make_shared<Budget>(8 * 16 * 1024);
  for (const uint64_t max_size : {uint64_t{100} * 1024, uint64_t{0}}) {
    SegmentHarness harness({.segment_size = 16 * 1024,
                            .max_size = max_size,
                            .cache_size = 0,
                            .disk_budget = max_size == 0 ? disk : nullptr});
    std::vector<Position> positions;
    Result<Position> result = Position{0};
    while ((result = harness.Append(MakeBatch(std::string(900, 'x')))).ok()) {
      positions.push_back(*result);
    }
    size_t kept = 0;
    for (const Position position : positions) {
      if (position % 8 == 5) {
        ++kept;
      } else {
        harness.journal().Settle(position, Delivered(1), {});
      }
    }
    harness.Settle();
    ASSERT_FALSE(harness.Append(MakeBatch("no room")).ok()) << "every segment is needed";
    harness.loop().AdvanceBy(std::chrono::seconds(8));
    EXPECT_TRUE(harness.Append(MakeBatch("there is room")).ok());
    EXPECT_EQ(harness.Pending().size(), kept + 1);
    EXPECT_LT(harness.journal().stats().disk_bytes, 64U * 1024);
  }
}

TEST(SegmentFaultTest, AMoveThatFailsIsNotTriedAgainAtOnce) {
  SegmentHarness harness(Small());
  for (int i = 0; i < 100; ++i) {
    const Position position = *harness.Append(MakeBatch(std::string(900, 'x')));
    if (i % 16 != 5) {
      harness.journal().Settle(position, Delivered(1), {});
    }
  }
  harness.Settle();
  harness.fs().SetCapacity(0);
  // Fills the segment in use.
  while (harness.Append(MakeBatch(std::string(100, 'y'))).ok()) {
  }
  harness.loop().AdvanceBy(std::chrono::seconds(6));
  const uint64_t before = harness.fs().calls();
  harness.loop().AdvanceBy(std::chrono::seconds(60));
  EXPECT_LT(harness.fs().calls() - before, 60U * 8) << "some in five seconds";
  const size_t segments = harness.SegmentPaths().size();
  harness.fs().SetCapacity(UINT64_MAX);
  harness.loop().AdvanceBy(std::chrono::seconds(10));
  EXPECT_LE(harness.SegmentPaths().size(), segments - 4) << "it went on";
}

TEST(SegmentFaultTest, ASpareFileThatSomebodyRemovedIsNotMissed) {
  SegmentHarness harness(Small());
  for (int i = 0; i < 60; ++i) {
    harness.journal().Settle(*harness.Append(MakeBatch(std::string(900, 'x'))), Delivered(1), {});
    if (i % 10 == 9) {
      harness.Settle();
    }
  }
  for (const std::string& path : harness.SegmentPaths()) {
    ASSERT_TRUE(harness.fs().Remove(path).ok());
  }
  for (int i = 0; i < 60; ++i) {
    EXPECT_TRUE(harness.Append(MakeBatch(std::string(900, 'y'))).ok()) << i;
  }
}

TEST(SegmentLimitTest, DebtsHaveTheirOwnLimitOnDisk) {
  SegmentHarness harness({.segment_size = 16 * 1024, .backfill_max_size = 10'000, .cache_size = 0});
  const ReaderId reader = harness.journal().RegisterReader("otlp/primary");
  for (int i = 0; i < 20; ++i) {
    const auto position = harness.Append(MakeBatch(std::string(2000, 'x')));
    harness.journal().Settle(*position, Delivered(1), {reader});
  }
  EXPECT_EQ(harness.journal().stats().owed.requests, 4U);
  EXPECT_EQ(harness.journal().stats().debts_given_up.requests, 16U);
}

TEST(SegmentLimitTest, MemoryStaysWithinTheBudget) {
  const auto budget = std::make_shared<Budget>(200'000);
  SegmentHarness harness({.segment_size = 64 * 1024, .memory_budget = budget});
  int stored = 0;
  while (harness.Append(MakeBatch(std::string(2000, 'x'))).ok()) {
    ++stored;
    ASSERT_LE(budget->used(), budget->limit());
  }
  EXPECT_GT(stored, 800) << "the bodies lie on disk, only the index takes memory";
  for (const Position position : harness.Pending()) {
    harness.journal().Settle(position, Delivered(1), {});
  }
  EXPECT_EQ(budget->used(), 0U);
}

TEST(SegmentLimitTest, MetadataThatClientsChooseStaysWithinTheBudget) {
  const auto budget = std::make_shared<Budget>(4'000'000);
  SegmentHarness harness({.segment_size = 64 * 1024, .cache_size = 0, .memory_budget = budget});
  const auto fill = [&] {
    int stored = 0;
    while (stored < 10'000 &&
           harness
               .Append(
                   MakeBatch("x", 1, {{"tenant", std::to_string(stored) + std::string(8000, 't')}}))
               .ok()) {
      ++stored;
    }
    return stored;
  };
  EXPECT_LT(fill(), 4'000'000 / 8000);
  const uint64_t used = budget->used();
  harness.Reopen(false);
  EXPECT_EQ(budget->used(), used) << "also after a restart";
  for (const Position position : harness.Pending()) {
    harness.journal().Settle(position, Delivered(1), {});
  }
  EXPECT_EQ(budget->used(), 0U);
  int stored = 0;
  for (; stored < 2000 &&
         harness.Append(MakeBatch("x", 1, {{"tenant", std::string(8000, 't')}})).ok();
       ++stored) {
  }
  EXPECT_EQ(stored, 2000) << "the same for all is held once";
}

TEST(SegmentLimitTest, TheDirectoriesBudgetLeavesEachJournalItsShare) {
  const auto disk = std::make_shared<Budget>(8 * 16 * 1024);
  SegmentHarness dead({.segment_size = 16 * 1024, .disk_budget = disk});
  SegmentHarness healthy({.segment_size = 16 * 1024, .disk_budget = disk});
  dead.journal();
  healthy.journal();
  while (dead.Append(MakeBatch(std::string(2000, 'x'))).ok()) {
  }
  EXPECT_EQ(dead.journal().stats().disk_bytes, 6U * 16 * 1024);
  for (int i = 0; i < 6; ++i) {
    EXPECT_TRUE(healthy.Append(MakeBatch(std::string(2000, 'y'))).ok());
  }
}

TEST(SegmentLimitTest, MetadataBeyondItsLimitIsRefusedForGood) {
  SegmentHarness harness(Small());
  const auto result = harness.Append(MakeBatch("x", 1, {{"k", std::string(1 << 20, 'v')}}));
  EXPECT_EQ(result.status().code(), Code::kInvalidArgument);
  EXPECT_FALSE(result.status().retryable());
}

}  // namespace
}  // namespace gapless::journal
