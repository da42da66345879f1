// Delivery: one unit on its way to a destination: how long an attempt may take, and when the next
// one is due. The caller brings time and randomness, and counts slots (sender.h).
#pragma once

#include "base/loop.h"
#include "base/rng.h"
#include "otlp/batch.h"
#include "sending/lanes.h"
#include "sending/retry.h"
#include "sending/settings.h"
#include "sending/transport.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace gapless::sending {

class SenderClient;

using DeliveryId = uint64_t;

// How a delivery ended.
enum class DeliveryEnd : uint8_t {
  kDelivered,
  kLate,      // released before, and its last attempt has ended now, one way or the other
  kRejected,  // the peer calls the batch invalid, or too large (result.too_large)
  kGaveUp,    // the back-off series is over, or the one permitted attempt failed
};

struct SendRequest {
  otlp::Batch batch;
  // One attempt only (a probe with live data; a level of a queue-off failover that is not the
  // last).
  bool once = false;
  // On a connection of its own: a batch that is suspected to kill connections harms nobody else's.
  bool alone = false;
  // More than the exporter's timeout may not be spent on an attempt; a share that ran out is not an
  // outcome. Zero: only the exporter's timeout counts.
  Duration share{};
  // Ends the series early: the client will not wait longer.
  std::optional<TimePoint> deadline;
  // So many attempts come soon, whatever the back-off says, when a living peer fails: others wait
  // behind this one, and whether the peer fails them too must be known.
  uint32_t quick_retries = 0;
  // Held until the delivery has ended, a late one included: nothing else in these lanes is under
  // way to this destination.
  Lanes lanes = 0;
};

struct Delivery {
  enum class State : uint8_t { kReady, kInFlight, kBackingOff, kReleased };
  struct Timeout {
    Duration after{};  // zero: never
    bool is_share = false;
  };

  Timeout AttemptTimeout(Duration configured) const;
  // The pause before the next attempt; none: the series has ended. Throttled: `result` says how
  // long it is, Learn having asked the schedule.
  std::optional<Duration> NextPause(const AttemptResult& result, TimePoint now, Rng& rng);
  // Ends the attempt under way, if any; its answer is not heard.
  void CancelAttempt(Transport& shared) { Via(shared).Cancel(std::exchange(attempt, 0)); }
  Transport& Via(Transport& shared) { return own ? *own : shared; }

  DeliveryId id = 0;
  SenderClient* client = nullptr;
  SendRequest request;
  RetrySchedule schedule;
  State state = State::kReady;
  bool failed_by_peer = false;                      // at its last attempt, by a peer that lives
  AttemptId attempt = 0;                            // under way; 0: none
  TimePoint sent{};                                 // when the attempt began
  Timer timer = {};                                 // attempt timeout or back-off
  std::unique_ptr<Transport> own = nullptr;         // of a batch that is sent alone
  std::optional<Duration> back_off = std::nullopt;  // throttled: what the schedule says
};

}  // namespace gapless::sending
