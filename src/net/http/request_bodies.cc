#include "net/http/request_bodies.h"

#include <algorithm>
#include <chrono>

namespace gapless::net {
namespace {

constexpr size_t kCopyBelow = 4 * 1024;
// A body may keep so many times its size alive.
constexpr size_t kMaxHeldFactor = 4;

}  // namespace

bool RequestBodies::Charge(RequestBody& body, size_t bytes) const {
  const size_t more = body.charge.Redeem(bytes);
  return more == 0 || body.charge.TryAdd(shares_.bodies, more);
}

void RequestBodies::Drop(RequestBody& body) {
  body.charge.Release();
  body.bytes.Clear();
  body.packer.Reset();
  body.slab = nullptr;
}

RequestBodies::Took RequestBodies::Take(RequestBody& body, Slice bytes) {
  if (bytes.size() > body.max_bytes - std::min(body.max_bytes, body.bytes.size())) {
    Drop(body);
    return Took::kTooLarge;
  }
  if (!Charge(body, bytes.size())) {
    Drop(body);
    return Took::kNoRoom;
  }
  body.last_progress = worker_.Now();
  if (bytes.size() < kCopyBelow) {
    Settle(body);
    body.packer.Append(bytes.span(), body.bytes);
    return Took::kYes;
  }
  if (bytes.slab().get() != body.slab) {
    Settle(body);
    body.slab = bytes.slab().get();
  }
  body.of_slab += bytes.size();
  body.bytes.Append(std::move(bytes));
  return Took::kYes;
}

void RequestBodies::Settle(RequestBody& body) {
  if (!body.slab) {
    return;
  }
  const size_t held = std::exchange(body.slab, nullptr)->capacity();
  const size_t used = std::exchange(body.of_slab, 0);
  if (held > kMaxHeldFactor * used) {
    const size_t before = body.bytes.size() - used;
    const Rope part = body.bytes.Sub(before, used);
    body.bytes = body.bytes.Sub(0, before);
    for (const Slice& slice : part.slices()) {
      body.packer.Append(slice.span(), body.bytes);
    }
  } else if (held > used) {
    body.charge.Add(shares_.bodies, held - used);
  }
}

bool RequestBodies::Promise(RequestBody& body) {
  const size_t size = body.known() ? std::min(*body.size, body.max_bytes) : body.max_bytes;
  const size_t rest = size - std::min(size, body.bytes.size());
  body.promised = body.charge.TryPromise(shares_.bodies, rest);
  if (body.promised) {
    body.pace_since = worker_.Now();
    body.pace_from = body.bytes.size();
  }
  return body.promised;
}

Rope RequestBodies::Complete(RequestBody& body) {
  Settle(body);
  body.charge.EndPromise();
  body.charge.Add(shares_.bodies, 0);  // what it takes later is of this share, too
  body.packer.Reset();
  return std::move(body.bytes);
}

RequestBodies::Pace RequestBodies::Check(RequestBody& body) const {
  if (stall_timeout_ <= Duration::zero()) {
    return Pace::kFine;
  }
  const TimePoint now = worker_.Now();
  const Duration silent = now - body.last_progress;
  if (silent >= stall_timeout_) {
    return body.waits() ? Pace::kWaitedTooLong : Pace::kStalled;
  }
  const BodyBudget& budget = shares_.bodies->budget();
  const bool tight = body.promised || body.waits() ? budget.tight() : budget.pressed();
  if (body.waits()) {
    body.pace_since = now;
    return tight && silent >= kTightWait ? Pace::kWaitedTooLong : Pace::kFine;
  }
  const Duration span = tight ? std::min<Duration>(stall_timeout_, kTightTime) : stall_timeout_;
  if (now - body.pace_since < span) {
    return Pace::kFine;
  }
  const auto seconds = static_cast<size_t>(std::chrono::ceil<std::chrono::seconds>(span).count());
  const size_t wanted = seconds * (tight ? kTightRate : kMinRate);
  if (body.bytes.size() - body.pace_from < wanted) {
    return Pace::kTooSlow;
  }
  body.pace_since = now;
  body.pace_from = body.bytes.size();
  return Pace::kFine;
}

}  // namespace gapless::net
