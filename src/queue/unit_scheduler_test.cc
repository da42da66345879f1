#include "queue/unit_scheduler.h"

#include <chrono>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gapless::queue {
namespace {

using ::testing::ElementsAre;

using Place = UnitScheduler::Place;

class UnitSchedulerTest : public ::testing::Test {
 protected:
  Unit& Add(journal::Position position, sending::Lanes lanes = 0, uint32_t items = 1) {
    return scheduler_.Add({{.position = position, .count = items, .lanes = lanes}}, 1);
  }
  std::vector<journal::Position> Ready() {
    std::vector<journal::Position> positions;
    scheduler_.ForEachReady([&](Unit& unit) { positions.push_back(unit.parts.front().position); });
    return positions;
  }
  static otlp::Batch BatchOf(size_t bytes) {
    otlp::Batch batch;
    batch.items = 1;
    batch.raw_size = bytes;
    return batch;
  }

  const TimePoint now_ = TimePoint(std::chrono::hours(1));
  UnitScheduler scheduler_;
};

TEST_F(UnitSchedulerTest, WhatWaitsComesInItsOrder) {
  Unit& one = Add(1);
  Unit& two = Add(2);
  Unit& three = Add(3);
  EXPECT_THAT(Ready(), ElementsAre()) << "they are on their way";
  scheduler_.Wait(three, Place::kLast);
  scheduler_.Wait(two, Place::kLast);
  scheduler_.Wait(one, Place::kFirst);
  EXPECT_THAT(Ready(), ElementsAre(1, 3, 2));
  scheduler_.Wait(two, Place::kByAge);
  EXPECT_THAT(Ready(), ElementsAre(1, 2, 3));
  scheduler_.Take(two);
  EXPECT_THAT(Ready(), ElementsAre(1, 3));
}

TEST_F(UnitSchedulerTest, AVisitorMayEndAnyUnit) {
  for (journal::Position position = 1; position <= 5; ++position) {
    scheduler_.Wait(Add(position), Place::kLast);
  }
  std::vector<journal::Position> seen;
  scheduler_.ForEachReady([&](Unit& unit) {
    const journal::Position position = unit.parts.front().position;
    seen.push_back(position);
    if (position == 2) {
      scheduler_.Remove(scheduler_.HolderOf(3)->id);
      scheduler_.Take(*scheduler_.HolderOf(4));
      scheduler_.Remove(unit.id);
    }
  });
  EXPECT_THAT(seen, ElementsAre(1, 2, 5));
}

TEST_F(UnitSchedulerTest, AUnitRestsUntilItsTime) {
  Unit& unit = Add(1);
  scheduler_.Rest(unit, now_ + std::chrono::seconds(2));
  scheduler_.Rest(Add(2), now_ + std::chrono::seconds(1));
  EXPECT_EQ(scheduler_.EndRest(now_), now_ + std::chrono::seconds(1));
  EXPECT_THAT(Ready(), ElementsAre());
  EXPECT_EQ(scheduler_.EndRest(now_ + std::chrono::seconds(1)), now_ + std::chrono::seconds(2));
  EXPECT_THAT(Ready(), ElementsAre(2));
  EXPECT_EQ(scheduler_.EndRest(now_ + std::chrono::seconds(2)), std::nullopt);
  EXPECT_THAT(Ready(), ElementsAre(2, 1));
}

TEST_F(UnitSchedulerTest, ParkedUnitsHoldNoPayloadAndComeBackInOrder) {
  Unit& one = Add(1);
  Unit& two = Add(2);
  scheduler_.memory().Fill(one, BatchOf(1000));
  scheduler_.memory().Fill(two, BatchOf(500));
  EXPECT_EQ(scheduler_.memory().bytes(), 1500U);
  scheduler_.Park(one, 3);
  scheduler_.Park(two, 4);
  EXPECT_EQ(scheduler_.memory().bytes(), 0U);
  EXPECT_EQ(one.content, Unit::Content::kUnread);
  EXPECT_EQ(scheduler_.ParkedBeyond(6), &one);
  EXPECT_EQ(scheduler_.ParkedBeyond(7), nullptr);
  EXPECT_THAT(Ready(), ElementsAre());
  scheduler_.Unpark();
  EXPECT_EQ(scheduler_.ParkedBeyond(0), nullptr);
  EXPECT_THAT(Ready(), ElementsAre(1, 2));
  scheduler_.memory().Fill(one, BatchOf(1000));
  scheduler_.Remove(one.id);
  EXPECT_EQ(scheduler_.memory().bytes(), 0U);
}

TEST_F(UnitSchedulerTest, WhatReadingUnitsTakesCountsUntilTheyWaitForLongOrEnd) {
  const auto memory = std::make_shared<MemoryLimit>(uint64_t{64} << 20);  // 8 MiB for this
  scheduler_ = UnitScheduler(UnitMemory({memory, MemoryUse::kUnits}));
  Unit& one = Add(1);
  Unit& two = Add(2);
  EXPECT_TRUE(scheduler_.memory().MayHoldMore());
  scheduler_.memory().Fill(one, BatchOf(1000), 6 << 20);
  EXPECT_TRUE(scheduler_.memory().MayHoldMore());
  scheduler_.memory().Fill(two, BatchOf(1000), 3 << 20);
  EXPECT_EQ(memory->used(MemoryUse::kUnits), 9U << 20);
  EXPECT_FALSE(scheduler_.memory().MayHoldMore());
  scheduler_.Park(one, 3);
  EXPECT_EQ(memory->used(MemoryUse::kUnits), 3U << 20);
  memory->Take(MemoryUse::kUnits, 8 << 20);
  EXPECT_TRUE(scheduler_.memory().MayHoldMore()) << "a little, whatever other queues hold";
  scheduler_.Remove(two.id);
  EXPECT_EQ(memory->used(MemoryUse::kUnits), 8U << 20);
}

TEST_F(UnitSchedulerTest, UnitsOfOneLaneGoOneAfterTheOther) {
  Unit& first = Add(1, 0b01);
  Unit& second = Add(2, 0b11);
  Unit& other = Add(3, 0b100);
  EXPECT_TRUE(scheduler_.IsItsTurn(first));
  EXPECT_FALSE(scheduler_.IsItsTurn(second));
  EXPECT_TRUE(scheduler_.IsItsTurn(other));
  EXPECT_EQ(scheduler_.held_lanes(), 0b111U);
  scheduler_.Remove(first.id);
  EXPECT_TRUE(scheduler_.IsItsTurn(second));
}

TEST_F(UnitSchedulerTest, PiecesTakeTheUnitsPlaceInEveryLane) {
  Unit& first = Add(1, 0b1, 4);
  Unit& second = Add(2, 0b1);
  first.copies = 2;
  auto [head, tail] = CutInHalf(first.parts);
  scheduler_.Cut(first.id, {head, tail});
  std::vector<uint32_t> starts;
  scheduler_.ForEachReady([&](Unit& unit) {
    starts.push_back(unit.parts.front().first);
    EXPECT_EQ(unit.copies, 2U);
    EXPECT_EQ(scheduler_.IsItsTurn(unit), unit.parts.front().first == 0);
  });
  EXPECT_THAT(starts, ElementsAre(0, 2));
  EXPECT_FALSE(scheduler_.IsItsTurn(second));
}

TEST_F(UnitSchedulerTest, WhatIsSetAsideLetsOthersPassUntilItIsBroughtBack) {
  Unit& first = Add(1, 0b1);
  Unit& second = Add(2, 0b1);
  scheduler_.SetAside(first);
  EXPECT_TRUE(scheduler_.any_aside());
  EXPECT_TRUE(scheduler_.IsItsTurn(first));
  EXPECT_TRUE(scheduler_.IsItsTurn(second));
  scheduler_.BringBack(0);
  EXPECT_FALSE(scheduler_.any_aside());
  EXPECT_TRUE(scheduler_.IsItsTurn(first));
  EXPECT_FALSE(scheduler_.IsItsTurn(second));
}

TEST_F(UnitSchedulerTest, WhatHasLeftTheOrderHoldsNobodyUp) {
  Unit& first = Add(1, 0b1);
  Unit& second = Add(2, 0b1);
  scheduler_.LeaveOrder(first);
  EXPECT_EQ(first.lanes, 0U);
  EXPECT_TRUE(scheduler_.IsItsTurn(second));
  EXPECT_TRUE(scheduler_.IsItsTurn(first));
}

TEST_F(UnitSchedulerTest, FindsTheOldestHoweverItWaits) {
  const auto any = [](const Unit&) { return true; };
  EXPECT_EQ(scheduler_.FindWaiting(any), nullptr);
  Unit& parked = Add(3);
  scheduler_.Park(parked, 1);
  EXPECT_EQ(scheduler_.FindWaiting(any), &parked);
  Unit& resting = Add(2);
  scheduler_.Rest(resting, now_);
  EXPECT_EQ(scheduler_.FindWaiting(any), &resting) << "it is older";
  Unit& ready = Add(1);
  scheduler_.Wait(ready, Place::kLast);
  EXPECT_EQ(scheduler_.FindWaiting(any), &ready);
  scheduler_.Take(ready);
  scheduler_.Take(resting);
  EXPECT_EQ(scheduler_.FindWaiting(any), &parked);
  scheduler_.Take(parked);
  EXPECT_EQ(scheduler_.FindWaiting(any), nullptr);
}

TEST_F(UnitSchedulerTest, PiecesThatWereSetAsideComeBackInTheOrderOfTheirItems) {
  const auto piece = [](uint32_t first, uint32_t count) {
    return UnitParts{
        {.position = 1, .first = first, .count = count, .whole = false, .bytes = 1, .lanes = 1}};
  };
  const Unit& whole = scheduler_.Add(piece(0, 12), /*levels=*/1);
  scheduler_.Cut(whole.id, {piece(0, 6), piece(6, 6)});
  Unit& second = *scheduler_.FindWaiting([](const Unit& unit) { return unit.parts[0].first == 6; });
  Unit& first = *scheduler_.FindWaiting([](const Unit& unit) { return unit.parts[0].first == 0; });
  scheduler_.SetAside(second);
  scheduler_.SetAside(first);
  scheduler_.Cut(first.id, {piece(0, 3), piece(3, 3)});
  scheduler_.BringBack(0);
  std::vector<uint32_t> order;
  while (Unit* next =
             scheduler_.FindWaiting([&](const Unit& unit) { return scheduler_.IsItsTurn(unit); })) {
    order.push_back(next->parts[0].first);
    scheduler_.Remove(next->id);
  }
  EXPECT_THAT(order, ElementsAre(0, 3, 6));
}

}  // namespace
}  // namespace gapless::queue
