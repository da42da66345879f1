#include "queue/backlog.h"

#include "base/rng.h"
#include "base/sim_loop.h"
#include "journal/memory_journal.h"
#include "tests/support/sim_items.h"

#include <map>

#include <gtest/gtest.h>

namespace gapless::queue {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;

class BacklogTest : public ::testing::Test {
 protected:
  journal::Position Put(uint32_t items, otlp::Metadata metadata = {}, size_t padding = 0) {
    otlp::Batch batch = sim::NumberedBatch(next_, items, padding);
    next_ += items;
    if (!metadata.empty()) {
      batch.metadata = std::make_shared<const otlp::Metadata>(std::move(metadata));
    }
    journal::Position position = 0;
    journal_.Append(std::move(batch),
                    [&](Result<journal::Position> result) { position = *result; });
    return position;
  }
  std::vector<UnitPart> Take(bool flush = false) {
    backlog_.Refresh();
    std::vector<UnitPart> parts = backlog_.Take(loop_.WallNow(), {.flush = flush});
    for (UnitPart& part : parts) {
      EXPECT_GT(std::exchange(part.bytes, 0), 0u);
      part.lanes = 0;
    }
    return parts;
  }
  void Merge(sending::BatchSettings batch, Order order = Order::kFifo) {
    backlog_.SetOptions({.batch = std::move(batch), .order = order});
  }

  SimLoop loop_;
  journal::MemoryJournal journal_{{}, loop_};
  Backlog backlog_{journal_, {}};
  uint64_t next_ = 0;
};

UnitPart Whole(journal::Position position, uint32_t count) {
  return {.position = position, .count = count};
}
UnitPart Piece(journal::Position position, uint32_t first, uint32_t count) {
  return {.position = position, .first = first, .count = count, .whole = false};
}
using Parts = std::vector<UnitPart>;

TEST_F(BacklogTest, WithoutMergingARecordIsAUnit) {
  Put(3);
  Put(4);
  EXPECT_EQ(Take(), Parts{Whole(1, 3)});
  EXPECT_EQ(Take(), Parts{Whole(2, 4)});
  EXPECT_TRUE(Take().empty());
  EXPECT_FALSE(backlog_.flush_at().has_value());
}

TEST_F(BacklogTest, MergesUpToTheSizeThatIsWanted) {
  Merge({.min_size = 10, .metadata_keys = {}});
  for (int i = 0; i < 5; ++i) {
    Put(4);
  }
  EXPECT_EQ(Take(), (Parts{Whole(1, 4), Whole(2, 4), Whole(3, 4)}));
  EXPECT_EQ(backlog_.taken().items, 12U);
  EXPECT_GT(backlog_.taken().bytes, 0U);
  EXPECT_TRUE(backlog_.taken().by_size);
  EXPECT_TRUE(Take().empty()) << "eight items wait for more";
  EXPECT_EQ(Take(/*flush=*/true), (Parts{Whole(4, 4), Whole(5, 4)}));
}

TEST_F(BacklogTest, ManyTenantsGetBatchesOfTheFullSizeEach) {
  for (const Order order : {Order::kArrival, Order::kFifo}) {
    Merge({.flush_timeout = milliseconds(200), .min_size = 10, .metadata_keys = {}}, order);
    for (int i = 0; i < 9; ++i) {
      Put(1, {{"tenant", "a"}});
      Put(1, {{"tenant", "b"}});
      Put(1, {{"tenant", "c"}});
    }
    EXPECT_TRUE(Take().empty()) << "27 items, but no tenant has ten";
    Put(1, {{"tenant", "b"}});
    EXPECT_EQ(Take().size(), 10U);
    EXPECT_EQ((*backlog_.taken().metadata)[0].second, "b");
    EXPECT_TRUE(Take().empty());
    loop_.AdvanceBy(milliseconds(200));
    EXPECT_EQ(Take().size(), 9U);
    EXPECT_EQ(Take().size(), 9U);
    EXPECT_TRUE(Take().empty());
  }
}

TEST_F(BacklogTest, OneMoreTenantThanTheLimitIsTooMany) {
  Merge({.min_size = 10, .metadata_keys = {"tenant"}, .groups_max = 2});
  const auto tenant = [](const char* name) {
    return std::make_shared<const otlp::Metadata>(otlp::Metadata{{"tenant", name}});
  };
  EXPECT_TRUE(backlog_.AdmitGroup(tenant("a"), loop_.Now()));
  Put(1, *tenant("a"));
  Put(1, *tenant("b"));
  backlog_.Refresh();
  EXPECT_TRUE(backlog_.AdmitGroup(tenant("b"), loop_.Now()));
  EXPECT_FALSE(backlog_.AdmitGroup(tenant("c"), loop_.Now()));
  Take(/*flush=*/true);
  EXPECT_TRUE(backlog_.AdmitGroup(tenant("c"), loop_.Now())) << "a group ends with its data";
}

TEST_F(BacklogTest, TenantsThatComeAgainAndAgainKeepTheirPlaceAmongThoseWhoAreMadeUp) {
  Merge({.min_size = 10, .metadata_keys = {"tenant"}, .groups_max = 2});
  const auto admit = [this](const std::string& name) {
    return backlog_.AdmitGroup(
        std::make_shared<const otlp::Metadata>(otlp::Metadata{{"tenant", name}}), loop_.Now());
  };
  EXPECT_TRUE(admit("regular"));
  loop_.AdvanceBy(std::chrono::seconds(11));
  EXPECT_TRUE(admit("regular"));
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(admit(std::to_string(i)));
    Put(1, {{"tenant", std::to_string(i)}});
  }
  backlog_.Refresh();
  EXPECT_FALSE(admit("2"));
  EXPECT_TRUE(admit("regular")) << "it holds no data now, and two others do";
  loop_.AdvanceBy(std::chrono::minutes(11));
  while (!Take(/*flush=*/true).empty()) {
  }
  for (const char* name : {"x", "y"}) {
    EXPECT_TRUE(admit(name));
    Put(1, {{"tenant", name}});
  }
  backlog_.Refresh();
  EXPECT_FALSE(admit("regular")) << "it has not come for long, and its place was needed";
}

