// gRPC on top of an HttpServer: a GrpcServer is the HttpHandler that routes
// /package.Service/Method. Unary calls are what it is for; streaming ones are for small messages.
//
// It checks content type, framing and size, and turns answers into trailers. A compressed message
// is handed on as it came, with the name of its encoding: only the method knows its limits.
// Register methods before the server runs; afterwards it is immutable. Methods are called on the
// server's workers, on several at the same time.
#pragma once

#include "base/status.h"
#include "net/http/http_handler.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gapless::net {

struct GrpcReply {
  Code code = Code::kOk;
  std::string message;
  std::string details;  // serialized google.rpc.Status for grpc-status-details-bin; empty: none
  Rope body;            // the response message, with code kOk
};

// The right to answer one call, once, on the call's worker. Dropped unanswered it answers
// UNAVAILABLE.
class GrpcResponder {
 public:
  GrpcResponder() = default;
  explicit GrpcResponder(HttpResponder http) : http_(std::move(http)), armed_(true) {}
  GrpcResponder(GrpcResponder&& other) noexcept
      : http_(std::move(other.http_)), armed_(std::exchange(other.armed_, false)) {}
  GrpcResponder& operator=(GrpcResponder&& other) noexcept;
  ~GrpcResponder() { Drop(); }

  void Reply(GrpcReply reply);
  // True once the client reset the call or its connection is gone.
  bool cancelled() const { return http_.cancelled(); }
  // Runs once when that happens before the answer.
  void OnCancel(Task task) { http_.OnCancel(std::move(task)); }
  // As HttpResponder's.
  BodyCharge NewCharge() const { return http_.NewCharge(); }

 private:
  void Drop();
  HttpResponder http_;
  bool armed_ = false;
};

struct GrpcCall {
  std::string method;  // "/package.Service/Method"
  std::string authority;
  HttpHeaders metadata;  // all request headers; binary values are still base64
  Rope message;          // as sent
  std::string encoding;  // of `message`; empty: not compressed
  std::optional<TimePoint> deadline;
  std::shared_ptr<const PeerInfo> peer;
  Worker* worker = nullptr;
  size_t worker_index = 0;
  GrpcResponder responder;
};

class GrpcMethod {
 public:
  virtual ~GrpcMethod() = default;
  virtual void Handle(GrpcCall call) = 0;
};

// Where the messages of a streaming call's answer go. Calls after Finish, and after the client has
// left, are ignored.
class GrpcStreamSink {
 public:
  virtual void Send(Rope message) = 0;
  virtual void Finish(Code code, std::string message) = 0;

 protected:
  ~GrpcStreamSink() = default;
};

// A streaming call, for small messages (kMaxStreamMessage). May use its sink until it is destroyed,
// except in its destructor. On the worker of the call.
class GrpcStream {
 public:
  virtual ~GrpcStream() = default;
  virtual void OnMessage(Rope message) = 0;
  // The client has sent its last message.
  virtual void OnEnd() = 0;
  // The server ends.
  virtual void OnDrain() = 0;
};

using OpenGrpcStream = std::function<std::unique_ptr<GrpcStream>(GrpcStreamSink&)>;
inline constexpr size_t kMaxStreamMessage = 64 * 1024;

// `message` without its encoding, at most kMaxStreamMessage. Errors as for wire::Decompress.
Result<Rope> PlainGrpcMessage(const Rope& message, std::string_view encoding);

struct GrpcServerOptions {
  size_t max_message_bytes = 4 * 1024 * 1024;  // as sent
  // Names for grpc-accept-encoding; a message in any other encoding is UNIMPLEMENTED.
  std::vector<std::string> encodings;
  // The answer while the server holds as many request bodies as it may. Whoever knows the protocol
  // adds the details that make it a request to wait.
  GrpcReply overloaded = {.code = Code::kUnavailable,
                          .message = "server is over its memory budget",
                          .details = {},
                          .body = {}};
};

class GrpcServer final : public HttpHandler {
 public:
  explicit GrpcServer(GrpcServerOptions options);

  void AddMethod(std::string path, std::unique_ptr<GrpcMethod> method);
  void AddStream(std::string path, OpenGrpcStream open);

  std::optional<HttpResponse> OnHead(const HttpRequest& request, const PeerInfo& peer,
                                     size_t& max_body_bytes) override;
  std::optional<size_t> BodySize(const HttpRequest& request, const Rope& begin) const override;
  bool Streams(const HttpRequest& request) const override {
    return !streams_.empty() && streams_.contains(request.path());
  }
  std::unique_ptr<StreamingCall> Open(const HttpRequest& request, StreamingAnswer& answer) override;
  HttpResponse Refuse(const HttpRequest& request, HttpRefusal reason) override;
  void Handle(HttpCall call) override;

 private:
  GrpcReply Unknown(std::string_view path) const;

  const GrpcServerOptions options_;
  std::string accept_encoding_;
  std::map<std::string, std::unique_ptr<GrpcMethod>, std::less<>> methods_;
  std::map<std::string, OpenGrpcStream, std::less<>> streams_;
};

// The HTTP response that carries `reply`.
HttpResponse ToHttpResponse(GrpcReply reply);

}  // namespace gapless::net
