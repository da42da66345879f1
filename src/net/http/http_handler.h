// What a server does with a request: the handler, the responder that carries its answer, and the
// budget of request bodies.
#pragma once

#include "base/loop.h"
#include "net/http/http.h"
#include "net/loop/address.h"

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace gapless::net {

class Worker;

// One per connection, shared by its requests. Immutable.
struct PeerInfo {
  SocketAddress remote;
  SocketAddress local;
  bool tls = false;
  std::string subject;  // of the verified client certificate, RFC 2253; empty: none
};

// Where a response goes: a stream of a connection. Internal to net.
class ResponseSink {
 public:
  virtual void OnResponse(HttpResponse response) = 0;

 protected:
  ~ResponseSink() = default;
};

// How many bytes of request bodies a server holds: being received, or handed to the handler and not
// answered. Thread-safe.
class BodyBudget {
 public:
  explicit BodyBudget(size_t limit_bytes) : limit_(limit_bytes) {}
  void Add(size_t bytes) { used_.fetch_add(bytes, std::memory_order_relaxed); }
  void Sub(size_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }
  size_t used() const { return used_.load(std::memory_order_relaxed); }
  // No further request may begin.
  bool exhausted() const { return used() >= limit_; }
  // Connections that wait for answers should stop reading.
  bool pressed() const { return used() >= limit_ / 4 * 3; }

 private:
  const size_t limit_;
  std::atomic<size_t> used_{0};
};

// What one request takes of a budget, given back when it is released or destroyed. Move-only.
class BodyCharge {
 public:
  BodyCharge() = default;
  BodyCharge(BodyCharge&& other) noexcept
      : budget_(std::move(other.budget_)), bytes_(std::exchange(other.bytes_, 0)) {}
  BodyCharge& operator=(BodyCharge&& other) noexcept {
    if (this != &other) {
      Release();
      budget_ = std::move(other.budget_);
      bytes_ = std::exchange(other.bytes_, 0);
    }
    return *this;
  }
  ~BodyCharge() { Release(); }

  void Add(const std::shared_ptr<BodyBudget>& budget, size_t bytes) {
    budget_ = budget;
    bytes_ += bytes;
    budget_->Add(bytes);
  }
  void Release() {
    if (budget_) {
      budget_->Sub(std::exchange(bytes_, 0));
    }
  }

 private:
  std::shared_ptr<BodyBudget> budget_;
  size_t bytes_ = 0;
};

struct ResponderState {
  ResponseSink* sink = nullptr;  // null: answered or cancelled
  Task on_cancel;
  // Of a request whose client left: whoever works on it still holds its body.
  BodyCharge charge;
};

// The right to answer one request, once. Move-only; on the connection's worker only. Dropped
// unanswered it answers 503.
class HttpResponder {
 public:
  HttpResponder() = default;
  explicit HttpResponder(std::shared_ptr<ResponderState> state) : state_(std::move(state)) {}
  HttpResponder(HttpResponder&&) noexcept = default;
  HttpResponder& operator=(HttpResponder&& other) noexcept;
  ~HttpResponder() { Drop(); }

  // Ignored if the client has gone.
  void Send(HttpResponse response);
  // True once the client reset the request or its connection is gone.
  bool cancelled() const { return state_ && !state_->sink; }
  // Runs once when that happens before the answer, never after Send; over HTTP/1.1 also when the
  // client ends its direction, which most do when they leave: an answer is still sent. Replaces an
  // earlier callback.
  void OnCancel(Task task);

 private:
  void Drop();
  std::shared_ptr<ResponderState> state_;
};

struct HttpCall {
  HttpRequest request;
  HttpResponder responder;
  std::shared_ptr<const PeerInfo> peer;
  Worker* worker = nullptr;
  size_t worker_index = 0;  // among the server's workers
};

// Why a server itself answers a request.
enum class HttpRefusal : uint8_t {
  kBodyTooLarge,
  kHeaderTooLarge,
  kOverloaded,  // the body budget is used up: a retryable answer
  kBadRequest,
  kTimeout,  // the body did not arrive in time
};

// Called on the workers of the server, on several at the same time: immutable, or with its own
// state per worker.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;

  // When the header is complete and before the body is read. A response refuses the request;
  // `max_body_bytes`, which comes with the server's limit, may be changed for this request.
  virtual std::optional<HttpResponse> OnHead(const HttpRequest& request, const PeerInfo& peer,
                                             size_t& max_body_bytes);
  // The answer to a request that the server refuses. The default is text/plain with 413, 431, 503,
  // 400 or 408.
  virtual HttpResponse Refuse(const HttpRequest& request, HttpRefusal reason);
  // A complete request. The answer may come later, on the same worker.
  virtual void Handle(HttpCall call) = 0;
};

// A text/plain response.
HttpResponse TextResponse(int status, std::string_view text);
// 503 with Retry-After.
HttpResponse TryAgainResponse(std::string_view text);

}  // namespace gapless::net