TEST_F(BacklogTest, AMergedUnitOfLargeRecordsHasALimit) {
  for (const Order order : {Order::kArrival, Order::kFifo}) {
    Merge({.flush_timeout = Duration::zero(), .min_size = 1'000'000, .metadata_keys = {}}, order);
    constexpr size_t kRecord = size_t{4} << 20;
    for (int i = 0; i < 8; ++i) {
      Put(1, {}, kRecord);
    }
    size_t records = 0;
    while (records < 8) {
      const size_t taken = Take().size();
      ASSERT_GT(taken, 0U);
      EXPECT_LE(backlog_.taken().bytes, kUnitBytesMax);
      records += taken;
    }
    Put(1, {}, kUnitBytesMax + 1);
    EXPECT_EQ(Take().size(), 1U) << "a single record may be larger";
  }
}

TEST_F(BacklogTest, AClockThatIsSetBackHoldsNothingUp) {
  Merge({.flush_timeout = milliseconds(200), .min_size = 100, .metadata_keys = {}});
  Put(4);
  backlog_.Refresh();
  EXPECT_FALSE(backlog_.Take(loop_.WallNow() - minutes(60), {}).empty());
}

TEST_F(BacklogTest, WhatWaitedForTheTimeoutGoes) {
  Merge({.flush_timeout = milliseconds(200), .min_size = 100, .metadata_keys = {}});
  const WallTime arrival = loop_.WallNow();
  Put(1);
  EXPECT_TRUE(Take().empty());
  EXPECT_EQ(backlog_.flush_at(), arrival + milliseconds(200));
  loop_.AdvanceBy(milliseconds(199));
  Put(1);
  EXPECT_TRUE(Take().empty());
  loop_.AdvanceBy(milliseconds(1));
  EXPECT_EQ(Take(), (Parts{Whole(1, 1), Whole(2, 1)}));
  EXPECT_EQ(backlog_.taken().items, 2U);
  EXPECT_FALSE(backlog_.taken().by_size);
}

TEST_F(BacklogTest, AZeroTimeoutWaitsForNothing) {
  Merge({.flush_timeout = Duration::zero(), .min_size = 100, .metadata_keys = {}});
  Put(1);
  EXPECT_EQ(Take(), Parts{Whole(1, 1)});
}

