#include "queue/settlement.h"

#include "base/sim_loop.h"
#include "journal/memory_journal.h"
#include "tests/support/sim_items.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gapless::queue {
namespace {

using journal::DropReason;

class SettlementTest : public ::testing::Test {
 protected:
  journal::Position Put(uint32_t items) {
    otlp::Batch batch = sim::NumberedBatch(next_, items, 0);
    next_ += items;
    admission_.Add(batch.items, batch.raw_size);
    journal::Position position = 0;
    journal_.Append(std::move(batch),
                    [&](Result<journal::Position> result) { position = *result; });
    return position;
  }
  UnitPart Whole(journal::Position position, uint32_t items) const {
    return {.position = position, .count = items, .bytes = journal_.NextPending(position)->bytes};
  }
  static UnitPart Piece(journal::Position position, uint32_t first, uint32_t count) {
    return {.position = position, .first = first, .count = count, .whole = false};
  }
  static SettlementTracker::Outcome Delivered(uint32_t items) {
    return {.share = {.delivered = items}, .verdict = OkStatus()};
  }
  static SettlementTracker::Outcome Dropped(uint32_t items) {
    SettlementTracker::Outcome outcome{.share = {}, .verdict = InvalidArgument("bad")};
    outcome.share.dropped[static_cast<size_t>(DropReason::kRejected)] = items;
    return outcome;
  }
  std::shared_ptr<std::optional<Status>> Await(journal::Position position) {
    auto answer = std::make_shared<std::optional<Status>>();
    clients_.Add(position, nullptr,
                 pipeline::Completion([answer](Status status) { *answer = std::move(status); }),
                 {});
    return answer;
  }

