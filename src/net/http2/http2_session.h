// The nghttp2 session of a server's connection, and what it tells the connection. Internal to net.
#pragma once

#include "base/bytes.h"

#include <cstdint>
#include <memory>
#include <string_view>

#include <nghttp2/nghttp2.h>

namespace gapless::net {

class Http2Output;

// Called inside nghttp2_session_mem_recv and nghttp2_session_send, on the connection's worker.
class Http2Events {
 public:
  // The head of a frame came that nghttp2 takes notice of.
  virtual void OnFrameBegun(const nghttp2_frame_hd& head) = 0;
  // A request has begun.
  virtual void OnStreamBegun(int32_t id) = 0;
  // A header field; what nghttp2 is to do: 0, or NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.
  virtual int OnField(const nghttp2_frame& frame, std::string_view name,
                      std::string_view value) = 0;
  // A complete frame that is in order; of DATA after its bytes.
  virtual void OnFrame(const nghttp2_frame& frame) = 0;
  // A frame that nghttp2 refused, and answers itself.
  virtual void OnInvalidFrame(const nghttp2_frame& frame) = 0;
  // Bytes of DATA, inside what was given to mem_recv.
  virtual void OnChunk(int32_t id, ByteSpan bytes) = 0;
  virtual void OnStreamEnded(int32_t id) = 0;
  virtual void OnFrameSent(const nghttp2_frame& frame) = 0;
  // What takes the frames that are to be sent.
  virtual Http2Output& output() = 0;

 protected:
  ~Http2Events() = default;
};

using Http2SessionPtr = std::unique_ptr<nghttp2_session, decltype(&nghttp2_session_del)>;

// `events` outlives the session.
Http2SessionPtr NewHttp2ServerSession(Http2Events& events);

inline bool IsRequestHead(const nghttp2_frame& frame) {
  return frame.hd.type == NGHTTP2_HEADERS && frame.headers.cat == NGHTTP2_HCAT_REQUEST;
}

}  // namespace gapless::net
