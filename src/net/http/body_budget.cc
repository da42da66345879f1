#include "net/http/body_budget.h"

#include <algorithm>
#include <utility>

namespace gapless::net {

size_t BodyBudget::Take(size_t bytes) {
  if (!memory_) {
    return used_.fetch_add(bytes, kRelaxed) + bytes;
  }
  memory_->Take(use_, bytes);
  return memory_->used(use_);
}

void BodyBudget::Give(size_t bytes) {
  if (memory_) {
    memory_->Give(use_, bytes);
  } else {
    used_.fetch_sub(bytes, kRelaxed);
  }
}

std::shared_ptr<ClientShare> ClientShares::Of(const SocketAddress& client) {
  Key key = client.Ip();
  if (key == Key{}) {
    return nullptr;
  }
  if (!IsMappedIpv4(key)) {
    std::fill(key.begin() + 8, key.end(), uint8_t{0});
  }
  const MutexLock lock(mu_);
  if (shares_.size() >= sweep_at_) {
    std::erase_if(shares_, [](const auto& entry) { return entry.second.expired(); });
    sweep_at_ = std::max(kFirstSweep, 2 * shares_.size());
  }
  std::weak_ptr<ClientShare>& known = shares_[key];
  std::shared_ptr<ClientShare> share = known.lock();
  if (!share) {
    known = share = std::make_shared<ClientShare>();
  }
  return share;
}

size_t ClientShares::size() {
  const MutexLock lock(mu_);
  return shares_.size();
}

// Counted before it is judged: whoever takes at the same moment sees it.
BudgetShare::Held BudgetShare::Add(size_t bytes) {
  Held held;
  held.mine = used_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  held.client = client_ ? client_->used_.fetch_add(bytes, std::memory_order_relaxed) + bytes : 0;
  held.all = budget_->Take(bytes);
  return held;
}

bool BudgetShare::TryTake(size_t bytes) {
  const Held held = Add(bytes);
  const size_t limit = budget_->limit();
  const size_t left = limit - std::min(limit, held.all);
  const bool room = held.all <= limit;
  const bool few = held.client <= std::max(kTinyClient, limit / kTinyClientPart);
  const bool tiny = held.mine <= kTinyShare && (!budget_->memory_tight() || few);
  const bool fair = room && (held.mine <= kSmallShare || held.mine / 2 <= left) &&
                    (held.mine >= held.client || held.client / 2 <= left);
  if ((tiny || fair) && !budget_->memory_passed()) {
    return true;
  }
  Give(bytes);
  return false;
}

void BudgetShare::Take(size_t bytes) { Add(bytes); }

bool BudgetShare::TryPromise(size_t bytes) {
  const Held held = Add(bytes);
  const size_t promised = budget_->promised_.fetch_add(bytes, std::memory_order_relaxed);
  const size_t limit = budget_->limit() / 4 * 3;
  const size_t before = held.all - bytes;
  const bool first = promised == 0 && before < budget_->limit() && !budget_->memory_full(bytes);
  const bool fair = held.all <= limit && held.mine <= limit - before &&
                    held.client / 2 <= limit - before && !budget_->memory_passed();
  if (first || fair) {
    return true;
  }
  Redeem(bytes);
  Give(bytes);
  return false;
}

void BudgetShare::Give(size_t bytes) {
  used_.fetch_sub(bytes, std::memory_order_relaxed);
  if (client_) {
    client_->used_.fetch_sub(bytes, std::memory_order_relaxed);
  }
  budget_->Give(bytes);
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
