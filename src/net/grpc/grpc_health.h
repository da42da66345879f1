// The gRPC health service (grpc.health.v1.Health, Check and Watch;
// https://github.com/grpc/grpc/blob/master/doc/health-checking.md).
//
// Whether the server serves is fixed: one that ends is replaced by one that does not, and those who
// watch hear it from the stream. Immutable.
#pragma once

#include "net/grpc/grpc_server.h"

#include <string>
#include <vector>

namespace gapless::net {

inline constexpr std::string_view kGrpcHealthService = "grpc.health.v1.Health";

// Adds the service to `server`. `services`: what may be asked for besides the whole server ("").
void AddGrpcHealth(GrpcServer& server, std::vector<std::string> services, bool serving);

}  // namespace gapless::net
