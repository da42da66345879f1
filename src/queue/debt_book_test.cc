#include "queue/debt_book.h"

#include "base/rng.h"
#include "base/sim_loop.h"
#include "journal/memory_journal.h"
#include "tests/support/seed.h"
#include "tests/support/sim_items.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

namespace gapless::queue {
namespace {

using journal::Position;
using std::chrono::hours;

TEST(OwedAfterTest, EveryLevelAboveTheOneThatTookItUnlessItRejectedIt) {
  const std::vector<journal::ReaderId> readers = {7, 8, 9};
  std::vector<UnitTrack> tracks(3);
  struct Row {
    size_t by;
    std::vector<size_t> rejected;
    std::vector<journal::ReaderId> owed;
  };
  const Row rows[] = {
      {.by = 0, .rejected = {}, .owed = {}},      {.by = 1, .rejected = {}, .owed = {7}},
      {.by = 2, .rejected = {}, .owed = {7, 8}},  {.by = 2, .rejected = {0}, .owed = {8}},
      {.by = 2, .rejected = {0, 1}, .owed = {}},  {.by = 1, .rejected = {2}, .owed = {7}},
      {.by = 3, .rejected = {1}, .owed = {7, 9}},  // a level that left the configuration
  };
  for (const Row& row : rows) {
    for (size_t i = 0; i < tracks.size(); ++i) {
      tracks[i].rejected = std::ranges::find(row.rejected, i) != row.rejected.end();
    }
    EXPECT_EQ(OwedAfter(readers, tracks, row.by), row.owed) << row.by;
  }
}

class DebtBookTest : public ::testing::Test {
 protected:
  // A record that somebody else settled.
  Position Owe(uint32_t items = 1, std::shared_ptr<const otlp::Metadata> metadata = nullptr) {
    otlp::Batch batch = sim::NumberedBatch(next_, items);
    next_ += items;
    batch.metadata = std::move(metadata);
    Position position = 0;
    journal_.Append(std::move(batch), [&](Result<Position>&& r) { position = *r; });
    journal_.Settle(position, {.delivered = items}, {book_.reader()});
    book_.Add(position);
    return position;
  }
  std::vector<Position> TakePositions(
      const std::optional<sending::BatchSettings>& batch = std::nullopt) {
    std::vector<Position> positions;
    for (const UnitPart& part : taken_.emplace_back(book_.Take(batch))) {
      positions.push_back(part.position);
    }
    return positions;
  }
  static sending::BatchSettings Merge(uint64_t min, uint64_t max = 0) {
    return {.min_size = min, .max_size = max, .metadata_keys = {}};
  }

