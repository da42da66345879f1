// gRPC server reflection, v1 and v1alpha
// (https://github.com/grpc/grpc/blob/master/doc/server-reflection.md): what grpcurl and the like
// ask to learn the services of a server.
#pragma once

#include "base/status.h"
#include "net/grpc/grpc_server.h"

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace gapless::net {

// What reflection knows: files as serialized google.protobuf.FileDescriptorProto. Immutable.
class ReflectionIndex {
 public:
  // `services`: those that the server has, by full name. INVALID_ARGUMENT: a file cannot be read.
  static Result<ReflectionIndex> Create(std::vector<std::string> files,
                                        std::vector<std::string> services);

  // The serialized ServerReflectionResponse to a ServerReflectionRequest. INVALID_ARGUMENT: it is
  // none.
  Result<std::string> Answer(ByteSpan request) const;

 private:
  Status Add(size_t file);
  void AddMessage(ByteSpan message, const std::string& scope, size_t file);
  void AddNamed(ByteSpan part, uint32_t members, const std::string& scope, size_t file);

  std::vector<std::string> files_;
  std::vector<std::string> services_;
  std::map<std::string, size_t, std::less<>> by_name_;
  std::map<std::string, size_t, std::less<>> by_symbol_;
};

// Adds the services of both versions to `server`.
void AddGrpcReflection(GrpcServer& server, std::shared_ptr<const ReflectionIndex> index);
// The full names of the services.
std::vector<std::string> GrpcReflectionServices();

}  // namespace gapless::net
