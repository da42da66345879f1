// Unary gRPC on top of an HttpServer: a GrpcServer is the HttpHandler that routes
// /package.Service/Method.
//
// It checks content type, framing and size, and turns answers into trailers. A compressed message
// is handed on as it came, with the name of its encoding: only the method knows its limits.
// Register methods before the server runs; afterwards it is immutable. Methods are called on the
// server's workers, on several at the same time.
#pragma once

#include "base/status.h"
#include "net/http/http_handler.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
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

  std::optional<HttpResponse> OnHead(const HttpRequest& request, const PeerInfo& peer,
                                     size_t& max_body_bytes) override;
  std::optional<size_t> BodySize(const HttpRequest& request, const Rope& begin) const override;
  HttpResponse Refuse(const HttpRequest& request, HttpRefusal reason) override;
  void Handle(HttpCall call) override;

 private:
  GrpcReply Unknown(std::string_view path) const;

  const GrpcServerOptions options_;
  std::string accept_encoding_;
  std::map<std::string, std::unique_ptr<GrpcMethod>, std::less<>> methods_;
};

// The HTTP response that carries `reply`.
HttpResponse ToHttpResponse(GrpcReply reply);

}  // namespace gapless::net
