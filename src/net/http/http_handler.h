// What a server does with a request: the handler, and the responder that carries its answer.
#pragma once

#include "base/loop.h"
#include "net/http/body_budget.h"
#include "net/http/http.h"
#include "net/loop/address.h"

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

struct ResponderState {
  ResponseSink* sink = nullptr;  // null: answered or cancelled
  Task on_cancel;
  // For the body, until the answer: whoever works on it holds it, also when the client has left.
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
  // A charge of nothing so far, for what the request takes beside its body. May be used on any
  // thread, one after the other.
  BodyCharge NewCharge() const;

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

// Where the parts of an answer go that is sent as it comes. Outlives its StreamingCall. Calls after
// the end, and after the client has left, are ignored.
class StreamingAnswer {
 public:
  // Status 200 with these headers; before everything else, once.
  virtual void Begin(HttpHeaders headers) = 0;
  // A client that does not read is left: what waits has a limit.
  virtual void Send(Rope bytes) = 0;
  virtual void End(HttpHeaders trailers) = 0;

 protected:
  ~StreamingAnswer() = default;
};

// A request that is taken as it comes, and answered while it does. Its calls may answer; it is
// destroyed after its end, or when the client has left. On the connection's worker.
class StreamingCall {
 public:
  virtual ~StreamingCall() = default;
  virtual void OnBytes(const Slice& bytes) = 0;
  // The request is complete.
  virtual void OnEnd() = 0;
  // The server ends: the answer should, too.
  virtual void OnDrain() = 0;
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
  // After OnHead, over HTTP/2: whether the request is to be taken as it comes, with Open instead of
  // Handle.
  virtual bool Streams(const HttpRequest&) const { return false; }
  virtual std::unique_ptr<StreamingCall> Open(const HttpRequest& request, StreamingAnswer& answer);
  // The size of the whole body, where its first bytes tell.
  virtual std::optional<size_t> BodySize(const HttpRequest& request, const Rope& begin) const;
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
