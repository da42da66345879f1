#include "net/grpc/grpc_stream.h"

#include "fmt/format.h"
#include "net/grpc/grpc_frame.h"
#include "wire/compression.h"

#include <array>
#include <string>
#include <utility>

namespace gapless::net {
namespace {

class GrpcStreamCall final : public StreamingCall, private GrpcStreamSink {
 public:
  GrpcStreamCall(std::string_view encoding, const OpenGrpcStream& open, StreamingAnswer& answer)
      : encoding_(encoding), answer_(answer) {
    answer_.Begin({{"content-type", "application/grpc"}});
    stream_ = open(*this);
  }

  void OnBytes(const Slice& bytes) override {
    // Pieces are small; a slab would be kept for them.
    unread_.Append(Slice::CopyOf(bytes.span()));
    while (!finished_ && unread_.size() >= kGrpcPrefixBytes && TakeMessage()) {
    }
    if (finished_) {
      unread_.Clear();
    }
  }
  void OnEnd() override {
    if (!unread_.empty()) {
      return Finish(Code::kInternal, "grpc: the message is cut off");
    }
    stream_->OnEnd();
  }
  void OnDrain() override { stream_->OnDrain(); }

 private:
  // False: it is not complete.
  bool TakeMessage() {
    std::array<std::byte, kGrpcPrefixBytes> prefix;
    unread_.Sub(0, prefix.size()).CopyTo(prefix.data());
    size_t size = 0;
    for (size_t i = 1; i < prefix.size(); ++i) {
      size = size << 8 | std::to_integer<size_t>(prefix[i]);
    }
    if (size > kMaxStreamMessage) {
      Finish(Code::kResourceExhausted,
             fmt::format("grpc: received message larger than max ({} vs. {})", size,
                         kMaxStreamMessage));
      return false;
    }
    if (unread_.size() - kGrpcPrefixBytes < size) {
      return false;
    }
    const bool compressed = prefix[0] != std::byte{0};
    Result<Rope> message = PlainGrpcMessage(unread_.Sub(kGrpcPrefixBytes, size),
                                            compressed ? encoding_ : std::string());
    const size_t used = kGrpcPrefixBytes + size;
    unread_ = unread_.Sub(used, unread_.size() - used);
    if (!message.ok()) {
      Finish(Code::kInternal, message.status().message());
      return false;
    }
    stream_->OnMessage(*std::move(message));
    return true;
  }
  void Send(Rope message) override {
    if (!finished_) {
      answer_.Send(FrameGrpcMessage(std::move(message), false));
    }
  }
  void Finish(Code code, std::string message) override {
    if (!std::exchange(finished_, true)) {
      GrpcReply status;
      status.code = code;
      status.message = std::move(message);
      answer_.End(GrpcStatusFields(status));
    }
  }

  const std::string encoding_;
  StreamingAnswer& answer_;
  Rope unread_;
  bool finished_ = false;
  std::unique_ptr<GrpcStream> stream_;
};

}  // namespace

Result<Rope> PlainGrpcMessage(const Rope& message, std::string_view encoding) {
  if (encoding.empty()) {
    return message;
  }
  ASSIGN_OR_RETURN(const wire::Codec codec, wire::ParseCodec(encoding));
  return wire::Decompress(codec, message, kMaxStreamMessage);
}

std::unique_ptr<StreamingCall> NewGrpcStreamCall(std::string_view encoding,
                                                 const OpenGrpcStream& open,
                                                 StreamingAnswer& answer) {
  return std::make_unique<GrpcStreamCall>(encoding, open, answer);
}

}  // namespace gapless::net
