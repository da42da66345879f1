#include "net/http/body_budget.h"

#include <algorithm>

namespace gapless::net {

bool BudgetShare::TryTake(size_t bytes) {
  // Counted first: whoever takes at the same moment sees it.
  const size_t mine = used_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  const size_t all = budget_->used_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  const size_t limit = budget_->limit_;
  if (mine <= kTinyShare || (all <= limit && (mine <= kSmallShare || mine / 2 <= limit - all))) {
    return true;
  }
  Give(bytes);
  return false;
}

void BudgetShare::Take(size_t bytes) {
  used_.fetch_add(bytes, std::memory_order_relaxed);
  budget_->used_.fetch_add(bytes, std::memory_order_relaxed);
}

bool BudgetShare::TryPromise(size_t bytes) {
  const size_t mine = used_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  const size_t all = budget_->used_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  const size_t promised = budget_->promised_.fetch_add(bytes, std::memory_order_relaxed);
  const size_t limit = budget_->limit_ / 4 * 3;
  const bool first = promised == 0 && all - bytes < budget_->limit_;
  if (first || (all <= limit && mine <= limit - all + bytes)) {
    return true;
  }
  Redeem(bytes);
  Give(bytes);
  return false;
}

void BudgetShare::Give(size_t bytes) {
  used_.fetch_sub(bytes, std::memory_order_relaxed);
  budget_->used_.fetch_sub(bytes, std::memory_order_relaxed);
}

BodyCharge& BodyCharge::operator=(BodyCharge&& other) noexcept {
  if (this != &other) {
    Release();
    share_ = std::move(other.share_);
    bytes_ = std::exchange(other.bytes_, 0);
    promised_ = std::exchange(other.promised_, 0);
  }
  return *this;
}

bool BodyCharge::TryAdd(const std::shared_ptr<BudgetShare>& share, size_t bytes) {
  if (!share->TryTake(bytes)) {
    return false;
  }
  share_ = share;
  bytes_ += bytes;
  return true;
}

void BodyCharge::Add(const std::shared_ptr<BudgetShare>& share, size_t bytes) {
  share->Take(bytes);
  share_ = share;
  bytes_ += bytes;
}

void BodyCharge::Resize(size_t bytes) {
  if (!share_) {
    return;
  }
  if (bytes > bytes_) {
    Add(share_, bytes - bytes_);
  } else {
    Sub(bytes_ - bytes);
  }
}

bool BodyCharge::TryPromise(const std::shared_ptr<BudgetShare>& share, size_t bytes) {
  if (!share->TryPromise(bytes)) {
    return false;
  }
  share_ = share;
  bytes_ += bytes;
  promised_ += bytes;
  return true;
}

size_t BodyCharge::Redeem(size_t bytes) {
  const size_t promised = std::min(bytes, promised_);
  if (promised > 0) {
    promised_ -= promised;
    share_->Redeem(promised);
  }
  return bytes - promised;
}

void BodyCharge::EndPromise() {
  const size_t promised = std::exchange(promised_, 0);
  if (promised > 0) {
    share_->Redeem(promised);
    Sub(promised);
  }
}

void BodyCharge::Sub(size_t bytes) {
  bytes_ -= bytes;
  share_->Give(bytes);
}

void BodyCharge::Release() {
  EndPromise();
  if (bytes_ > 0) {
    Sub(bytes_);
  }
}

}  // namespace gapless::net
