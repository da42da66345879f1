#include "base/memory_limit.h"

#include "base/check.h"
#include "base/retry_delay.h"

#include <string>

namespace gapless {
namespace {

// In the order of MemoryUse; 32 together.
constexpr std::array<uint64_t, kMemoryUses> kParts = {8, 1, 10, 8, 1, 4};
constexpr uint64_t kWhole = 32;

constexpr std::array<std::string_view, kMemoryUses> kNames = {"requests", "headers", "journals",
                                                              "storage",  "waiting", "units"};

constexpr std::string_view kNoMemoryLeft = "no memory left for ";

}  // namespace

Status NoMemoryLeft(std::string_view what) {
  return ResourceExhausted(std::string(kNoMemoryLeft).append(what))
      .WithRetryAfter(kClientRetryDelay);
}

bool IsNoMemoryLeft(const Status& status) {
  return status.code() == Code::kResourceExhausted && status.origin() == Origin::kLocal &&
         status.message().contains(kNoMemoryLeft);
}

std::string_view ToString(MemoryUse use) { return kNames[static_cast<size_t>(use)]; }

uint64_t MemoryLimit::PartOf(MemoryUse use) const {
  return limit() / kWhole * kParts[static_cast<size_t>(use)];
}

// Counted first: whoever takes at the same moment sees it.
bool MemoryLimit::TryTake(MemoryUse use, uint64_t bytes) {
  const uint64_t mine = Of(use).fetch_add(bytes, std::memory_order_relaxed) + bytes;
  const uint64_t all = all_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  if (mine <= PartOf(use) && all <= limit()) {
    return true;
  }
  Give(use, bytes);
  return false;
}

bool MemoryLimit::TryTakeBeyond(MemoryUse use, uint64_t bytes) {
  Take(use, bytes);
  if (used() <= limit()) {
    return true;
  }
  Give(use, bytes);
  return false;
}

void MemoryLimit::Take(MemoryUse use, uint64_t bytes) {
  Of(use).fetch_add(bytes, std::memory_order_relaxed);
  all_.fetch_add(bytes, std::memory_order_relaxed);
}

void MemoryLimit::Give(MemoryUse use, uint64_t bytes) {
  Of(use).fetch_sub(bytes, std::memory_order_relaxed);
  all_.fetch_sub(bytes, std::memory_order_relaxed);
}

MemoryCharge& MemoryCharge::operator=(MemoryCharge&& other) noexcept {
  if (this != &other) {
    Release();
    limit_ = std::move(other.limit_);
    use_ = other.use_;
    bytes_ = std::exchange(other.bytes_, 0);
  }
  return *this;
}

bool MemoryCharge::TryAdd(uint64_t bytes) {
  if (limit_ && !limit_->TryTake(use_, bytes)) {
    return false;
  }
  bytes_ += bytes;
  return true;
}

void MemoryCharge::Add(uint64_t bytes) {
  bytes_ += bytes;
  if (limit_) {
    limit_->Take(use_, bytes);
  }
}

void MemoryCharge::Sub(uint64_t bytes) {
  GAPLESS_DCHECK(bytes <= bytes_);
  bytes_ -= bytes;
  if (limit_ && bytes > 0) {
    limit_->Give(use_, bytes);
  }
}

}  // namespace gapless
