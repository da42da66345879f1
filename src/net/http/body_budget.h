// What a server holds of its clients' bytes, and who may take more: BodyBudget (of a server, or of
// all servers that share a MemoryLimit), ClientShare (of a client address), BudgetShare (of a
// connection), BodyCharge (of a request). Thread-safe, but for BodyCharge.
//
// A share may take twice what would be left for others, so a single connection gets two thirds of a
// budget, and n of them together leave one part in 2n + 1 free; nobody need know how many there are
// (dynamic thresholds, Choudhury and Hahne 1998). The same holds for all connections of one client
// address together. A tiny share may be taken whatever others hold, as long as the process may hold
// anything more: so small requests of one client pass beside those who take all they can.
//
// Large bodies are promised: a body that has its promise can always be received to its end,
// whatever the others do. Promises take at most three quarters of a budget; the rest is for small
// bodies.
#pragma once

#include "base/memory_limit.h"
#include "base/mutex.h"
#include "net/loop/address.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>

namespace gapless::net {

class BodyBudget {
 public:
  // `memory`: bytes count there, for `use`, and its part is a limit as well. Null: they count here.
  explicit BodyBudget(size_t limit_bytes, std::shared_ptr<MemoryLimit> memory = nullptr,
                      MemoryUse use = MemoryUse::kRequests)
      : most_(limit_bytes), memory_(std::move(memory)), use_(use) {}
  size_t limit() const { return memory_ ? std::min(most_, memory_->PartOf(use_)) : most_; }
  // Bytes that are held or promised.
  size_t used() const { return memory_ ? memory_->used(use_) : used_.load(kRelaxed); }
  size_t promised() const { return promised_.load(kRelaxed); }
  size_t left() const {
    const size_t all = limit();
    return all - std::min(all, used());
  }
  bool exhausted() const { return used() >= limit(); }
  // A part of it is gone: slow bodies that were promised room are given up sooner.
  bool tight() const { return used() >= limit() / 4; }
  // Connections that hold much should stop reading.
  bool pressed() const { return used() >= limit() / 4 * 3; }
  // The process holds all that it may, `beside` so much.
  bool memory_full(size_t beside = 0) const {
    return memory_ && memory_->used() >= memory_->limit() + beside;
  }

 private:
  friend class BudgetShare;
  static constexpr auto kRelaxed = std::memory_order_relaxed;
  bool memory_tight() const { return memory_ && memory_->used() >= memory_->limit() / 4 * 3; }
  bool memory_passed() const { return memory_full(1); }
  // Returns the bytes that are held then.
  size_t Take(size_t bytes);
  void Give(size_t bytes);

  const size_t most_;
  const std::shared_ptr<MemoryLimit> memory_;
  const MemoryUse use_;
  std::atomic<size_t> used_{0};  // without a memory limit
  std::atomic<size_t> promised_{0};
};

// What the connections of one client address have taken together.
class ClientShare {
 public:
  size_t used() const { return used_.load(std::memory_order_relaxed); }

 private:
  friend class BudgetShare;
  std::atomic<size_t> used_{0};
};

// The shares of the client addresses of a budget, as long as they have connections. An IPv6 client
// is its network of 64 bits.
class ClientShares {
 public:
  // Null for a unix socket: its clients are not told apart by address.
  std::shared_ptr<ClientShare> Of(const SocketAddress& client);
  size_t size();

 private:
  using Key = std::array<uint8_t, 16>;
  static constexpr size_t kFirstSweep = 64;
  Mutex mu_;
  std::map<Key, std::weak_ptr<ClientShare>> shares_ GAPLESS_GUARDED_BY(mu_);
  // Those that have ended are taken out when there are so many.
  size_t sweep_at_ GAPLESS_GUARDED_BY(mu_) = kFirstSweep;
};

// The part of a budget that one connection has taken. Lives as long as the last charge.
class BudgetShare {
 public:
  // `client`: its address's; null: it has none.
  explicit BudgetShare(std::shared_ptr<BodyBudget> budget,
                       std::shared_ptr<ClientShare> client = nullptr)
      : budget_(std::move(budget)), client_(std::move(client)) {}

  // False: the budget has no room, or the share, or its client's, would become larger than it may.
  // `bytes` may be 0.
  bool TryTake(size_t bytes);
  // For bytes that are there already.
  void Take(size_t bytes);
  // As TryTake, of the part for large bodies. Also true where nothing else is promised and the
  // budget, and the process, has any room at all.
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
  // A share may be as large as this, unless the process holds three quarters of what it may, and
  // its client this part of the budget, and so much.
  static constexpr size_t kTinyShare = 32 * 1024;
  static constexpr size_t kTinyClientPart = 8;
  static constexpr size_t kTinyClient = 1024 * 1024;
  // And as this while the budget has room.
  static constexpr size_t kSmallShare = 256 * 1024;

  // Takes in any case; what is held then, by whom.
  struct Held {
    size_t mine = 0;
    size_t client = 0;
    size_t all = 0;
  };
  Held Add(size_t bytes);

  const std::shared_ptr<BodyBudget> budget_;
  const std::shared_ptr<ClientShare> client_;
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
