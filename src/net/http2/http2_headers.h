// Http2Headers: takes in the headers of a connection's requests, and sees those that HPACK makes
// far larger than they were sent. Internal to net.
#pragma once

#include "net/http2/frame_meter.h"
#include "net/http2/http2_streams.h"

#include <string_view>

#include <nghttp2/nghttp2.h>

namespace gapless::net {

class Http2Headers {
 public:
  // What is seen is told to `meter`.
  Http2Headers(size_t max_bytes, const ServerEnv& env, const RequestBodies& bodies,
               FrameMeter& meter)
      : max_bytes_(max_bytes), env_(env), bodies_(bodies), meter_(meter) {}

  void OnFrameBegun(const nghttp2_frame_hd& frame) {
    const bool more = frame.type == NGHTTP2_CONTINUATION;
    sent_ = frame.length + (more ? sent_ : 0);
  }
  // A field; `stream`: null where it is of no request. What nghttp2 is to do.
  int OnField(Http2Stream* stream, std::string_view name, std::string_view value) {
    meter_.OnHeaderBytes(name.size() + value.size());
    if (!stream) {
      return 0;
    }
    stream->TakeHeader(name, value, max_bytes_, bodies_);
    if (stream->header_bytes <= kHopelessFactor * max_bytes_) {
      return 0;
    }
    // Not worth an answer, nor looking at the rest.
    env_.Tell(RefusedRequest::kHeaderTooLarge);
    meter_.OnExpansion(stream->header_bytes);
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }
  // The header is complete.
  void OnHead(const Http2Stream& stream) {
    const size_t usual = kHuffman * sent_ + kUsualExpansion;
    if (stream.header_bytes > usual) {
      meter_.OnExpansion(stream.header_bytes - usual);
    }
    if (stream.header_trouble == Http2Stream::HeaderTrouble::kTooLarge) {
      meter_.OnHeaderTooLarge();
    }
  }

 private:
  // Each entry of the table, of 4 KiB, used once, and 32 bytes for each of many fields.
  static constexpr size_t kUsualExpansion = 12 * 1024;
  // A byte of Huffman code is less than two of text.
  static constexpr size_t kHuffman = 2;
  // A header that is so many times as large as it may be is not read to its end.
  static constexpr size_t kHopelessFactor = 4;

  const size_t max_bytes_;
  const ServerEnv& env_;
  const RequestBodies& bodies_;
  FrameMeter& meter_;
  size_t sent_ = 0;  // bytes of the header that is being read
};

}  // namespace gapless::net
