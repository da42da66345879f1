// OTLP/gRPC: the Export method of each signal that a pipeline uses.
#pragma once

#include "net/grpc/grpc_server.h"
#include "receiver/otlp/intake.h"

#include <memory>

namespace gapless::otlp_receiver {

// `intake` is shared by the methods. `max_bytes`: of a message, as sent.
std::shared_ptr<net::HttpHandler> MakeGrpcHandler(std::shared_ptr<const Intake> intake,
                                                  bool include_metadata, size_t max_bytes);

}  // namespace gapless::otlp_receiver
