// RequestBodies: what the requests of one connection hold of the server's memory.
//
// The one place where their bytes come in: counted against the connection's share of the budget,
// within the limit of each request, packed so that they keep little more memory alive than they
// have bytes, with a note of how fast they come. On the connection's worker.
//
// A body of up to kFreeBytes is taken as it comes. A larger one waits for its promise
// (body_budget.h) and may then be sent to its end. Whoever receives it holds the client back until
// then: HTTP/2 by the stream's window, HTTP/1 by not reading.
#pragma once

#include "net/http/body_budget.h"
#include "net/http/http_handler.h"
#include "net/http/rope_packer.h"
#include "net/loop/worker.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace gapless::net {

// One body, from the head of its request to the answer.
struct RequestBody {
  // Bytes that a client may send before its body has a promise.
  static constexpr size_t kFreeBytes = 64 * 1024;

  size_t max_bytes = 0;
  std::optional<size_t> size = {};  // all of it, where it is known
  TimePoint last_progress = {};
  Rope bytes = {};
  BodyCharge charge = {};
  BodyCharge head = {};  // for the header
  bool queued = false;   // for the promise
  bool promised = false;

  // The pieces of the current slab, which are at the end of `bytes`.
  const Slab* slab = nullptr;
  size_t of_slab = 0;
  RopePacker packer = {};  // for small pieces
  // Since when, and from where, the pace is measured.
  TimePoint pace_since = {};
  size_t pace_from = 0;

  // Its size was told, and can be true.
  bool known() const { return size && bytes.size() <= *size; }
  // The client waits for us.
  bool waits() const { return !promised && bytes.size() >= kFreeBytes; }
};

// What one connection may hold: its shares of what there is for bodies and for headers.
struct RequestShares {
  std::shared_ptr<BudgetShare> bodies;
  std::shared_ptr<BudgetShare> heads;
};

class RequestBodies {
 public:
  enum class Took : uint8_t { kYes, kTooLarge, kNoRoom };
  enum class Pace : uint8_t { kFine, kStalled, kTooSlow, kWaitedTooLong };

  // `max_bytes`: of one body. `stall_timeout`: see Check; zero: never.
  RequestBodies(const Worker& worker, RequestShares shares, size_t max_bytes,
                Duration stall_timeout)
      : worker_(worker),
        shares_(std::move(shares)),
        max_bytes_(max_bytes),
        stall_timeout_(stall_timeout) {}

  RequestBody Begin() const {
    return {.max_bytes = max_bytes_, .last_progress = worker_.Now(), .pace_since = worker_.Now()};
  }
  // The header of the request takes so many bytes more. False: there is no room for them.
  bool TakeHead(RequestBody& body, size_t bytes) const {
    return body.head.TryAdd(shares_.heads, bytes);
  }
  // Small pieces are copied, as they are not worth keeping a receive slab alive. What a body that
  // is not taken held is given back.
  Took Take(RequestBody& body, Slice bytes);
  // After the pieces of one read: the body does not keep a slab alive for a small part of it, and
  // is charged for the slabs that it does keep.
  void Settle(RequestBody& body);
  // Gets the promise for the rest of the body, if it needs one. False: there is no room now.
  bool Promise(RequestBody& body);
  // Whether the rest of the body needs a promise, as far as is known.
  bool NeedsPromise(const RequestBody& body) const {
    return !body.promised && (body.known() ? *body.size > RequestBody::kFreeBytes
                                           : body.bytes.size() >= RequestBody::kFreeBytes / 2);
  }
  // The body for the handler, who holds it until the answer.
  Rope Complete(RequestBody& body);
  // Whether a body that is not complete comes fast enough: something within the stall timeout, and
  // kMinRate on the average over that time. While the budget is tight, kTightRate over kTightTime,
  // and no longer than kTightWait for a promise.
  Pace Check(RequestBody& body) const;
  // How often to ask Check. Zero: never.
  Duration check_every() const { return std::min<Duration>(stall_timeout_, kCheckEvery); }
  Duration stall_timeout() const { return stall_timeout_; }

  // No further request may begin.
  bool exhausted() const { return shares_.bodies->exhausted(); }
  // A connection that waits for answers should stop reading.
  bool pressed() const { return shares_.bodies->presses(); }

 private:
  static constexpr auto kCheckEvery = std::chrono::seconds(1);
  static constexpr size_t kMinRate = 1024;         // bytes per second
  static constexpr size_t kTightRate = 16 * 1024;  // bytes per second
  static constexpr auto kTightTime = std::chrono::seconds(5);
  static constexpr auto kTightWait = std::chrono::seconds(10);  // for a promise

  bool Charge(RequestBody& body, size_t bytes) const;
  static void Drop(RequestBody& body);

  const Worker& worker_;
  const RequestShares shares_;
  const size_t max_bytes_;
  const Duration stall_timeout_;
};

}  // namespace gapless::net
