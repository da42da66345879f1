// Retained records on disk: they survive restarts, make way for new data, and cost no writes.
#include "journal/segment_harness.h"

#include <map>
#include <set>

#include <gtest/gtest.h>

namespace gapless::journal {
namespace {

constexpr RetentionLimits kTenMinutes = {.time = std::chrono::minutes(10), .bytes = 64 << 20};

SegmentJournalOptions Small() { return {.segment_size = 16 * 1024, .cache_size = 0}; }

// Appends and settles; the body tells which it was.
std::string Deliver(SegmentHarness& harness, int i, size_t size = 900,
                    const std::vector<ReaderId>& owed = {}) {
  std::string body = std::to_string(i) + std::string(size, static_cast<char>('a' + i % 26));
  const auto position = harness.Append(MakeBatch(body));
  EXPECT_TRUE(position.ok()) << i << ": " << position.status().ToString();
  if (position.ok()) {
    harness.journal().Settle(*position, {.delivered = 1, .by = ReaderBit(0)}, owed);
  }
  return body;
}

TEST(SegmentRetentionTest, WhatIsRetainedSurvivesARestartForTheRestOfItsTime) {
  for (const bool crash : {false, true}) {
    SegmentHarness harness(Small());
    const ReaderId reader = harness.journal().RegisterReader("otlp/a");
    harness.journal().SetRetention(kTenMinutes);
    std::vector<std::string> bodies;
    for (int i = 0; i < 60; ++i) {
      bodies.push_back(Deliver(harness, i));
    }
    harness.Settle();
    harness.Reopen(crash);
    ASSERT_EQ(harness.journal().RegisterReader("otlp/a"), reader);
    harness.journal().SetRetention(kTenMinutes);
    const auto kept = harness.journal().Retained({.since = {}, .by = reader});
    ASSERT_EQ(kept.size(), bodies.size());
    EXPECT_EQ(harness.journal().stats().retained.requests, bodies.size());
    EXPECT_TRUE(harness.Pending().empty());
    for (size_t i = 0; i < kept.size(); ++i) {
      const auto batch = harness.Read(kept[i]);
      ASSERT_TRUE(batch.ok()) << batch.status().ToString();
      EXPECT_EQ(batch->body.ToString(), bodies[i]);
    }
    EXPECT_EQ(harness.journal().OweRetained(reader, kept[7]).requests, 1U);
    harness.Reopen(crash);  // the debt may not be on disk yet, the record is
    harness.journal().SetRetention(kTenMinutes);
    EXPECT_TRUE(harness.Read(kept[7]).ok());
    harness.loop().AdvanceBy(std::chrono::minutes(12));
    EXPECT_TRUE(harness.Retained().empty());
    EXPECT_LE(harness.SegmentPaths().size(), 2U) << "their space has returned";
  }
}

TEST(SegmentRetentionTest, WhereItIsSwitchedOffNothingOfAnEarlierLifeStays) {
  SegmentHarness harness(Small());
  harness.journal().SetRetention(kTenMinutes);
  for (int i = 0; i < 60; ++i) {
    Deliver(harness, i);
  }
  harness.Reopen(false);
  harness.journal().SetRetention({});
  EXPECT_TRUE(harness.Retained().empty());
  harness.Settle();
  EXPECT_LE(harness.SegmentPaths().size(), 2U);
}

// So fast that no checkpoint comes between them: also then nobody is refused for want of the space
// that retained records take.
TEST(SegmentRetentionTest, RetainedRecordsNeverStandInTheWayOfNewOnes) {
  const auto disk = std::make_shared<Budget>(8 * 16 * 1024);
  for (const int limit : {0, 1, 2}) {
    SCOPED_TRACE(limit);
    SegmentHarness harness({.segment_size = 16 * 1024,
                            .max_size = limit == 0 ? uint64_t{130} * 1024 : 0,
                            .cache_size = 0,
                            .disk_budget = limit == 1 ? disk : nullptr});
    harness.journal().SetRetention(kTenMinutes);
    if (limit == 2) {
      harness.fs().SetCapacity(200 * 1024);
    }
    for (int i = 0; i < 300; ++i) {
      Deliver(harness, i, 2000);
    }
    EXPECT_EQ(harness.journal().ledger().delivered.requests, 300U);
    EXPECT_GT(harness.journal().stats().retained.requests, 0U);
  }
}

TEST(SegmentRetentionTest, RetainedRecordsAreGivenUpBeforeDebts) {
  SegmentHarness harness({.segment_size = 16 * 1024,
                          .max_size = 130 * 1024,
                          .backfill_max_size = 1 << 30,
                          .cache_size = 0});
  harness.journal().SetRetention(kTenMinutes);
  const ReaderId reader = harness.journal().RegisterReader("otlp/primary");
  for (int i = 0; i < 200; ++i) {
    Deliver(harness, i, 2000, i < 10 ? std::vector{reader} : std::vector<ReaderId>{});
    if (i % 4 == 3) {
      harness.Settle();
    }
  }
  EXPECT_EQ(harness.Owed(reader).size(), 10U);
  EXPECT_EQ(harness.journal().stats().debts_given_up, Amount{});
}

TEST(SegmentRetentionTest, ItTakesNoMemoryThatNewDataNeeds) {
  const auto memory = std::make_shared<Budget>(64 * 1024);
  SegmentHarness harness({.segment_size = 16 * 1024, .cache_size = 0, .memory_budget = memory});
  harness.journal().SetRetention(kTenMinutes);
  for (int i = 0; i < 2000; ++i) {
    Deliver(harness, i, 50);
  }
  EXPECT_EQ(harness.journal().ledger().delivered.requests, 2000U);
  EXPECT_LE(memory->used(), memory->limit());
}

TEST(SegmentRetentionTest, SparseSegmentsAreEmptiedWithoutMovingWhatIsOnlyRetained) {
  SegmentHarness harness(Small());
  harness.journal().SetRetention({.time = std::chrono::seconds(20), .bytes = 64 << 20});
  std::map<Position, std::string> pending;
  for (int i = 0; i < 200; ++i) {
    const std::string body(1000, static_cast<char>('a' + i % 26));
    const Position position = *harness.Append(MakeBatch(body));
    if (i % 20 == 0) {
      pending[position] = body;
    } else {
      harness.journal().Settle(position, Delivered(1), {});
    }
  }
  const uint64_t full = harness.journal().stats().disk_bytes;
  harness.loop().AdvanceBy(std::chrono::seconds(15));
  EXPECT_EQ(harness.Retained().size(), 190U);
  EXPECT_LE(harness.journal().stats().disk_bytes, full + 2 * 16 * 1024) << "only ten were moved";
  for (const Position position : harness.Retained()) {
    ASSERT_TRUE(harness.Read(position).ok());
  }
  harness.loop().AdvanceBy(std::chrono::seconds(15));
  EXPECT_TRUE(harness.Retained().empty());
  EXPECT_LE(harness.SegmentPaths().size(), 4U);
  for (const auto& [position, body] : pending) {
    EXPECT_EQ(harness.Read(position)->body.ToString(), body);
  }
}

// Deliveries, debts paid and owed again, records given up by time, a crash in any call.
TEST(SegmentRetentionTest, TheProcessMayDieInAnyCall) {
  const auto live = [](SegmentHarness& harness, std::map<Position, std::string>* bodies) {
    if (!harness.Open().ok()) {
      return;
    }
    const ReaderId reader = harness.journal().RegisterReader("otlp/a");
    harness.journal().SetRetention({.time = std::chrono::seconds(2), .bytes = 64 << 20});
    for (int i = 0; i < 60; ++i) {
      const std::string body(static_cast<size_t>(900 + i), static_cast<char>('a' + i % 26));
      const auto position = harness.Append(MakeBatch(body));
      if (!position.ok()) {
        continue;
      }
      (*bodies)[*position] = body;
      if (i % 10 != 0) {
        harness.journal().Settle(*position, {.delivered = 1, .by = 1}, {});
      }
      if (i % 5 == 4) {
        harness.Settle();
        const auto kept = harness.journal().Retained({.since = {}});
        if (!kept.empty()) {
          harness.journal().OweRetained(reader, kept.back());
        }
      }
      if (i % 12 == 11) {
        for (const Position owed : harness.Owed(reader)) {
          harness.journal().SettleDebt(reader, owed, true);
        }
      }
    }
  };
  uint64_t calls = 0;
  {
    SegmentHarness harness(Small());
    std::map<Position, std::string> bodies;
    live(harness, &bodies);
    calls = harness.fs().calls();
  }
  ASSERT_GT(calls, 100U);
  for (const io::CrashKind kind : {io::CrashKind::kProcess, io::CrashKind::kTorn}) {
    for (uint64_t n = 1; n <= calls; n += 2) {
      SCOPED_TRACE("crash in call " + std::to_string(n));
      SegmentHarness harness(Small(), n);
      std::map<Position, std::string> bodies;
      harness.fs().StopAt(n);
      live(harness, &bodies);
      harness.Crash(kind);
      ASSERT_TRUE(harness.Open().ok());
      const ReaderId reader = harness.journal().RegisterReader("otlp/a");
      harness.journal().SetRetention({.time = std::chrono::minutes(1), .bytes = 64 << 20});
      EXPECT_TRUE(harness.journal().ledger().Balanced());
      EXPECT_EQ(harness.journal().ledger().dropped_total(), Amount{});
      std::vector<Position> all = harness.Pending();
      for (const auto& more : {harness.Owed(reader), harness.Retained()}) {
        all.insert(all.end(), more.begin(), more.end());
      }
      for (const Position position : all) {
        const auto batch = harness.Read(position);
        ASSERT_TRUE(batch.ok()) << position << ": " << batch.status().ToString();
        if (bodies.contains(position)) {
          ASSERT_EQ(batch->body.ToString(), bodies[position]);
        }
      }
      if (HasFailure()) {
        return;
      }
    }
  }
}

}  // namespace
}  // namespace gapless::journal
