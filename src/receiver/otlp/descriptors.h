// What gRPC reflection tells of the receiver's services: OTLP, health and reflection itself.
#pragma once

#include <string>
#include <vector>

namespace gapless::otlp_receiver {

// Each a serialized google.protobuf.FileDescriptorProto.
std::vector<std::string> FileDescriptors();

}  // namespace gapless::otlp_receiver
