#include "queue/lane_order.h"

#include <gtest/gtest.h>

namespace gapless::queue {
namespace {

using Entry = LaneOrder::Entry;

TEST(LaneOrderTest, AUnitWaitsForThoseBeforeItInAnyOfItsLanes) {
  LaneOrder order;
  const Entry a{.unit = 1, .lanes = 0b001};
  const Entry b{.unit = 2, .lanes = 0b011};
  const Entry c{.unit = 3, .lanes = 0b010};
  const Entry d{.unit = 4, .lanes = 0b100};
  for (const Entry& entry : {a, b, c, d}) {
    order.Add(entry);
  }
  EXPECT_EQ(order.held(), 0b111U);
  EXPECT_TRUE(order.IsFirst(a));
  EXPECT_FALSE(order.IsFirst(b));
  EXPECT_FALSE(order.IsFirst(c)) << "it stands behind b, which waits for a";
  EXPECT_TRUE(order.IsFirst(d));
  order.Remove(a);
  EXPECT_TRUE(order.IsFirst(b));
  order.Remove(b);
  EXPECT_TRUE(order.IsFirst(c));
  EXPECT_EQ(order.held(), 0b110U);
}

TEST(LaneOrderTest, WithoutALaneNothingWaits) {
  LaneOrder order;
  order.Add({.unit = 1});
  EXPECT_TRUE(order.IsFirst({.unit = 1}));
  EXPECT_TRUE(order.IsFirst({.unit = 2}));
  EXPECT_EQ(order.held(), 0U);
}

TEST(LaneOrderTest, PiecesTakeThePlaceOfTheUnitInTheirOrder) {
  LaneOrder order;
  const Entry whole{.unit = 1, .lanes = 0b11};
  const Entry behind{.unit = 2, .lanes = 0b11};
  order.Add(whole);
  order.Add(behind);
  const Entry first{.unit = 3, .lanes = 0b01};
  const Entry second{.unit = 4, .lanes = 0b11};
  const Entry pieces[] = {first, second};
  order.Replace(whole, pieces);
  EXPECT_TRUE(order.IsFirst(first));
  EXPECT_FALSE(order.IsFirst(second));
  order.Remove(first);
  EXPECT_TRUE(order.IsFirst(second));
  EXPECT_FALSE(order.IsFirst(behind));
  order.Remove(second);
  EXPECT_TRUE(order.IsFirst(behind));
}

TEST(LaneOrderTest, WhatComesBackGoesBeforeTheOthers) {
  LaneOrder order;
  const Entry a{.unit = 1, .lanes = 1};
  const Entry b{.unit = 2, .lanes = 1};
  order.Add(a);
  order.Add(b);
  order.Remove(a);
  EXPECT_TRUE(order.IsFirst(b));
  order.AddFirst(a);
  EXPECT_FALSE(order.IsFirst(b));
  EXPECT_TRUE(order.IsFirst(a));
}

TEST(LaneOrderTest, AUnitThatIsNotHereIsIgnored) {
  LaneOrder order;
  order.Remove({.unit = 7, .lanes = 0b1});
  EXPECT_FALSE(order.IsFirst({.unit = 7, .lanes = 0b1}));
}

}  // namespace
}  // namespace gapless::queue
