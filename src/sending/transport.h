// Transport: how bytes reach one destination. The seam between the deciding code and the network.
//
// One Transport per (exporter, signal), living on one loop. It makes single attempts and probes; it
// never retries, it holds no queue, and it decides nothing: retry, timeouts, back-off, health and
// failover are the sender's and the router's. Implementations: the exporters under exporter/, and a
// simulated one for tests.
#pragma once

#include "base/loop.h"
#include "base/status.h"
#include "otlp/batch.h"
#include "sending/outcome.h"

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace gapless::sending {

// News of the connection that belong to no single attempt. Called on the transport's loop, never
// from inside a call into the transport.
class TransportObserver {
 public:
  virtual ~TransportObserver() = default;
  // A dial was answered (TCP, TLS, SETTINGS).
  virtual void OnConnected() = 0;
  // One dial failed: refused, reset, TLS, DNS, or not answered in time.
  virtual void OnDialFailed(const Status& status) = 0;
  // A living connection ended without a graceful goodbye; attempts on it fail one by one as well.
  virtual void OnConnectionLost(const Status& status) = 0;
};

using AttemptId = uint64_t;
using AttemptCallback = std::move_only_function<void(AttemptResult)>;

// All calls on the transport's loop.
class Transport {
 public:
  virtual ~Transport() = default;

  // At most one observer; it outlives the transport or is reset to null.
  virtual void SetObserver(TransportObserver* observer) = 0;
  // Begins to connect; never fails because the peer is down.
  virtual void Start() = 0;

  // Sends the batch once. `done` fires exactly once, on a later turn of the loop, unless the
  // attempt is cancelled. The attempt has no timeout of its own: the caller cancels it. `timeout`
  // is told to the peer where the protocol can (grpc-timeout); zero: none.
  virtual AttemptId Attempt(const otlp::Batch& batch, Duration timeout, AttemptCallback done) = 0;
  // Withdraws an attempt: its callback never fires. Unknown or finished ids are ignored.
  virtual void Cancel(AttemptId id) = 0;

  // Nothing can be sent for want of descriptors or memory in this process: an attempt that is not
  // answered meanwhile says nothing about the destination.
  virtual bool held_back() const { return false; }

  // Asks the destination whether it is well, without user data: connect, TLS, SETTINGS and PING, an
  // empty export. `done` fires exactly once on a later turn, at the latest after `timeout`; not
  // after the transport is destroyed.
  virtual void Probe(Duration timeout, AttemptCallback done) = 0;

  // How an export looks on the wire; both empty where there is nothing to tell.
  struct Form {
    std::string encoding;  // "proto", "json"
    std::string codec;     // "none", "gzip" and so on, as configured
  };
  virtual Form form() const { return {}; }
  // As Probe, which is not compressed, but in the encoding and the codec that exports have.
  virtual void ProbeAsConfigured(Duration timeout, AttemptCallback done) {
    Probe(timeout, std::move(done));
  }
  // As Probe, but in the encoding that is not configured. False, and no callback, if there is none.
  virtual bool ProbeOtherEncoding(Duration /*timeout*/, AttemptCallback /*done*/) { return false; }

  // Graceful end: idle connections are closed. Attempts in flight may run on until cancelled.
  virtual void Stop() = 0;
};

}  // namespace gapless::sending
