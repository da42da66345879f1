// MemoryLimit: what the process may hold of its clients' data in memory, and what it holds.
//
// One for the process (service::limits::memory). Each use has a part of it, and the parts add up to
// the limit: data that waits for a dead backend never takes what is needed to receive and to send.
// What exists already is counted whether there is room or not; while all of it is held, nothing is
// let in that asks before.
//
// Whoever is refused for it hears NoMemoryLeft.
//
// Thread-safe and lock-free. The counters are not one snapshot: a reading may be off by what is
// taken at that moment.
#pragma once

#include "base/status.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

namespace gapless {

// What memory is held for.
enum class MemoryUse : uint8_t {
  kRequests,  // bodies that are received or not answered, and what they were unpacked to
  kHeaders,   // of requests that are not answered
  kJournals,  // records that wait in memory
  kStorage,   // of records on disk: their index, and those that were written lately
  kWaiting,   // requests that wait for room in a queue
  kUnits,     // what sending makes of records: read from disk, inflated, encoded
};
inline constexpr size_t kMemoryUses = 6;
std::string_view ToString(MemoryUse use);

// RESOURCE_EXHAUSTED: "no memory left for `what`". To be tried again.
Status NoMemoryLeft(std::string_view what);
// Whether a status is that one, whoever wrapped it.
bool IsNoMemoryLeft(const Status& status);

class MemoryLimit {
 public:
  // A quarter of what the machine or the cgroup allows.
  static uint64_t Default(uint64_t machine_bytes) { return machine_bytes / 4; }

  // Bytes.
  explicit MemoryLimit(uint64_t bytes) : limit_(bytes) {}
  MemoryLimit(const MemoryLimit&) = delete;
  MemoryLimit& operator=(const MemoryLimit&) = delete;

  // What is held above a lower limit stays until it is given back.
  void SetLimit(uint64_t bytes) { limit_.store(bytes, std::memory_order_relaxed); }
  uint64_t limit() const { return limit_.load(std::memory_order_relaxed); }
  uint64_t PartOf(MemoryUse use) const;
  uint64_t used() const { return all_.load(std::memory_order_relaxed); }
  uint64_t used(MemoryUse use) const { return Of(use).load(std::memory_order_relaxed); }
  // All of it is held: whatever the use, nothing more is let in.
  bool full() const { return used() >= limit(); }

  // False, and nothing taken, if the use would hold more than its part, or all uses more than the
  // limit.
  bool TryTake(MemoryUse use, uint64_t bytes);
  // As TryTake, but for the part of the use.
  bool TryTakeBeyond(MemoryUse use, uint64_t bytes);
  // In any case: it exists already.
  void Take(MemoryUse use, uint64_t bytes);
  // Precondition: at least `bytes` are taken for this use.
  void Give(MemoryUse use, uint64_t bytes);

 private:
  std::atomic<uint64_t>& Of(MemoryUse use) { return uses_[static_cast<size_t>(use)]; }
  const std::atomic<uint64_t>& Of(MemoryUse use) const { return uses_[static_cast<size_t>(use)]; }

  std::atomic<uint64_t> limit_;
  std::atomic<uint64_t> all_{0};
  std::array<std::atomic<uint64_t>, kMemoryUses> uses_{};
};

// What one holder has taken, given back at its end. Move-only; one thread at a time.
class MemoryCharge {
 public:
  // Without a limit nothing is counted, and everything fits.
  MemoryCharge() = default;
  MemoryCharge(std::shared_ptr<MemoryLimit> limit, MemoryUse use)
      : limit_(std::move(limit)), use_(use) {}
  MemoryCharge(MemoryCharge&& other) noexcept
      : limit_(std::move(other.limit_)), use_(other.use_), bytes_(std::exchange(other.bytes_, 0)) {}
  MemoryCharge& operator=(MemoryCharge&& other) noexcept;
  ~MemoryCharge() { Release(); }

  bool TryAdd(uint64_t bytes);
  void Add(uint64_t bytes);
  // Precondition: `bytes` were taken.
  void Sub(uint64_t bytes);
  void Release() { Sub(bytes_); }
  uint64_t bytes() const { return bytes_; }
  // The use holds less than its part.
  bool HasRoom() const { return !limit_ || limit_->used(use_) < limit_->PartOf(use_); }

 private:
  std::shared_ptr<MemoryLimit> limit_;
  MemoryUse use_ = MemoryUse::kRequests;
  uint64_t bytes_ = 0;
};

}  // namespace gapless
