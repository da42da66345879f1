#include "base/memory_limit.h"

#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace gapless {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;

std::vector<MemoryUse> AllUses() {
  std::vector<MemoryUse> uses;
  for (size_t i = 0; i < kMemoryUses; ++i) {
    uses.push_back(static_cast<MemoryUse>(i));
  }
  return uses;
}

TEST(MemoryLimit, PartsAddUpToTheLimitAndEachUseAlwaysGetsItsOwn) {
  MemoryLimit limit(128 * kMiB);
  uint64_t parts = 0;
  for (const MemoryUse use : AllUses()) {
    const uint64_t part = limit.PartOf(use);
    parts += part;
    EXPECT_TRUE(limit.TryTake(use, part)) << ToString(use);
    EXPECT_FALSE(limit.TryTake(use, 1)) << ToString(use);
    EXPECT_EQ(limit.used(use), part);
  }
  EXPECT_EQ(parts, limit.limit());
  EXPECT_TRUE(limit.full());
}

TEST(MemoryLimit, BeyondItsPartAUseGetsWhatNobodyHoldsAndNeverMoreThanTheLimit) {
  MemoryLimit limit(64 * kMiB);
  EXPECT_TRUE(limit.TryTakeBeyond(MemoryUse::kRequests, 60 * kMiB));
  EXPECT_FALSE(limit.TryTakeBeyond(MemoryUse::kRequests, 5 * kMiB));
  EXPECT_EQ(limit.used(), 60 * kMiB);
  EXPECT_FALSE(limit.TryTake(MemoryUse::kJournals, 5 * kMiB)) << "its part, but the limit is full";
  EXPECT_TRUE(limit.TryTake(MemoryUse::kJournals, 4 * kMiB));
}

TEST(MemoryLimit, WhatExistsAlreadyIsCountedAndKeepsOthersOut) {
  MemoryLimit limit(32 * kMiB);
  limit.Take(MemoryUse::kUnits, 40 * kMiB);
  EXPECT_TRUE(limit.full());
  EXPECT_FALSE(limit.TryTake(MemoryUse::kRequests, 1));
  limit.Give(MemoryUse::kUnits, 20 * kMiB);
  EXPECT_TRUE(limit.TryTake(MemoryUse::kRequests, 1));
}

TEST(MemoryLimit, ALowerLimitHoldsForWhatComesNext) {
  MemoryLimit limit(64 * kMiB);
  ASSERT_TRUE(limit.TryTake(MemoryUse::kJournals, 20 * kMiB));
  limit.SetLimit(32 * kMiB);
  EXPECT_FALSE(limit.TryTake(MemoryUse::kJournals, 1));
  EXPECT_TRUE(limit.TryTake(MemoryUse::kRequests, kMiB));
}

TEST(MemoryLimit, ChargesAreGivenBackAtTheirEnd) {
  auto limit = std::make_shared<MemoryLimit>(32 * kMiB);
  {
    MemoryCharge first(limit, MemoryUse::kUnits);
    EXPECT_TRUE(first.TryAdd(kMiB));
    first.Add(10 * kMiB);
    EXPECT_FALSE(first.HasRoom());
    MemoryCharge second = std::move(first);
    EXPECT_EQ(limit->used(MemoryUse::kUnits), 11 * kMiB);
    second = MemoryCharge();
    EXPECT_EQ(limit->used(), 0U);
    EXPECT_TRUE(second.TryAdd(1 << 30)) << "nothing is counted without a limit";
  }
  EXPECT_EQ(limit->used(), 0U);
}

TEST(MemoryLimit, NobodyPassesTheLimitTogether) {
  MemoryLimit limit(32 * kMiB);
  std::atomic<uint64_t> taken{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int k = 0; k < 10'000; ++k) {
          taken += limit.TryTake(MemoryUse::kJournals, 4096) ? 4096 : 0;
        }
      });
    }
  }
  EXPECT_EQ(taken, limit.used(MemoryUse::kJournals));
  EXPECT_LE(taken, limit.PartOf(MemoryUse::kJournals));
}

}  // namespace
}  // namespace gapless
