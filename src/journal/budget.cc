#include "journal/budget.h"

#include "base/check.h"

#include <algorithm>
#include <utility>

namespace gapless::journal {

uint64_t Budget::share() const { return limit() / 2 / std::max<uint64_t>(1, accounts()); }

void Budget::RaiseLimit(uint64_t limit) {
  uint64_t now = limit_.load(std::memory_order_relaxed);
  while (now < limit && !limit_.compare_exchange_weak(now, limit, std::memory_order_relaxed)) {
  }
}

bool Budget::TakeCommon(uint64_t bytes) {
  const uint64_t most = common_limit();
  uint64_t used = common_used_.load(std::memory_order_relaxed);
  do {
    if (bytes > most || used > most - bytes) {
      return false;
    }
  } while (!common_used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
  return true;
}

bool Budget::TryUse(uint64_t bytes) {
  // Shares that came late may pass the part, never the limit of the process.
  if (memory_ && !memory_->TryTakeBeyond(use_, bytes)) {
    return false;
  }
  used_.fetch_add(bytes, std::memory_order_relaxed);
  return true;
}

void Budget::Use(uint64_t bytes) {
  used_.fetch_add(bytes, std::memory_order_relaxed);
  if (memory_) {
    memory_->Take(use_, bytes);
  }
}

void Budget::Unuse(uint64_t bytes) {
  used_.fetch_sub(bytes, std::memory_order_relaxed);
  if (memory_) {
    memory_->Give(use_, bytes);
  }
}

Budget::Account::Account(std::shared_ptr<Budget> budget) : budget_(std::move(budget)) {
  budget_->accounts_.fetch_add(1, std::memory_order_relaxed);
}

Budget::Account::~Account() {
  Release(used());
  budget_->accounts_.fetch_sub(1, std::memory_order_relaxed);
}

bool Budget::Account::TryCharge(uint64_t bytes) {
  const uint64_t share = budget_->share();
  const uint64_t own = std::min(bytes, share > from_share_ ? share - from_share_ : 0);
  if (bytes > own && !budget_->TakeCommon(bytes - own)) {
    return false;
  }
  if (!budget_->TryUse(bytes)) {
    budget_->common_used_.fetch_sub(bytes - own, std::memory_order_relaxed);
    return false;
  }
  from_share_ += own;
  from_common_ += bytes - own;
  return true;
}

void Budget::Account::ForceCharge(uint64_t bytes) {
  const uint64_t share = budget_->share();
  const uint64_t own = std::min(bytes, share > from_share_ ? share - from_share_ : 0);
  from_share_ += own;
  from_common_ += bytes - own;
  budget_->common_used_.fetch_add(bytes - own, std::memory_order_relaxed);
  budget_->Use(bytes);
}

void Budget::Account::Release(uint64_t bytes) {
  GAPLESS_CHECK(bytes <= used());
  const uint64_t common = std::min(bytes, from_common_);
  budget_->common_used_.fetch_sub(common, std::memory_order_relaxed);
  budget_->Unuse(bytes);
  from_common_ -= common;
  from_share_ -= bytes - common;
}

bool BudgetCharge::Try(uint64_t bytes) {
  if (account_ && !account_->TryCharge(bytes)) {
    return false;
  }
  bytes_ += bytes;
  return true;
}

void BudgetCharge::Force(uint64_t bytes) {
  bytes_ += bytes;
  if (account_) {
    account_->ForceCharge(bytes);
  }
}

void BudgetCharge::Release(uint64_t bytes) {
  bytes_ -= bytes;
  if (account_) {
    account_->Release(bytes);
  }
}

}  // namespace gapless::journal
