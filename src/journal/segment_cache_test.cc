// What a durable journal keeps in memory beside its index.
#include "journal/segment_harness.h"

#include <gtest/gtest.h>

namespace gapless::journal {
namespace {

using std::chrono::seconds;

constexpr size_t kBody = 10'000;
constexpr uint64_t kCache = 64 * 1024;

class SegmentCacheTest : public ::testing::Test {
 protected:
  std::vector<Position> Append(int count) {
    std::vector<Position> positions;
    for (int i = 0; i < count; ++i) {
      const auto position = harness_.Append(MakeBatch(std::string(kBody, 'x')));
      EXPECT_TRUE(position.ok());
      positions.push_back(*position);
    }
    return positions;
  }
  // From now on only what is in memory can be read.
  void LoseTheDisk() {
    for (const std::string& path : harness_.SegmentPaths()) {
      harness_.fs().SetContent(path, "");
    }
  }
  uint64_t memory() { return harness_.journal().stats().memory_bytes; }

  SegmentHarness harness_{{.segment_size = 1 << 20, .cache_size = kCache}};
};

TEST_F(SegmentCacheTest, WhatIsReadNextStaysAndTheRestIsLeftToTheDisk) {
  const std::vector<Position> positions = Append(20);
  EXPECT_LT(memory(), kCache + kBody);
  LoseTheDisk();
  EXPECT_TRUE(harness_.Read(positions[0]).ok());
  EXPECT_TRUE(harness_.Read(positions[4]).ok());
  EXPECT_FALSE(harness_.Read(positions[19]).ok());
}

TEST_F(SegmentCacheTest, WhatWasReadMakesRoom) {
  const std::vector<Position> old = Append(5);
  EXPECT_TRUE(harness_.Read(old.back()).ok());
  const std::vector<Position> fresh = Append(5);
  LoseTheDisk();
  EXPECT_TRUE(harness_.Read(fresh.back()).ok());
}

TEST_F(SegmentCacheTest, InAnOutageNothingStays) {
  Append(5);
  EXPECT_GT(memory(), 5 * kBody);
  harness_.loop().AdvanceBy(seconds(10));
  Append(1);
  EXPECT_LT(memory(), kBody);
}

TEST_F(SegmentCacheTest, WhatIsOnlyOwedDoesNotStay) {
  const ReaderId reader = harness_.journal().RegisterReader("primary");
  for (const Position position : Append(3)) {
    harness_.journal().Settle(position, Delivered(1), {reader});
  }
  EXPECT_LT(memory(), kBody);
}

}  // namespace
}  // namespace gapless::journal
