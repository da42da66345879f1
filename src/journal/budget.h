// Budget: bytes that several journals share (memory, or the disk of one directory).
//
// Half of the limit is reserved in equal shares, one per account; the other half is first come,
// first served. So a journal whose destination is dead can never take what a healthy one needs.
// Accounts belong to journals on different threads: the budget is lock-free and thread-safe, each
// account is used by one thread. When an account is opened the shares shrink; what others hold
// above their new share stays until they release it, so the sum may pass the limit by the shares of
// accounts that came late, never by more.
#pragma once

#include "base/memory_limit.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

namespace gapless::journal {

class Budget : public std::enable_shared_from_this<Budget> {
 public:
  // One journal's part. Destroying it gives everything back.
  class Account {
   public:
    explicit Account(std::shared_ptr<Budget> budget);
    ~Account();
    Account(const Account&) = delete;
    Account& operator=(const Account&) = delete;

    // False, and nothing charged, if neither the share nor the common half has room.
    bool TryCharge(uint64_t bytes);
    // Charges in any case: for what exists already (records found at start).
    void ForceCharge(uint64_t bytes);
    // Precondition: at least `bytes` are charged.
    void Release(uint64_t bytes);
    uint64_t used() const { return from_share_ + from_common_; }

   private:
    std::shared_ptr<Budget> budget_;
    uint64_t from_share_ = 0;
    uint64_t from_common_ = 0;
  };

  // Unit: bytes.
  explicit Budget(uint64_t limit) : limit_(limit) {}
  // The part of a use in what the process may hold, which sees what is charged here.
  Budget(std::shared_ptr<MemoryLimit> memory, MemoryUse use)
      : limit_(0), memory_(std::move(memory)), use_(use) {}
  // Null without a limit.
  static std::shared_ptr<Budget> Of(const std::shared_ptr<MemoryLimit>& memory, MemoryUse use) {
    return memory ? std::make_shared<Budget>(memory, use) : nullptr;
  }
  std::unique_ptr<Account> Open() { return std::make_unique<Account>(shared_from_this()); }

  uint64_t limit() const {
    return memory_ ? memory_->PartOf(use_) : limit_.load(std::memory_order_relaxed);
  }
  // Never lowers it. Not for a part of the process's memory.
  void RaiseLimit(uint64_t limit);
  uint64_t used() const { return used_.load(std::memory_order_relaxed); }
  uint64_t accounts() const { return accounts_.load(std::memory_order_relaxed); }

 private:
  uint64_t share() const;
  uint64_t common_limit() const { return limit() - limit() / 2; }
  bool TakeCommon(uint64_t bytes);
  // What is in use, whoever has it. False: the process may not hold so much.
  bool TryUse(uint64_t bytes);
  void Use(uint64_t bytes);
  void Unuse(uint64_t bytes);

  std::atomic<uint64_t> limit_;
  const std::shared_ptr<MemoryLimit> memory_;  // may be null
  const MemoryUse use_ = MemoryUse::kJournals;
  std::atomic<uint64_t> accounts_{0};
  std::atomic<uint64_t> common_used_{0};
  std::atomic<uint64_t> used_{0};
};

// What one journal charges against a budget that may be there; counted in any case. One thread.
class BudgetCharge {
 public:
  explicit BudgetCharge(const std::shared_ptr<Budget>& budget)
      : account_(budget ? budget->Open() : nullptr) {}

  // As those of Budget::Account.
  bool Try(uint64_t bytes);
  void Force(uint64_t bytes);
  void Release(uint64_t bytes);
  uint64_t bytes() const { return bytes_; }

 private:
  std::unique_ptr<Budget::Account> account_;
  uint64_t bytes_ = 0;
};

}  // namespace gapless::journal
