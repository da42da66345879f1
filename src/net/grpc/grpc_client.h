// The client side of a unary gRPC call as plain HTTP messages
// (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). Pure; any thread; answers are
// hostile.
#pragma once

#include "net/grpc/grpc_frame.h"
#include "net/http/http.h"

#include <optional>
#include <string>

namespace gapless::net {

struct GrpcRequest {
  std::string path;  // "/package.Service/Method"
  std::string scheme = "http";
  std::string authority;
  std::string user_agent;
  // Sent as they are; names in lower case. Names that gRPC reserves are left out.
  HttpHeaders metadata;
  Rope message;
  // grpc-encoding of `message`; empty: not compressed.
  std::string encoding;
  // Told to the peer; zero: none.
  Duration timeout = {};
};

HttpRequest MakeGrpcRequest(GrpcRequest request);

// What a peer answered.
struct GrpcAnswer {
  // The value of grpc-status; nullopt: not an answer of a gRPC server, see `http_status`.
  std::optional<uint32_t> status;
  int http_status = 200;
  std::string message;
  // google.rpc.Status, serialized; empty: none.
  std::string details;
  // The response message and the name of its encoding; empty unless status is 0.
  Rope body;
  std::string encoding;
  // Why an answer with status 0 has no valid message; OK otherwise.
  Status body_status;
};

// `max_bytes`: of the response message as sent.
GrpcAnswer ReadGrpcAnswer(const HttpResponse& response, size_t max_bytes);

}  // namespace gapless::net
