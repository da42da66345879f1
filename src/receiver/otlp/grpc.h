// OTLP/gRPC: the Export method of each signal that a pipeline uses, and health and reflection where
// they are wanted.
#pragma once

#include "net/grpc/grpc_server.h"
#include "receiver/otlp/config.h"
#include "receiver/otlp/intake.h"

#include <memory>

namespace gapless::otlp_receiver {

// `intake` is shared by the methods. `mode`: what the health service says.
std::shared_ptr<net::HttpHandler> MakeGrpcHandler(std::shared_ptr<const Intake> intake,
                                                  const GrpcConfig& config, Mode mode);

}  // namespace gapless::otlp_receiver
