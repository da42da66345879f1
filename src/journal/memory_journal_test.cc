#include "journal/memory_journal.h"

#include "base/sim_loop.h"
#include "journal/held_memory.h"
#include "journal/journal_harness.h"

#include <cstring>

#include <gtest/gtest.h>

namespace gapless::journal {
namespace {

Result<Position> AppendTo(Journal& journal, otlp::Batch batch) {
  Result<Position> result = Internal("no answer");
  journal.Append(std::move(batch), [&](Result<Position>&& r) { result = std::move(r); });
  return result;
}

otlp::Batch BatchInSlab(size_t slab_size, size_t size) {
  SlabRef slab(Slab::New(slab_size));
  std::memset(slab->data(), 'a', slab_size);
  const std::byte* data = slab->data();
  otlp::Batch batch;
  batch.items = 1;
  batch.raw_size = size;
  batch.body = Rope(Slice(std::move(slab), data, size));
  return batch;
}

TEST(MemoryJournalTest, ChargesTheMemoryReallyHeld) {
  SimLoop loop;
  MemoryJournal journal({}, loop);
  ASSERT_TRUE(AppendTo(journal, BatchInSlab(40'000, 30'000)).ok());
  EXPECT_GE(journal.stats().memory_bytes, 40'000U);
  EXPECT_LT(journal.stats().memory_bytes, 41'000U);
}

TEST(MemoryJournalTest, CopiesASmallRecordOutOfABigReceiveSlab) {
  SimLoop loop;
  MemoryJournal journal({}, loop);
  ASSERT_TRUE(AppendTo(journal, BatchInSlab(1 << 20, 100)).ok());
  EXPECT_LT(journal.stats().memory_bytes, 1000U);
}

TEST(MemoryJournalTest, RefusesWithADelayWhenTheBudgetIsUsedAndAcceptsAgainAfterASettle) {
  SimLoop loop;
  const auto budget = std::make_shared<Budget>(10'000);
  MemoryJournal journal({.budget = budget}, loop);
  Position first = 0;
  Result<Position> result = Position{0};
  while ((result = AppendTo(journal, BatchInSlab(2000, 2000))).ok()) {
    first = first ? first : *result;
  }
  EXPECT_EQ(result.status().code(), Code::kResourceExhausted);
  EXPECT_TRUE(result.status().retryable());
  EXPECT_TRUE(result.status().retry_after().has_value());
  EXPECT_LE(budget->used(), budget->limit());
  const Ledger before = journal.ledger();
  EXPECT_EQ(before.accepted, before.pending) << "a refused append is not accepted";
  journal.Settle(first, Delivered(1), {});
  EXPECT_TRUE(AppendTo(journal, BatchInSlab(2000, 2000)).ok());
}

TEST(MemoryJournalTest, GivesUpTheOldestDebtsBeforeItRefusesAnAppend) {
  SimLoop loop;
  MemoryJournal journal({.budget = std::make_shared<Budget>(10'000)}, loop);
  const ReaderId reader = journal.RegisterReader("otlp/primary");
  for (int i = 0; i < 4; ++i) {
    const auto position = AppendTo(journal, BatchInSlab(2000, 2000));
    ASSERT_TRUE(position.ok());
    journal.Settle(*position, Delivered(1), {reader});
  }
  ASSERT_TRUE(AppendTo(journal, BatchInSlab(2000, 2000)).ok());
  EXPECT_GE(journal.stats().debts_given_up.requests, 1U);
  EXPECT_EQ(journal.NextOwed(reader, 0)->position, 1 + journal.stats().debts_given_up.requests);
}

TEST(MemoryJournalTest, DebtsHaveTheirOwnLimit) {
  SimLoop loop;
  MemoryJournal journal({.budget = nullptr, .backfill_max_size = 7000}, loop);
  const ReaderId reader = journal.RegisterReader("otlp/primary");
  for (int i = 0; i < 10; ++i) {
    const auto position = AppendTo(journal, BatchInSlab(2000, 2000));
    journal.Settle(*position, Delivered(1), {reader});
  }
  EXPECT_EQ(journal.stats().owed.requests, 3U);
  EXPECT_EQ(journal.stats().debts_given_up.requests, 7U);
  EXPECT_EQ(journal.NextOwed(reader, 0)->position, 8U);
  EXPECT_LE(journal.stats().memory_bytes, 7000U);
}

TEST(MemoryJournalTest, HoldsNothingWhenEverythingIsSettledInAnyOrder) {
  SimLoop loop;
  const auto budget = std::make_shared<Budget>(uint64_t{1} << 30);
  MemoryJournal journal({.budget = budget}, loop);
  std::vector<Position> positions;
  for (int i = 0; i < 1000; ++i) {
    positions.push_back(*AppendTo(journal, MakeBatch("record")));
  }
  Rng rng(3);
  for (size_t i = positions.size(); i > 1; --i) {
    std::swap(positions[i - 1], positions[rng.Below(i)]);
  }
  for (const Position position : positions) {
    journal.Settle(position, Delivered(1), {});
  }
  EXPECT_EQ(budget->used(), 0U);
  EXPECT_EQ(journal.stats().memory_bytes, 0U);
  EXPECT_FALSE(journal.NextPending(0).has_value());
}

}  // namespace
}  // namespace gapless::journal