  SimLoop loop_;
  journal::MemoryJournal journal_{{}, loop_};
  DebtBook book_{journal_, "otlp/primary"};
  std::vector<std::vector<UnitPart>> taken_;
  uint64_t next_ = 0;
};

TEST_F(DebtBookTest, GivesTheOldestFirstAndEachOnce) {
  Owe();
  Owe();
  EXPECT_EQ(TakePositions(), std::vector<Position>{1});
  EXPECT_EQ(TakePositions(), std::vector<Position>{2});
  EXPECT_TRUE(TakePositions().empty());
  EXPECT_FALSE(book_.empty());
  book_.Settle(taken_[0], /*delivered=*/true);
  book_.Settle(taken_[1], /*delivered=*/true);
  EXPECT_TRUE(book_.empty());
  EXPECT_EQ(journal_.stats().owed.requests, 0U);
}

TEST_F(DebtBookTest, ARecordOfWhichTheReaderMayHaveLostAPieceIsOwedOnceMore) {
  const Position cut = Owe(4);
  const Position whole = Owe(4);
  TakePositions();
  TakePositions();
  const auto piece = [&](uint32_t first, uint32_t count) {
    return UnitParts{{.position = cut, .first = first, .count = count, .whole = false}};
  };
  EXPECT_EQ(book_.Settle(piece(0, 3), /*delivered=*/true), 0U);
  book_.Doubt();
  EXPECT_EQ(book_.Settle(piece(3, 1), /*delivered=*/true), 4U) << "all of it comes again";
  EXPECT_EQ(book_.Settle(taken_[1], /*delivered=*/true), 0U) << "it had not begun";
  EXPECT_EQ(TakePositions(), std::vector<Position>{cut});
  EXPECT_EQ(book_.Settle(taken_.back(), /*delivered=*/true), 0U);
  EXPECT_TRUE(book_.empty());
  EXPECT_LT(cut, whole);
}

TEST_F(DebtBookTest, MergesRecordsOfTheSameMetadataUpToTheSizes) {
  Owe(3);
  Owe(3);
  Owe(3);
  Owe(9);
  Owe(1, std::make_shared<const otlp::Metadata>(otlp::Metadata{{"tenant", "a"}}));
  Owe(1);
  EXPECT_EQ(TakePositions(Merge(5)), (std::vector<Position>{1, 2}));
  EXPECT_EQ(TakePositions(Merge(5, 10)), std::vector<Position>{3});  // with 4 it would be too large
  EXPECT_EQ(TakePositions(Merge(100)), std::vector<Position>{4});
  EXPECT_EQ(TakePositions(Merge(100)), std::vector<Position>{5});
  EXPECT_EQ(TakePositions(Merge(100)), std::vector<Position>{6});
}

TEST_F(DebtBookTest, ARecordIsPaidWithItsLastPiece) {
  Owe(10);
  ASSERT_EQ(TakePositions(), std::vector<Position>{1});
  book_.Settle({{.position = 1, .first = 0, .count = 4, .whole = false}}, /*delivered=*/true);
  EXPECT_FALSE(book_.empty());
  book_.Settle({{.position = 1, .first = 4, .count = 6, .whole = false}}, /*delivered=*/true);
  EXPECT_TRUE(book_.empty());
}

TEST_F(DebtBookTest, WhatMayStillArriveIsHeldBack) {
  const Position first = Owe();
  const Position second = Owe();
  book_.Await(7, {{.position = first, .count = 1}}, /*attempts=*/2);
  EXPECT_EQ(TakePositions(), std::vector<Position>{second});
  EXPECT_TRUE(TakePositions().empty());
  book_.OnLiveLate(7, /*delivered=*/false);
  EXPECT_TRUE(TakePositions().empty());
  book_.OnLiveLate(7, /*delivered=*/false);
  EXPECT_EQ(TakePositions(), std::vector<Position>{first});
}

TEST_F(DebtBookTest, WhatArrivedAfterAllIsNotOwedAnyMore) {
  const Position first = Owe();
  book_.Await(7, {{.position = first, .count = 1}}, /*attempts=*/2);
  book_.OnLiveLate(7, /*delivered=*/true);
  EXPECT_TRUE(TakePositions().empty());
  EXPECT_TRUE(book_.empty());
}

TEST_F(DebtBookTest, ARecordOfBadItemsOnlyIsNotCutForLong) {
  const Position bad = Owe(64);
  TakePositions();
  int cuts = 0;
  while (book_.MayCutAgain(bad)) {
    ASSERT_LT(++cuts, 100);
  }
  EXPECT_GE(cuts, 14) << "enough for one bad item among good ones";
  EXPECT_FALSE(book_.MayCutAgain(bad + 1)) << "not on its way";
}

TEST_F(DebtBookTest, OldDebtsAreGivenUpButNotWhatIsOnItsWay) {
  Owe(2);
  loop_.AdvanceBy(hours(2));
  Owe(3);
  loop_.AdvanceBy(hours(2));
  const WallTime limit = loop_.WallNow() - hours(3);
  ASSERT_EQ(TakePositions(), std::vector<Position>{1});
  EXPECT_EQ(book_.ExpireBefore(limit), 0U);
  book_.Settle(taken_[0], /*delivered=*/true);
  EXPECT_EQ(book_.ExpireBefore(limit), 0U);
  EXPECT_EQ(book_.ExpireBefore(loop_.WallNow()), 3U);
  EXPECT_TRUE(book_.empty());
}

TEST_F(DebtBookTest, ALevelThatLeavesIsOwedNothing) {
  Owe(2);
  Owe(3);
  TakePositions();
  EXPECT_EQ(book_.Forget(), 5U);
  EXPECT_TRUE(book_.empty());
  EXPECT_EQ(journal_.stats().owed.requests, 0U);
}

// Random settlements out of order, takes, holds, payments: every debt is given out exactly once.
TEST_F(DebtBookTest, EveryDebtIsGivenOutExactlyOnce) {
  const uint64_t seed = sim::FirstSeed();
  Rng rng(seed);
  std::vector<Position> pending;
  std::set<Position> owed;
  std::vector<Position> held;
  std::multiset<Position> given;
  const auto take = [&] {
    const auto batch = rng.Chance(0.5) ? std::optional(Merge(1 + rng.Below(10))) : std::nullopt;
    for (const UnitPart& part : book_.Take(batch)) {
      given.insert(part.position);
      book_.Settle({part}, /*delivered=*/true);
    }
  };
  for (int step = 0; step < 3000; ++step) {
    if (rng.Chance(0.4)) {
      journal_.Append(sim::NumberedBatch(next_++, 1),
                      [&](Result<Position>&& r) { pending.push_back(*r); });
    }
    if (!pending.empty() && rng.Chance(0.4)) {
      const auto it = pending.begin() + static_cast<ptrdiff_t>(rng.Below(pending.size()));
      if (rng.Chance(0.2)) {
        book_.Await(*it, {{.position = *it, .count = 1}}, /*attempts=*/1);
        held.push_back(*it);
      }
      journal_.Settle(*it, {.delivered = 1}, {book_.reader()});
      book_.Add(*it);
      owed.insert(*it);
      pending.erase(it);
    }
    if (!held.empty() && rng.Chance(0.2)) {
      book_.OnLiveLate(held.back(), /*delivered=*/false);
      held.pop_back();
    }
    if (rng.Chance(0.3)) {
      take();
    }
  }
  for (const Position position : held) {
    book_.OnLiveLate(position, /*delivered=*/false);
  }
  while (!book_.empty()) {
    take();
  }
  EXPECT_TRUE(std::ranges::equal(owed, given)) << "seed " << seed;
}

}  // namespace
}  // namespace gapless::queue
