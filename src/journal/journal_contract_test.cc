// One set of tests for every implementation of Journal.
#include "journal/journal_harness.h"
#include "journal/memory_journal.h"
#include "journal/segment_harness.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include <gtest/gtest.h>

namespace gapless::journal {
namespace {

class MemoryHarness final : public JournalHarness {
 public:
  Journal& journal() override { return journal_; }
  bool Reopen(bool) override { return false; }

 private:
  MemoryJournal journal_{{}, loop_};
};

struct Implementation {
  std::string name;
  std::function<std::unique_ptr<JournalHarness>(uint64_t seed)> make;
};

class JournalContractTest : public testing::TestWithParam<Implementation> {
 protected:
  void SetUp() override { harness_ = GetParam().make(1); }
  Journal& journal() { return harness_->journal(); }

  std::unique_ptr<JournalHarness> harness_;
};

TEST_P(JournalContractTest, GivesBackWhatWasAppended) {
  const auto position = harness_->Append(MakeBatch("hello", 3, {{"tenant", "a"}, {"x", ""}}));
  ASSERT_TRUE(position.ok()) << position.status().ToString();
  EXPECT_GE(*position, 1U);
  const auto info = journal().NextPending(0);
  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->position, *position);
  EXPECT_EQ(info->items, 3U);
  EXPECT_EQ(info->bytes, 5U);
  ASSERT_NE(info->metadata, nullptr);
  EXPECT_EQ(info->metadata->at(0).second, "a");
  const auto batch = harness_->Read(*position);
  ASSERT_TRUE(batch.ok());
  EXPECT_EQ(batch->body.ToString(), "hello");
  EXPECT_EQ(batch->items, 3U);
  EXPECT_EQ(*batch->metadata, (otlp::Metadata{{"tenant", "a"}, {"x", ""}}));
}

TEST_P(JournalContractTest, KeepsSignalCodecAndRawSize) {
  otlp::Batch batch = MakeBatch("squeezed");
  batch.signal = otlp::Signal::kLogs;
  batch.codec = wire::Codec::kGzip;
  batch.raw_size = 4000;
  const auto position = harness_->Append(batch);
  harness_->Reopen(false);
  const auto read = harness_->Read(*position);
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  EXPECT_EQ(read->signal, otlp::Signal::kLogs);
  EXPECT_EQ(read->codec, wire::Codec::kGzip);
  EXPECT_EQ(read->raw_size, 4000U);
  EXPECT_EQ(journal().ledger().pending.bytes, 4000U);
}

TEST_P(JournalContractTest, KeepsTheLanes) {
  otlp::Batch batch = MakeBatch("two resources");
  batch.lanes = 0x8000000000000001;
  const auto position = harness_->Append(batch);
  const auto unknown = harness_->Append(MakeBatch("of whom nobody knows"));
  for (int pass = 0; pass < 2; ++pass) {
    EXPECT_EQ(journal().NextPending(*position)->lanes, 0x8000000000000001);
    EXPECT_EQ(harness_->Read(*position)->lanes, 0x8000000000000001);
    EXPECT_EQ(journal().NextPending(*unknown)->lanes, otlp::kAllLanes);
    EXPECT_EQ(harness_->Read(*unknown)->lanes, otlp::kAllLanes);
    harness_->Reopen(true);
  }
}

TEST_P(JournalContractTest, ReadsManyInTheOrderInWhichTheyAreWanted) {
  std::vector<Position> positions;
  for (const std::string body : {"a", "b", "c", "d"}) {
    positions.push_back(*harness_->Append(MakeBatch(body)));
  }
  journal().Settle(positions[1], Delivered(1), {});
  harness_->Reopen(false);
  std::vector<std::string> read;
  journal().Read({positions[3], positions[1], positions[0], positions[3], positions[2]},
                 [&](std::vector<Result<otlp::Batch>> batches) {
                   for (const Result<otlp::Batch>& batch : batches) {
                     read.push_back(batch.ok() ? batch->body.ToString() : "-");
                   }
                 });
  harness_->loop().RunPosted();
  EXPECT_EQ(read, (std::vector<std::string>{"d", "-", "a", "d", "c"}));
  bool empty = false;
  journal().Read({}, [&](auto batches) { empty = batches.empty(); });
  EXPECT_TRUE(empty);
}

TEST_P(JournalContractTest, PositionsGrowAndStayBelowHead) {
  const Position before = journal().head();
  Position last = 0;
  for (int i = 0; i < 100; ++i) {
    const auto position = harness_->Append(MakeBatch("x"));
    ASSERT_TRUE(position.ok());
    ASSERT_GE(*position, before);
    ASSERT_GT(*position, last);
    ASSERT_LT(*position, journal().head());
    last = *position;
  }
}

TEST_P(JournalContractTest, TellsTheListenerOfEachNewRecordAndOfThoseFoundAtOnce) {
  int calls = 0;
  journal().SetListener([&] { ++calls; });
  EXPECT_EQ(calls, 0);
  ASSERT_TRUE(harness_->Append(MakeBatch("a")).ok());
  EXPECT_EQ(calls, 1);
  int late = 0;
  journal().SetListener([&] { ++late; });
  EXPECT_EQ(late, 1);
}

TEST_P(JournalContractTest, ARecordWithoutBytesIsARecord) {
  const auto position = harness_->Append(MakeBatch("", 0));
  ASSERT_TRUE(position.ok());
  EXPECT_EQ(harness_->Pending(), std::vector<Position>{*position});
  EXPECT_TRUE(harness_->Read(*position)->body.empty());
  journal().Settle(*position, {}, {});
  EXPECT_EQ(journal().ledger().filtered, (Amount{1, 0, 0}));
}

TEST_P(JournalContractTest, SettledTwiceCountsOnce) {
  const auto position = harness_->Append(MakeBatch("abc", 2));
  journal().Settle(*position, Delivered(2), {});
  journal().Settle(*position, Delivered(2), {});
  EXPECT_EQ(journal().ledger().delivered, (Amount{1, 2, 3}));
  EXPECT_TRUE(journal().ledger().Balanced());
  EXPECT_EQ(harness_->Read(*position).status().code(), Code::kNotFound);
}

TEST_P(JournalContractTest, BooksTheRequestWhereItsFirstItemsWent) {
  const auto split = harness_->Append(MakeBatch("0123456789", 10));
  Settlement settlement{.delivered = 4, .filtered = 1};
  settlement.dropped[static_cast<size_t>(DropReason::kPartialSuccess)] = 5;
  journal().Settle(*split, settlement, {});
  const auto lost = harness_->Append(MakeBatch("xy", 2));
  Settlement rejected;
  rejected.dropped[static_cast<size_t>(DropReason::kRejected)] = 1;
  rejected.dropped[static_cast<size_t>(DropReason::kPoison)] = 1;
  journal().Settle(*lost, rejected, {});

  const Ledger& ledger = journal().ledger();
  EXPECT_EQ(ledger.delivered, (Amount{1, 4, 10}));
  EXPECT_EQ(ledger.filtered, (Amount{0, 1, 0}));
  EXPECT_EQ(ledger.dropped[static_cast<size_t>(DropReason::kPartialSuccess)], (Amount{0, 5, 0}));
  EXPECT_EQ(ledger.dropped[static_cast<size_t>(DropReason::kRejected)], (Amount{1, 1, 2}));
  EXPECT_EQ(ledger.dropped[static_cast<size_t>(DropReason::kPoison)], (Amount{0, 1, 0}));
  EXPECT_TRUE(ledger.Balanced());
}

TEST_P(JournalContractTest, AnOwedRecordStaysReadableUntilItsLastReaderHasIt) {
  const ReaderId a = journal().RegisterReader("otlp/a");
  const ReaderId b = journal().RegisterReader("otlp/b");
  EXPECT_EQ(journal().RegisterReader("otlp/a"), a);
  const auto position = harness_->Append(MakeBatch("debt", 7));
  journal().Settle(*position, Delivered(7), {a, b});
  EXPECT_TRUE(harness_->Pending().empty());
  EXPECT_EQ(journal().stats().owed, (Amount{1, 7, 4}));
  EXPECT_EQ(journal().ledger().pending, Amount{});
  EXPECT_EQ(harness_->Read(*position)->body.ToString(), "debt");
  journal().SettleDebt(a, *position, true);
  EXPECT_TRUE(harness_->Owed(a).empty());
  EXPECT_EQ(harness_->Owed(b), std::vector<Position>{*position});
  EXPECT_TRUE(harness_->Read(*position).ok());
  journal().SettleDebt(b, *position, true);
  EXPECT_EQ(journal().stats().owed, Amount{});
  EXPECT_FALSE(harness_->Read(*position).ok());
}

TEST_P(JournalContractTest, DebtsBeyondTheirSizeAreGivenUpOldestFirst) {
  const ReaderId reader = journal().RegisterReader("a");
  std::string body(10'000, ' ');
  Rng rng(1);
  std::ranges::generate(body, [&] { return static_cast<char>(rng.Below(256)); });  // packs badly
  std::vector<Position> positions;
  for (int i = 0; i < 10; ++i) {
    positions.push_back(*harness_->Append(MakeBatch(body, 1)));
    journal().Settle(positions.back(), {.delivered = 1}, {reader});
  }
  EXPECT_EQ(journal().stats().owed.requests, 10U);
  journal().SetBackfillMaxSize(45'000);
  EXPECT_EQ(journal().stats().owed.requests, 4U);
  EXPECT_EQ(journal().stats().debts_given_up.requests, 6U);
  EXPECT_EQ(journal().NextOwed(reader, 0)->position, positions[6]);
  journal().SetBackfillMaxSize(0);
  EXPECT_EQ(journal().stats().owed.requests, 4U) << "the default has room";
  journal().Settle(*harness_->Append(MakeBatch(body, 1)), {.delivered = 1}, {reader});
  EXPECT_EQ(journal().stats().owed.requests, 5U);
}

TEST_P(JournalContractTest, AConfirmedRecordStaysReadableForItsTime) {
  journal().SetRetention({.time = std::chrono::seconds(30), .bytes = 1 << 20});
  const auto position = harness_->Append(MakeBatch("kept", 3));
  journal().Settle(*position, Delivered(3), {});
  EXPECT_TRUE(harness_->Pending().empty());
  EXPECT_TRUE(journal().ledger().Balanced());
  EXPECT_EQ(journal().ledger().delivered, (Amount{1, 3, 4}));
  EXPECT_EQ(journal().stats().retained, (Amount{1, 3, 4}));
  EXPECT_EQ(harness_->Read(*position)->body.ToString(), "kept");
  harness_->loop().AdvanceBy(std::chrono::seconds(29));
  EXPECT_EQ(harness_->Retained(), std::vector<Position>{*position});
  harness_->loop().AdvanceBy(std::chrono::seconds(2));
  EXPECT_TRUE(harness_->Retained().empty());
  EXPECT_EQ(journal().stats().retained, Amount{});
  EXPECT_EQ(harness_->Read(*position).status().code(), Code::kNotFound);
}

TEST_P(JournalContractTest, WhatWasDroppedOrFilteredIsNotRetained) {
  journal().SetRetention({.time = std::chrono::seconds(30), .bytes = 1 << 20});
  const auto filtered = harness_->Append(MakeBatch("filtered", 3));
  journal().Settle(*filtered, {.filtered = 3}, {});
  Settlement rejected;
  rejected.dropped[static_cast<size_t>(DropReason::kRejected)] = 1;
  journal().Settle(*harness_->Append(MakeBatch("rejected")), rejected, {});
  EXPECT_TRUE(harness_->Retained().empty());
  EXPECT_EQ(harness_->Read(*filtered).status().code(), Code::kNotFound);
}

TEST_P(JournalContractTest, BeyondTheirSizeTheOldestRetainedRecordsGo) {
  journal().SetRetention({.time = std::chrono::hours(1), .bytes = 60'000});
  std::vector<Position> positions;
  Rng rng(1);
  for (int i = 0; i < 20; ++i) {
    std::string body(9'000, ' ');
    std::ranges::generate(body, [&] { return static_cast<char>(rng.Below(256)); });
    positions.push_back(*harness_->Append(MakeBatch(body)));
    journal().Settle(positions.back(), Delivered(1), {});
    harness_->loop().AdvanceBy(std::chrono::minutes(1));
  }
  const std::vector<Position> kept = harness_->Retained();
  EXPECT_GE(kept.size(), 4U);
  EXPECT_LE(kept.size(), 6U);
  EXPECT_EQ(kept.back(), positions.back());
  EXPECT_GT(*journal().stats().retained_since, WallTime{});
  journal().SetRetention({});
  EXPECT_TRUE(harness_->Retained().empty());
  EXPECT_FALSE(journal().stats().retained_since);
  EXPECT_FALSE(harness_->Read(positions.back()).ok());
}

TEST_P(JournalContractTest, ARetainedRecordCanBeOwedAgain) {
  journal().SetRetention({.time = std::chrono::seconds(30), .bytes = 1 << 20});
  const ReaderId a = journal().RegisterReader("otlp/a");
  const ReaderId b = journal().RegisterReader("otlp/b");
  const auto first = harness_->Append(MakeBatch("first", 2));
  const auto second = harness_->Append(MakeBatch("second", 5));
  const auto pending = harness_->Append(MakeBatch("pending", 1));
  journal().Settle(*first, {.delivered = 2, .by = ReaderBit(a)}, {});
  journal().Settle(*second, {.delivered = 5, .by = ReaderBit(b)}, {});
  EXPECT_EQ(journal().Retained({.since = {}, .by = a}), std::vector<Position>{*first});
  EXPECT_EQ(journal().Retained({.since = {}, .not_by = a}), std::vector<Position>{*second});

  EXPECT_EQ(journal().OweRetained(b, *first), (Amount{1, 2, 5}));
  EXPECT_EQ(journal().OweRetained(b, *first), Amount{}) << "it is owed already";
  EXPECT_EQ(journal().OweRetained(a, *first), (Amount{1, 2, 5}));
  EXPECT_EQ(journal().OweRetained(a, *pending), Amount{});
  EXPECT_EQ(journal().OweRetained(a, *pending + 100), Amount{});
  EXPECT_EQ(harness_->Owed(b), std::vector<Position>{*first});
  EXPECT_EQ(journal().stats().owed, (Amount{1, 2, 5}));
  EXPECT_EQ(journal().stats().retained, (Amount{1, 5, 6}));

  harness_->loop().AdvanceBy(std::chrono::seconds(40));
  EXPECT_EQ(harness_->Read(*first)->body.ToString(), "first") << "owed: it stays beyond its time";
  journal().SettleDebt(a, *first, false);
  journal().SettleDebt(b, *first, true);
  EXPECT_EQ(journal().stats().owed, Amount{});
  EXPECT_EQ(journal().Retained({.since = {}, .by = b}), std::vector<Position>{*first});
  EXPECT_TRUE(journal().Retained({.since = {}, .by = a}).empty()) << "it was given up";
  harness_->loop().AdvanceBy(std::chrono::seconds(40));
  EXPECT_FALSE(harness_->Read(*first).ok());
  EXPECT_TRUE(harness_->Read(*pending).ok());
}

TEST_P(JournalContractTest, ANewReaderOwesNothingOlderThanItself) {
  const auto position = harness_->Append(MakeBatch("old"));
  const ReaderId reader = journal().RegisterReader("otlp/new");
  journal().Settle(*position, Delivered(1), {});
  EXPECT_TRUE(harness_->Owed(reader).empty());
}

TEST_P(JournalContractTest, KeepsTheUserState) {
  journal().SetUserState("level 1 since noon");
  EXPECT_EQ(journal().user_state(), "level 1 since noon");
  harness_->Reopen(false);
  EXPECT_EQ(journal().user_state(), "level 1 since noon");
}

TEST_P(JournalContractTest, NoUseOfTheJournalIsForbiddenInsideItsCallbacks) {
  std::vector<Position> seen;
  journal().SetListener([&] {
    while (const auto info = journal().NextPending(0)) {
      seen.push_back(info->position);
      journal().Settle(info->position, Delivered(info->items), {});
    }
  });
  int left = 3;
  std::function<void()> append = [&] {
    journal().Append(MakeBatch("again"), [&](Result<Position>) {
      if (left-- > 0) {
        append();
      }
    });
  };
  append();
  harness_->loop().RunPosted();
  EXPECT_EQ(seen.size(), 4U);
  EXPECT_EQ(journal().ledger().delivered.requests, 4U);
}

// The model: what a vector of records would do.
struct ModelRecord {
  std::string body;
  uint32_t items = 0;
  uint64_t lanes = 0;
  bool pending = true;
  std::set<ReaderId> owed;
};

class Model {
 public:
  // Odd seeds: confirmed records are retained, which must change nothing else.
  Model(JournalHarness& harness, uint64_t seed)
      : harness_(harness), rng_(seed), retains_(seed % 2 == 1) {
    Register();
  }

  void Step() {
    const uint64_t choice = rng_.Below(100);
    if (choice < 40) {
      Append();
    } else if (choice < 65) {
      Settle();
    } else if (choice < 78) {
      Read();
    } else if (choice < 90) {
      SettleDebt();
    } else if (choice < 92) {
      OweAgain();
    } else if (choice < 96) {
      harness_.loop().AdvanceBy(std::chrono::milliseconds(rng_.Below(300)));
    } else if (choice < 98) {
      Reopen(false);
    } else {
      harness_.loop().AdvanceBy(std::chrono::milliseconds(400));  // a checkpoint passes
      Reopen(true);
    }
    Check();
  }

 private:
  Journal& journal() { return harness_.journal(); }

  void Register() {
    for (const char* name : {"otlp/a", "otlp/b", "logs/c"}) {
      readers_.push_back(journal().RegisterReader(name));
    }
    journal().ForgetUnregisteredReaders();
    if (retains_) {
      journal().SetRetention({.time = std::chrono::seconds(3), .bytes = 20'000});
    }
  }

  void Append() {
    const std::string body = RandomBody(rng_, rng_.Chance(0.1) ? 9000 : 300);
    const uint32_t items = static_cast<uint32_t>(rng_.Below(20));
    otlp::Metadata metadata;
    if (rng_.Chance(0.3)) {
      metadata.emplace_back("tenant", std::to_string(rng_.Below(3)));
    }
    otlp::Batch batch = MakeBatch(body, items, metadata);
    batch.lanes = rng_.Chance(0.5) ? uint64_t{1} << rng_.Below(64) : 0;
    const auto position = harness_.Append(batch);
    ASSERT_TRUE(position.ok()) << position.status().ToString();
    ASSERT_TRUE(records_.empty() || *position > records_.rbegin()->first);
    records_[*position] = {.body = body,
                           .items = items,
                           .lanes = batch.lanes != 0 ? batch.lanes : otlp::kAllLanes,
                           .pending = true,
                           .owed = {}};
    expected_.accepted += Amount{1, items, body.size()};
  }

  std::optional<Position> Pick(const std::function<bool(const ModelRecord&)>& fits) {
    std::vector<Position> choices;
    for (const auto& [position, record] : records_) {
      if (fits(record)) {
        choices.push_back(position);
      }
    }
    if (choices.empty()) {
      return std::nullopt;
    }
    // Mostly the oldest, as a reader does.
    return rng_.Chance(0.5) ? choices.front() : choices[rng_.Below(choices.size())];
  }

  void Settle() {
    const auto position = Pick([](const ModelRecord& record) { return record.pending; });
    if (!position) {
      return;
    }
    ModelRecord& record = records_[*position];
    Settlement settlement;
    settlement.delivered = static_cast<uint32_t>(rng_.Below(record.items + 1));
    const uint32_t rest = record.items - settlement.delivered;
    settlement.filtered = static_cast<uint32_t>(rng_.Below(rest + 1));
    const size_t reason = rng_.Below(kDropReasons);
    settlement.dropped[reason] = rest - settlement.filtered;

    Amount& whole = settlement.delivered         ? expected_.delivered
                    : settlement.dropped[reason] ? expected_.dropped[reason]
                                                 : expected_.filtered;
    whole += Amount{1, 0, record.body.size()};
    expected_.delivered.items += settlement.delivered;
    expected_.filtered.items += settlement.filtered;
    expected_.dropped[reason].items += settlement.dropped[reason];

    record.pending = false;
    std::vector<ReaderId> owed;
    for (const ReaderId reader : readers_) {
      if (rng_.Chance(0.2)) {
        owed.push_back(reader);
        record.owed.insert(reader);
      }
    }
    journal().Settle(*position, settlement, owed);
  }

  void Read() {
    const auto position =
        Pick([](const ModelRecord& record) { return record.pending || !record.owed.empty(); });
    if (!position) {
      return;
    }
    const auto batch = harness_.Read(*position);
    ASSERT_TRUE(batch.ok()) << *position << ": " << batch.status().ToString();
    ASSERT_TRUE(batch->body.ToString() == records_[*position].body) << *position;
    ASSERT_EQ(batch->items, records_[*position].items);
    ASSERT_EQ(batch->lanes, records_[*position].lanes);
  }

  void SettleDebt() {
    const auto position = Pick([](const ModelRecord& record) { return !record.owed.empty(); });
    if (!position) {
      return;
    }
    const ReaderId reader = *records_[*position].owed.begin();
    records_[*position].owed.erase(reader);
    journal().SettleDebt(reader, *position, rng_.Chance(0.5));
  }

  void OweAgain() {
    for (const Position position : harness_.Retained()) {
      ModelRecord& record = records_.at(position);
      const ReaderId reader = readers_[rng_.Below(readers_.size())];
      ASSERT_TRUE(harness_.Read(position)->body.ToString() == record.body) << position;
      const bool owed = record.owed.insert(reader).second;
      ASSERT_EQ(journal().OweRetained(reader, position).requests, owed ? 1U : 0U);
      if (rng_.Chance(0.3)) {
        break;
      }
    }
  }

  void Reopen(bool crash) {
    if (harness_.Reopen(crash)) {
      readers_.clear();
      Register();
    }
  }

  void Check() {
    std::vector<Position> pending;
    std::map<ReaderId, std::vector<Position>> owed;
    Amount pending_amount;
    Amount owed_amount;
    for (const auto& [position, record] : records_) {
      const Amount amount{1, record.items, record.body.size()};
      if (record.pending) {
        pending.push_back(position);
        pending_amount += amount;
      }
      for (const ReaderId reader : record.owed) {
        owed[reader].push_back(position);
      }
      if (!record.owed.empty()) {
        owed_amount += amount;
      }
    }
    ASSERT_EQ(harness_.Pending(), pending);
    for (const Position position : pending) {
      ASSERT_EQ(journal().NextPending(position)->lanes, records_[position].lanes);
    }
    for (const ReaderId reader : readers_) {
      ASSERT_EQ(harness_.Owed(reader), owed[reader]);
    }
    const Ledger& ledger = journal().ledger();
    ASSERT_TRUE(ledger.Balanced());
    ASSERT_EQ(ledger.accepted, expected_.accepted);
    ASSERT_EQ(ledger.delivered, expected_.delivered);
    ASSERT_EQ(ledger.filtered, expected_.filtered);
    ASSERT_EQ(ledger.dropped, expected_.dropped);
    ASSERT_EQ(ledger.pending, pending_amount);
    ASSERT_EQ(journal().stats().pending, pending_amount);
    ASSERT_EQ(journal().stats().owed, owed_amount);
    for (const Position position : harness_.Retained()) {
      ASSERT_FALSE(records_.at(position).pending);
    }
    if (!records_.empty()) {
      ASSERT_GT(journal().head(), records_.rbegin()->first);
    }
  }

  JournalHarness& harness_;
  Rng rng_;
  const bool retains_;
  std::vector<ReaderId> readers_;
  std::map<Position, ModelRecord> records_;
  Ledger expected_;
};

TEST_P(JournalContractTest, BehavesAsAVectorOfRecordsUnderRandomUse) {
  for (uint64_t seed = 1; seed <= 25; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const auto harness = GetParam().make(seed);
    Model model(*harness, seed);
    for (int step = 0; step < 250; ++step) {
      SCOPED_TRACE("step " + std::to_string(step));
      model.Step();
      if (HasFatalFailure()) {
        return;
      }
    }
  }
}

Implementation Segments(std::string name, SegmentJournalOptions options) {
  return {.name = std::move(name), .make = [options](uint64_t seed) {
            return std::make_unique<SegmentHarness>(options, seed);
          }};
}

INSTANTIATE_TEST_SUITE_P(
    All, JournalContractTest,
    testing::Values(
        Implementation{"Memory", [](uint64_t) { return std::make_unique<MemoryHarness>(); }},
        Segments("Segments", {.segment_size = 32 * 1024}),
        Segments("SegmentsWithoutSync", {.segment_size = 32 * 1024, .sync = false}),
        Segments("SegmentsReadFromDisk", {.segment_size = 32 * 1024, .cache_size = 0}),
        Segments("SegmentsPacked", {.segment_size = 32 * 1024, .pack = true, .cache_size = 0})),
    [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace gapless::journal
