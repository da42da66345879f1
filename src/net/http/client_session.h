// ClientSession: the client side of one HTTP connection as bytes in, bytes out; HTTP/1.1 and HTTP/2
// implement it.
//
// A session knows no socket, no clock and no retry. Its owner (ClientConnection) feeds it what
// arrived and sends what it puts out. All on one worker's thread. Callbacks of exchanges run inside
// Receive, End, FailAll or Deliver, and may call Send and Cancel but must not destroy the session.
#pragma once

#include "base/bytes.h"
#include "base/status.h"
#include "net/http/http.h"
#include "net/http/rope_packer.h"

#include <cstdint>
#include <functional>
#include <memory>

namespace gapless::net {

// What is known about a request that brought no complete response.
enum class Fate : uint8_t {
  kAnswered,  // the status speaks of the peer's answer (complete response, or the peer reset this
              // request)
  kUnprocessed,  // the peer cannot have seen it, or said that it did not act on it: send it again
                 // at once
  kLost,         // the connection ended; the peer may or may not have acted on it
  kStale,  // as kLost, on a reused HTTP/1.1 connection without a byte of answer: most likely an
           // idle close
};

struct ExchangeResult {
  // OK: `response` came to its end, whatever its HTTP status; of a body above the limit it has the
  // beginning (HttpResponse::cut). Otherwise why there is none.
  Status status;
  Fate fate = Fate::kAnswered;
  HttpResponse response;
  // Not OK, but the head of the answer came, and `response` is what arrived of it.
  bool head = false;
  // The request was sent twice, the first time on a connection that then died: the peer may have it
  // twice.
  bool resent = false;
};

using ExchangeCallback = std::move_only_function<void(ExchangeResult)>;

// Sent with reference-counted bodies; shared so that a request can be sent again without a copy.
using SharedRequest = std::shared_ptr<const HttpRequest>;

struct ClientLimits {
  // Of a body so much is kept. The rest is read and dropped, so that the connection stays of use
  // and the trailers are seen; after kMaxDroppedBytes the answer is given up.
  size_t max_response_bytes = 4 * 1024 * 1024;
  size_t max_header_bytes = 64 * 1024;
};

// Interim answers (1xx) to one request. A peer that sends more has no intention to answer.
inline constexpr size_t kMaxInterimAnswers = 8;

inline constexpr size_t kMaxDroppedBytes = size_t{16} * 1024 * 1024;

// A request in flight, and its answer as far as it came. For sessions.
struct ClientExchange {
  uint64_t id;
  SharedRequest request;
  ExchangeCallback done;
  HttpResponse response = {};
  RopePacker packer = {};  // for the body, of which a copy is cheaper than a read buffer kept alive
  bool head = false;       // of the final answer, not of an interim one
  size_t dropped_bytes = 0;
  size_t interim_answers = 0;

  // RESOURCE_EXHAUSTED: far too much came.
  Status TakeBody(ByteSpan bytes, const ClientLimits& limits);
  ExchangeResult End(Status status, Fate fate);
};

class ClientSession {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void Output(Rope bytes) = 0;
    // False while the peer takes no more bytes: the session keeps what it has until Pump.
    virtual bool CanOutput() const = 0;
    // The peer has spoken the protocol: SETTINGS on HTTP/2, at once on HTTP/1.1.
    virtual void OnReady() = 0;
    // The connection takes no new requests; those in flight may still be answered.
    virtual void OnGoodbye() = 0;
    // Of a final answer; interim ones are no progress.
    virtual void OnAnswerBytes() = 0;
    virtual void OnPingAck() = 0;
    // An exchange ended inside Send or Cancel: call Deliver on a later turn.
    virtual void OnUndelivered() = 0;
  };

  virtual ~ClientSession() = default;

  virtual void Start() = 0;
  // Not OK: the peer broke the protocol; the connection is to be closed.
  virtual Status Receive(const Slice& bytes) = 0;
  // The peer will send nothing more. Exchanges in flight end.
  virtual void End() = 0;
  // Every exchange in flight ends with `reason`.
  virtual void FailAll(const Status& reason) = 0;
  // How many more requests may be begun now.
  virtual size_t capacity() const = 0;
  virtual size_t in_flight() const = 0;
  // Precondition: capacity() > 0. `id` is the caller's and unique within the session.
  virtual void Send(uint64_t id, SharedRequest request, ExchangeCallback done) = 0;
  // The callback will not run. Unknown ids are ignored.
  virtual void Cancel(uint64_t id) = 0;
  // Runs the callbacks that could not run inside Send or Cancel.
  virtual void Deliver() = 0;
  virtual bool can_ping() const = 0;
  virtual void Ping() = 0;
  // Puts out what waits, while the owner CanOutput.
  virtual void Pump() = 0;
  // True once the connection serves no purpose: said goodbye (or broken by a cancel) and nothing is
  // in flight.
  virtual bool finished() const = 0;
  // Says goodbye to the peer, best effort, before the owner closes.
  virtual void Goodbye() = 0;
};

}  // namespace gapless::net
