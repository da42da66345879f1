// gRPC framing, timeouts and status text from hostile peers.
#include "net/grpc/grpc_frame.h"

#include <cstdint>
#include <cstdlib>
#include <string>

using gapless::Result;
using gapless::Rope;
using gapless::net::GrpcMessage;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  // In two slices, so that the prefix may lie across a boundary.
  Rope body = Rope::CopyOf(input.substr(0, size / 2));
  body.Append(Rope::CopyOf(input.substr(size / 2)));
  constexpr size_t kMaxBytes = 1000;
  const Result<GrpcMessage> message = gapless::net::UnframeGrpcMessage(body, kMaxBytes);
  if (message.ok()) {
    const Rope again = gapless::net::FrameGrpcMessage(message->bytes, message->compressed);
    if (message->bytes.size() > kMaxBytes || !(again == body)) {
      std::abort();
    }
  }
  if (const auto timeout = gapless::net::ParseGrpcTimeout(input)) {
    if (timeout->count() < 0 ||
        !gapless::net::ParseGrpcTimeout(gapless::net::FormatGrpcTimeout(*timeout))) {
      std::abort();
    }
  }
  const std::string encoded = gapless::net::EncodeGrpcMessageText(input);
  if (gapless::net::DecodeGrpcMessageText(encoded) != input) {
    std::abort();
  }
  static_cast<void>(gapless::net::DecodeGrpcMessageText(input));
  return 0;
}
