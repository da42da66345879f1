#include "net/http2/http2_session.h"

#include "base/status.h"
#include "net/http2/http2_output.h"

namespace gapless::net {
namespace {

// nghttp2's own limit of resets, as the last resort: FrameMeter's comes first, and says why.
constexpr uint64_t kResetBurst = 20'000;
constexpr uint64_t kResetRate = 2000;

Http2Events& Events(void* user) { return *static_cast<Http2Events*>(user); }

ByteSpan Bytes(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const std::byte*>(data), size};
}

nghttp2_option* NewOptions() {
  nghttp2_option* option = nullptr;
  GAPLESS_CHECK(nghttp2_option_new(&option) == 0);
  nghttp2_option_set_no_closed_streams(option, 1);
  nghttp2_option_set_no_auto_window_update(option, 1);
  // gRPC's specification lets a receiver strip them, grpc-go takes them, and some peers send them.
  nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(option, 1);
  nghttp2_option_set_stream_reset_rate_limit(option, kResetBurst, kResetRate);
  return option;
}

void SetReceiving(nghttp2_session_callbacks* calls) {
  nghttp2_session_callbacks_set_on_begin_frame_callback(
      calls, [](nghttp2_session*, const nghttp2_frame_hd* head, void* user) {
        Events(user).OnFrameBegun(*head);
        return 0;
      });
  nghttp2_session_callbacks_set_on_begin_headers_callback(
      calls, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
        if (IsRequestHead(*frame)) {
          Events(user).OnStreamBegun(frame->hd.stream_id);
        }
        return 0;
      });
  nghttp2_session_callbacks_set_on_header_callback(
      calls, [](nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_size,
                const uint8_t* value, size_t value_size, uint8_t, void* user) {
        return Events(user).OnField(*frame, Http2Text(name, name_size),
                                    Http2Text(value, value_size));
      });
  nghttp2_session_callbacks_set_on_frame_recv_callback(
      calls, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
        Events(user).OnFrame(*frame);
        return 0;
      });
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
      calls,
      [](nghttp2_session*, uint8_t, int32_t id, const uint8_t* data, size_t size, void* user) {
        Events(user).OnChunk(id, Bytes(data, size));
        return 0;
      });
  nghttp2_session_callbacks_set_on_stream_close_callback(
      calls, [](nghttp2_session*, int32_t id, uint32_t, void* user) {
        Events(user).OnStreamEnded(id);
        return 0;
      });
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(
      calls, [](nghttp2_session*, const nghttp2_frame* frame, int, void* user) {
        Events(user).OnInvalidFrame(*frame);
        return 0;
      });
}

void SetSending(nghttp2_session_callbacks* calls) {
  nghttp2_session_callbacks_set_on_frame_send_callback(
      calls, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
        Events(user).OnFrameSent(*frame);
        return 0;
      });
  nghttp2_session_callbacks_set_send_callback(
      calls, [](nghttp2_session*, const uint8_t* data, size_t size, int, void* user) {
        return Events(user).output().Send(Bytes(data, size));
      });
  nghttp2_session_callbacks_set_send_data_callback(
      calls, [](nghttp2_session*, nghttp2_frame*, const uint8_t* head, size_t size,
                nghttp2_data_source* source, void* user) {
        return Events(user).output().SendBody(*static_cast<Http2Answer*>(source->ptr), head, size);
      });
}

}  // namespace

Http2SessionPtr NewHttp2ServerSession(Http2Events& events) {
  nghttp2_session_callbacks* calls = nullptr;
  GAPLESS_CHECK(nghttp2_session_callbacks_new(&calls) == 0);
  SetReceiving(calls);
  SetSending(calls);
  nghttp2_option* option = NewOptions();
  nghttp2_session* session = nullptr;
  GAPLESS_CHECK(nghttp2_session_server_new2(&session, calls, &events, option) == 0);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(calls);
  return {session, nghttp2_session_del};
}

}  // namespace gapless::net
