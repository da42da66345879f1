// A streaming call between its messages and the bytes of its stream. Internal to net.
#pragma once

#include "net/grpc/grpc_server.h"

#include <memory>
#include <string_view>

namespace gapless::net {

// `encoding`: of messages with the compressed flag.
std::unique_ptr<StreamingCall> NewGrpcStreamCall(std::string_view encoding,
                                                 const OpenGrpcStream& open,
                                                 StreamingAnswer& answer);
// The fields of a status: of Trailers-Only, and of trailers.
HttpHeaders GrpcStatusFields(const GrpcReply& reply);

}  // namespace gapless::net