  SimLoop loop_;
  journal::MemoryJournal journal_{{}, loop_};
  Admission admission_{sending::QueueSettings{}};
  PendingClients clients_{loop_, {.withdraw = {}, .expire = {}}};
  std::vector<SettlementTracker::Debt> debts_;
  SettlementTracker tracker_{
      journal_, admission_, clients_,
      [this](const SettlementTracker::Debt& debt) { debts_.push_back(debt); }};
  uint64_t next_ = 0;
};

TEST_F(SettlementTest, AWholeRecordIsSettledAtOnce) {
  const journal::Position position = Put(3);
  const auto answer = Await(position);
  tracker_.Book(Whole(position, 3), Delivered(3));
  EXPECT_EQ(journal_.ledger().delivered.items, 3U);
  EXPECT_EQ(admission_.size(), 0);
  ASSERT_TRUE(answer->has_value());
  EXPECT_TRUE((*answer)->ok());
}

TEST_F(SettlementTest, ACutRecordIsSettledWithItsLastPiece) {
  const journal::Position position = Put(4);
  const auto answer = Await(position);
  tracker_.Open(position);
  tracker_.Book(Piece(position, 0, 2), Delivered(2));
  tracker_.Book(Piece(position, 2, 1), Dropped(1));
  EXPECT_EQ(journal_.ledger().pending.items, 4U);
  EXPECT_EQ(admission_.size(), 1);
  EXPECT_FALSE(answer->has_value());
  tracker_.Book(Piece(position, 3, 1), Delivered(1));
  EXPECT_EQ(journal_.ledger().delivered.items, 3U);
  EXPECT_EQ(journal_.ledger().dropped_total().items, 1U);
  EXPECT_EQ(admission_.size(), 0);
  ASSERT_TRUE(answer->has_value());
  EXPECT_EQ((*answer)->code(), Code::kInvalidArgument) << "part of it was lost";
  EXPECT_TRUE(journal_.ledger().Balanced());
}

TEST_F(SettlementTest, ARecordThatTheJournalGaveUpFreesItsPlaceOnce) {
  const journal::Position position = Put(4);
  const auto answer = Await(position);
  tracker_.Open(position);
  tracker_.Forget(Piece(position, 0, 2));
  EXPECT_EQ(admission_.size(), 0);
  EXPECT_EQ((*answer)->code(), Code::kDataLoss);
  tracker_.Book(Piece(position, 2, 2), Delivered(2));
  tracker_.Forget(Piece(position, 2, 2));
  EXPECT_EQ(admission_.size(), 0);
  EXPECT_EQ(journal_.ledger().delivered.items, 0U) << "the journal has counted it";
}

TEST_F(SettlementTest, ARecordIsOwedAsAWholeWhereAnyPieceIs) {
  const journal::ReaderId primary = journal_.RegisterReader("primary");
  const journal::ReaderId secondary = journal_.RegisterReader("secondary");
  const journal::Position position = Put(4);
  tracker_.Open(position);
  SettlementTracker::Outcome there = Delivered(3);
  there.by = primary;
  tracker_.Book(Piece(position, 0, 3), there);
  SettlementTracker::Outcome instead = Delivered(1);
  instead.by = secondary;
  instead.owed = {primary};
  tracker_.Book(Piece(position, 3, 1), instead);
  ASSERT_EQ(debts_.size(), 1U);
  EXPECT_EQ(debts_[0].position, position);
  EXPECT_THAT(debts_[0].owed, ::testing::ElementsAre(primary));
  EXPECT_THAT(debts_[0].held,
              ::testing::ElementsAre(::testing::Pair(primary, 3U), ::testing::Pair(secondary, 1U)));
  EXPECT_EQ(journal_.stats().owed.items, 4U);
}

TEST_F(SettlementTest, APieceThatItsLevelMayHaveLostIsOwedWithItsRecord) {
  const journal::ReaderId primary = journal_.RegisterReader("primary");
  const journal::ReaderId secondary = journal_.RegisterReader("secondary");
  const journal::Position cut = Put(4);
  const journal::Position other = Put(4);
  tracker_.Open(cut);
  tracker_.Open(other);
  SettlementTracker::Outcome there = Delivered(3);
  there.by = primary;
  tracker_.Book(Piece(cut, 0, 3), there);
  tracker_.Doubt(primary, {primary, secondary});
  SettlementTracker::Outcome instead = Delivered(1);
  instead.by = secondary;
  tracker_.Book(Piece(cut, 3, 1), instead);
  there.share.delivered = 4;
  tracker_.Book(Piece(other, 0, 4), there);
  ASSERT_EQ(debts_.size(), 1U) << "the other one had nothing there when it was lost";
  EXPECT_EQ(debts_[0].position, cut);
  EXPECT_THAT(debts_[0].owed, ::testing::ElementsAre(primary, secondary));
}

TEST_F(SettlementTest, ARecordOfBadItemsOnlyIsNotCutForLong) {
  const journal::Position bad = Put(64);
  int cuts = 0;
  while (tracker_.MayCutAgain(bad)) {
    ASSERT_LT(++cuts, 100);
  }
  EXPECT_GE(cuts, 7) << "enough for one bad item among good ones";
  const journal::Position mixed = Put(64);
  tracker_.Open(mixed);
  for (uint32_t i = 0; i < 3; ++i) {
    tracker_.Book(Piece(mixed, i, 1), Delivered(1));
  }
  int more = 0;
  while (tracker_.MayCutAgain(mixed)) {
    ASSERT_LT(++more, 1000);
  }
  EXPECT_GT(more, cuts) << "it has good items";
  EXPECT_LE(more, 256);
}

TEST_F(SettlementTest, WhatIsLeftAtTheEndIsLost) {
  const journal::Position position = Put(4);
  tracker_.Open(position);
  tracker_.Book(Piece(position, 0, 3), Delivered(3));
  EXPECT_EQ(tracker_.Lose(position), 1U);
  EXPECT_EQ(journal_.ledger().delivered.items, 3U);
  EXPECT_EQ(journal_.ledger().pending.items, 0U);
  EXPECT_TRUE(journal_.ledger().Balanced());
}

}  // namespace
}  // namespace gapless::queue
