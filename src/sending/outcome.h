// Outcome classes: what the answer to one attempt means for the batch and for the health of the
// level.
//
// The one place where that is decided; the table is in docs/failover.md and in outcome_test.cc.
#pragma once

#include "base/loop.h"
#include "base/status.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace gapless::sending {

enum class OutcomeClass : uint8_t {
  kOk,         // settled; heals the level
  kTransport,  // the connection or the peer as a whole failed; counts against the level, the batch
               // stays pending
  kFaulty,     // a living peer failed; counts against the level, the batch may be the reason
  kThrottled,  // the peer asked for time; counts only if it lasts
  kDenied,     // credentials or routing; counts if nothing succeeds
  kRejected,   // this batch is invalid everywhere; never counts
};

std::string_view ToString(OutcomeClass outcome);

// What one attempt brought. Partial success is kOk with rejected_items > 0.
struct AttemptResult {
  OutcomeClass outcome = OutcomeClass::kOk;
  Status status;
  uint64_t rejected_items = 0;
  // The peer's words on a partial success; empty: none.
  std::string warning;
  // The payload was too large for the peer: cut it and try again.
  bool too_large = false;
  // It was sent twice, because the first connection died silently: the peer may hold it twice.
  bool resent = false;
  // No answer came, and the peer may have taken the batch all the same (the connection ended, or
  // the attempt timed out).
  bool unknown = false;
  // The number of an HTTP answer that is no success; 0: there was none.
  int http_status = 0;
  // Throttled, set by the sender (throttle.h): how long nothing is sent, and the size in which the
  // peer may take it; 0: as it is.
  Duration pause{};
  uint64_t cut_to = 0;
};

// A failure of our own before a peer answered: dial, DNS, TLS, reset, attempt timeout.
AttemptResult LocalFailure(Status status);
// A gRPC answer. `status` carries retry_after if RetryInfo was present.
AttemptResult ClassifyGrpc(Status status);
// An HTTP answer where one of gRPC was expected: a proxy's. `status` as for ClassifyGrpc. 413 and
// 431 are about the size of the request.
AttemptResult ClassifyHttpOfGrpc(int http_status, Status status);
// An HTTP answer that is not 2xx. `status` carries retry_after if Retry-After was present.
AttemptResult ClassifyHttp(int http_status, Status status);

}  // namespace gapless::sending