TEST_F(BacklogTest, ASizeOfZeroSendsEveryRequestAsItCame) {
  Merge({.min_size = 0, .metadata_keys = {}});
  Put(3);
  Put(3);
  EXPECT_EQ(Take(), Parts{Whole(1, 3)});
  EXPECT_EQ(Take(), Parts{Whole(2, 3)});
}

TEST_F(BacklogTest, TheCapCutsInsideARecord) {
  Merge({.min_size = 10, .max_size = 10, .metadata_keys = {}});
  Put(7);
  Put(25);
  EXPECT_EQ(Take(), (Parts{Whole(1, 7), Piece(2, 0, 3)}));
  EXPECT_EQ(Take(), Parts{Piece(2, 3, 10)});
  EXPECT_EQ(Take(), Parts{Piece(2, 13, 10)});
  EXPECT_EQ(backlog_.items(), 2U);
  EXPECT_EQ(Take(/*flush=*/true), Parts{Piece(2, 23, 2)});
  EXPECT_TRUE(backlog_.empty());
}

TEST_F(BacklogTest, BytesAreASizeToo) {
  Merge({.min_size = 1000, .max_size = 1000, .sizer = sending::Sizer::kBytes, .metadata_keys = {}});
  Put(1, {}, 600);
  Put(1, {}, 600);
  Put(1, {}, 600);
  EXPECT_EQ(Take(), Parts{Whole(1, 1)}) << "a second one would pass the cap";
  Put(1, {}, 5000);
  EXPECT_EQ(Take(), Parts{Whole(2, 1)});
  EXPECT_EQ(Take(), Parts{Whole(3, 1)});
  EXPECT_EQ(Take(), Parts{Whole(4, 1)}) << "one item goes, however large";
}

TEST_F(BacklogTest, ARefusedSizeIsRememberedForAWhileAndTheSmallestHolds) {
  Merge({.min_size = 1000, .metadata_keys = {}});
  for (int i = 0; i < 4; ++i) {
    Put(10, {}, 100);
  }
  const size_t one = journal_.NextPending(1)->bytes;
  backlog_.SetByteCap(one, loop_.WallNow() + minutes(10));
  backlog_.SetByteCap(one * 8, loop_.WallNow() + minutes(10));
  EXPECT_EQ(Take(true), Parts{Whole(1, 10)});
  loop_.AdvanceBy(minutes(10));
  EXPECT_EQ(Take(true).size(), 3U);
}

TEST_F(BacklogTest, NeverMergesDifferentMetadata) {
  Merge({.min_size = 4, .metadata_keys = {"tenant"}});
  Put(1, {{"tenant", "a"}});
  Put(1, {{"tenant", "b"}});
  Put(1, {{"tenant", "a"}});
  Put(1);
  EXPECT_EQ(Take(true), (Parts{Whole(1, 1), Whole(3, 1)}));
  EXPECT_EQ(Take(true), Parts{Whole(2, 1)});
  EXPECT_EQ(Take(true), Parts{Whole(4, 1)});
}

TEST_F(BacklogTest, LiveDataGoesFirstButTheBacklogIsNotStarved) {
  backlog_.SetOptions({.batch = std::nullopt, .order = Order::kLiveFirst});
  for (int i = 0; i < 10; ++i) {
    Put(1);
  }
  backlog_.Refresh();
  backlog_.MarkLive();
  for (int i = 0; i < 10; ++i) {
    Put(1);
  }
  std::vector<journal::Position> order;
  for (int i = 0; i < 8; ++i) {
    order.push_back(Take().at(0).position);
  }
  EXPECT_EQ(order, (std::vector<journal::Position>{11, 12, 13, 1, 14, 15, 16, 2}));
}

TEST_F(BacklogTest, TakesTheOldestUntouchedRecordForDropOldest) {
  Merge({.min_size = 2, .max_size = 2, .metadata_keys = {}});
  Put(3);
  Put(1);
  EXPECT_EQ(Take(), Parts{Piece(1, 0, 2)});
  ASSERT_TRUE(backlog_.TakeOldestWhole().has_value());
  EXPECT_FALSE(backlog_.TakeOldestWhole().has_value()) << "the first is on its way in part";
}

