#include "journal/budget.h"

#include "base/rng.h"

#include <thread>

#include <gtest/gtest.h>

namespace gapless::journal {
namespace {

TEST(BudgetTest, AJournalThatTookTheCommonHalfLeavesTheOthersTheirShares) {
  const auto budget = std::make_shared<Budget>(1000);
  const auto dead = budget->Open();
  const auto healthy = budget->Open();
  while (dead->TryCharge(10)) {
  }
  EXPECT_EQ(dead->used(), 750U);
  EXPECT_TRUE(healthy->TryCharge(250));
  EXPECT_FALSE(healthy->TryCharge(1));
  EXPECT_EQ(budget->used(), 1000U);
}

TEST(BudgetTest, APartOfTheProcessesMemoryIsSeenThereAndEndsWhereThatIsFull) {
  const auto memory = std::make_shared<MemoryLimit>(32'000);
  const auto budget = Budget::Of(memory, MemoryUse::kJournals);
  EXPECT_EQ(budget->limit(), 10'000U);
  const auto account = budget->Open();
  EXPECT_TRUE(account->TryCharge(6000));
  EXPECT_EQ(memory->used(MemoryUse::kJournals), 6000U);
  memory->Take(MemoryUse::kUnits, 25'000);
  EXPECT_FALSE(account->TryCharge(2000)) << "others hold what is left of the process's limit";
  EXPECT_TRUE(account->TryCharge(1000));
  EXPECT_EQ(budget->used(), 7000U);
  account->ForceCharge(5000);
  EXPECT_EQ(memory->used(), 37'000U) << "what exists is counted";
  account->Release(12'000);
  EXPECT_EQ(memory->used(MemoryUse::kJournals), 0U);
  memory->SetLimit(3200);
  EXPECT_EQ(budget->limit(), 1000U);
}

TEST(BudgetTest, OneAccountMayUseTheWholeLimit) {
  const auto budget = std::make_shared<Budget>(1001);
  const auto account = budget->Open();
  EXPECT_TRUE(account->TryCharge(1001));
  EXPECT_FALSE(account->TryCharge(1));
  account->Release(501);
  EXPECT_TRUE(account->TryCharge(400));
}

TEST(BudgetTest, AClosedAccountGivesItsShareBack) {
  const auto budget = std::make_shared<Budget>(1000);
  const auto one = budget->Open();
  {
    const auto two = budget->Open();
    ASSERT_TRUE(two->TryCharge(700));
    EXPECT_FALSE(one->TryCharge(400));
  }
  EXPECT_EQ(budget->used(), 0U);
  EXPECT_TRUE(one->TryCharge(1000));
}

TEST(BudgetTest, ForcedChargesCountAgainstLaterOnes) {
  const auto budget = std::make_shared<Budget>(100);
  const auto account = budget->Open();
  account->ForceCharge(500);
  EXPECT_FALSE(account->TryCharge(1));
  account->Release(450);
  EXPECT_TRUE(account->TryCharge(50));
}

TEST(BudgetTest, NeverPassesTheLimitUnderRandomChargesOfFixedAccounts) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Rng rng(seed);
    const auto budget = std::make_shared<Budget>(10'000);
    std::vector<std::unique_ptr<Budget::Account>> accounts;
    for (int i = 0; i < 5; ++i) {
      accounts.push_back(budget->Open());
    }
    for (int step = 0; step < 2000; ++step) {
      Budget::Account& account = *accounts[rng.Below(accounts.size())];
      const uint64_t bytes = rng.Below(900);
      if (rng.Chance(0.6)) {
        const bool fits_share = account.used() + bytes <= 1000;
        ASSERT_TRUE(account.TryCharge(bytes) || !fits_share);
      } else {
        account.Release(std::min(bytes, account.used()));
      }
      uint64_t sum = 0;
      for (const auto& each : accounts) {
        sum += each->used();
      }
      ASSERT_EQ(sum, budget->used());
      ASSERT_LE(sum, budget->limit());
    }
  }
}

TEST(BudgetTest, AccountsOfSeveralThreadsAddUpToNothingAtTheEnd) {
  const auto budget = std::make_shared<Budget>(1 << 20);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        const auto account = budget->Open();
        for (int k = 0; k < 20'000; ++k) {
          if (account->TryCharge(700)) {
            account->Release(700);
          }
        }
      });
    }
  }
  EXPECT_EQ(budget->used(), 0U);
  EXPECT_EQ(budget->accounts(), 0U);
}

TEST(BudgetTest, ARaisedLimitGivesRoomAndIsNeverLowered) {
  const auto budget = std::make_shared<Budget>(100);
  const auto account = budget->Open();
  ASSERT_TRUE(account->TryCharge(100));
  EXPECT_FALSE(account->TryCharge(1));
  budget->RaiseLimit(150);
  budget->RaiseLimit(20);
  EXPECT_EQ(budget->limit(), 150U);
  EXPECT_TRUE(account->TryCharge(50));
  EXPECT_FALSE(account->TryCharge(1));
}

}  // namespace
}  // namespace gapless::journal
