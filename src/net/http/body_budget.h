// What a server holds of its clients' bytes, and who may take more: BodyBudget (of a server),
// BudgetShare (of a connection), BodyCharge (of a request). Thread-safe, but for BodyCharge.
//
// A share may take twice what would be left for others, so a single connection gets two thirds of a
// budget, and n of them together leave one part in 2n + 1 free; nobody need know how many there are
// (dynamic thresholds, Choudhury and Hahne 1998). A tiny share may always be taken, whatever others
// hold: so small requests of one client pass beside those who take all they can.
//
// Large bodies are promised: a body that has its promise can always be received to its end,
// whatever the others do. Promises take at most three quarters of a budget; the rest is for small
// bodies.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace gapless::net {

class BodyBudget {
 public:
  explicit BodyBudget(size_t limit_bytes) : limit_(limit_bytes) {}
  size_t limit() const { return limit_; }
  // Bytes that are held or promised.
  size_t used() const { return used_.load(std::memory_order_relaxed); }
  size_t promised() const { return promised_.load(std::memory_order_relaxed); }
  size_t left() const { return limit_ - std::min(limit_, used()); }
  bool exhausted() const { return used() >= limit_; }
  // A part of it is gone: slow bodies that were promised room are given up sooner.
  bool tight() const { return used() >= limit_ / 4; }
  // Connections that hold much should stop reading.
  bool pressed() const { return used() >= limit_ / 4 * 3; }

 private:
  friend class BudgetShare;
  const size_t limit_;
  std::atomic<size_t> used_{0};
  std::atomic<size_t> promised_{0};
};

// The part of a budget that one connection has taken. Lives as long as the last charge.
class BudgetShare {
 public:
  explicit BudgetShare(std::shared_ptr<BodyBudget> budget) : budget_(std::move(budget)) {}

  // False: the budget has no room, or the share would become larger than it may. `bytes` may be 0.
  bool TryTake(size_t bytes);
  // For bytes that are there already.
  void Take(size_t bytes);
  // As TryTake, of the part for large bodies. Also true where nothing else is promised and
  // the budget has any room at all.
  bool TryPromise(size_t bytes);
  // So much of a promise is held now, or not needed any more.
  void Redeem(size_t bytes) { budget_->promised_.fetch_sub(bytes, std::memory_order_relaxed); }
  void Give(size_t bytes);

  size_t used() const { return used_.load(std::memory_order_relaxed); }
  const BodyBudget& budget() const { return *budget_; }
  // The budget has no room, and this is one of those who took it.
  bool exhausted() const { return budget_->exhausted() && used() >= kTinyShare; }
  // The budget is pressed, and this is one of those who press it.
  bool presses() const { return budget_->pressed() && used() > 0 && used() >= budget_->left(); }

 private:
  // A share may always be as large as this.
  static constexpr size_t kTinyShare = 32 * 1024;
  // And as this while the budget has room.
  static constexpr size_t kSmallShare = 256 * 1024;

  const std::shared_ptr<BodyBudget> budget_;
  std::atomic<size_t> used_{0};
};

// What one request has taken of a share, given back when it is released or destroyed. Move-only.
class BodyCharge {
 public:
  // Without a share nothing is counted.
  BodyCharge() = default;
  explicit BodyCharge(std::shared_ptr<BudgetShare> share) : share_(std::move(share)) {}
  BodyCharge(BodyCharge&& other) noexcept
      : share_(std::move(other.share_)),
        bytes_(std::exchange(other.bytes_, 0)),
        promised_(std::exchange(other.promised_, 0)) {}
  BodyCharge& operator=(BodyCharge&& other) noexcept;
  ~BodyCharge() { Release(); }

  // Of its own share. A new charge holds nothing of it.
  bool TryAdd(size_t bytes) { return !share_ || TryAdd(share_, bytes); }
  // Takes or gives back what is missing, whether there is room or not.
  void Resize(size_t bytes);
  // As of BudgetShare.
  bool TryAdd(const std::shared_ptr<BudgetShare>& share, size_t bytes);
  void Add(const std::shared_ptr<BudgetShare>& share, size_t bytes);
  bool TryPromise(const std::shared_ptr<BudgetShare>& share, size_t bytes);
  // Bytes came, of which so many had been promised: the number of the others.
  size_t Redeem(size_t bytes);
  // Gives back what was promised and did not come.
  void EndPromise();
  // Precondition: `bytes` were taken.
  void Sub(size_t bytes);
  void Release();

  size_t bytes() const { return bytes_; }
  size_t promised() const { return promised_; }
  const std::shared_ptr<BudgetShare>& share() const { return share_; }

 private:
  std::shared_ptr<BudgetShare> share_;
  size_t bytes_ = 0;
  size_t promised_ = 0;  // of bytes_
};

}  // namespace gapless::net