TEST_F(BacklogTest, RemovesOneRecordWhereverItStands) {
  Put(1);
  Put(1);
  Put(1);
  EXPECT_TRUE(backlog_.Remove(2));
  EXPECT_FALSE(backlog_.Remove(2));
  EXPECT_EQ(Take(), Parts{Whole(1, 1)});
  EXPECT_EQ(Take(), Parts{Whole(3, 1)});
}

TEST_F(BacklogTest, ForgetsWhatTheJournalGaveUp) {
  Put(1);
  Put(1);
  backlog_.Refresh();
  journal_.Settle(1, {.delivered = 1}, {});
  EXPECT_EQ(Take(), Parts{Whole(2, 1)});
}

TEST_F(BacklogTest, ManyRecordsAreLearnedSomeAtATime) {
  constexpr uint32_t kMany = 10'000;
  Merge({.min_size = 0, .metadata_keys = {}}, Order::kLiveFirst);
  for (uint32_t i = 0; i < kMany; ++i) {
    Put(1);
  }
  EXPECT_TRUE(backlog_.Refresh());
  EXPECT_LT(backlog_.records(), kMany);
  EXPECT_EQ(backlog_.Take(loop_.WallNow(), {}).front().position, 1U) << "it may begin";
  backlog_.MarkLive();
  EXPECT_TRUE(backlog_.Remove(9'000));
  while (backlog_.Refresh()) {
  }
  EXPECT_EQ(backlog_.records(), kMany - 2);
  EXPECT_EQ(backlog_.items(), kMany - 2);
  const journal::Position live = Put(1);
  backlog_.Refresh();
  EXPECT_EQ(backlog_.Take(loop_.WallNow(), {}).front().position, live)
      << "what was not learned yet when the level came back is backlog, too";
}

TEST_F(BacklogTest, EveryItemIsTakenExactlyOnceAndNeverAboveTheCap) {
  const uint64_t seed = RandomSeed();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  Rng rng(seed);
  for (int round = 0; round < 50; ++round) {
    journal::MemoryJournal journal({}, loop_);
    sending::BatchSettings batch{.min_size = rng.Below(30), .metadata_keys = {}};
    batch.max_size = rng.Chance(0.5) ? std::max<uint64_t>(batch.min_size, 1 + rng.Below(40)) : 0;
    Backlog backlog(journal,
                    {.batch = batch, .order = rng.Chance(0.5) ? Order::kFifo : Order::kLiveFirst});
    std::map<journal::Position, std::vector<int>> taken;
    uint64_t left = 0;
    const auto take = [&](bool flush) {
      backlog.Refresh();
      const auto parts = backlog.Take(loop_.WallNow(), {.flush = flush});
      uint64_t items = 0;
      for (const UnitPart& part : parts) {
        for (uint32_t i = part.first; i < part.first + part.count; ++i) {
          ++taken.at(part.position).at(i);
        }
        items += part.count;
      }
      left -= items;
      ASSERT_TRUE(batch.max_size == 0 || items <= batch.max_size);
      ASSERT_EQ(backlog.items(), left);
    };
    for (int step = 0; step < 200; ++step) {
      if (rng.Chance(0.5)) {
        const auto items = static_cast<uint32_t>(1 + rng.Below(60));
        otlp::Batch record = sim::NumberedBatch(0, items);
        if (rng.Chance(0.2)) {
          record.metadata = std::make_shared<const otlp::Metadata>(otlp::Metadata{{"tenant", "x"}});
        }
        journal.Append(std::move(record), [&](Result<journal::Position> position) {
          taken[*position].assign(items, 0);
        });
        left += items;
      } else if (rng.Chance(0.1)) {
        backlog.Refresh();
        backlog.MarkLive();
      } else {
        take(rng.Chance(0.3));
      }
      loop_.AdvanceBy(milliseconds(rng.Below(50)));
    }
    while (left > 0) {
      take(true);
    }
    for (const auto& [position, counts] : taken) {
      for (const int count : counts) {
        ASSERT_EQ(count, 1) << position;
      }
    }
  }
}

}  // namespace
}  // namespace gapless::queue
