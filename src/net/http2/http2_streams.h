// Http2Streams: the requests of one server's connection, by the number of their stream. Internal to
// net.
#pragma once

#include "net/http/rope_cursor.h"
#include "net/http/server_connection.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include <nghttp2/nghttp2.h>

namespace gapless::net {

class Http2ServerConnection;

// nghttp2 hands text out, and takes it, as bytes.
inline std::string_view Http2Text(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// An answer while nghttp2 sends it. Stays where it is from Submit to the end of its stream.
class Http2Answer {
 public:
  // The body's frames are sent by the callback for NGHTTP2_DATA_FLAG_NO_COPY, with this as source.
  void Submit(nghttp2_session* session, int32_t id, HttpResponse response);
  RopeCursor& body() { return *body_; }

 private:
  static ssize_t Read(nghttp2_session* session, int32_t id, uint8_t* buffer, size_t size,
                      uint32_t* flags, nghttp2_data_source* source, void* user);

  HttpResponse response_;
  std::string status_;
  std::optional<RopeCursor> body_;
};

// One request and its answer.
struct Http2Stream final : ResponseSink {
  Http2Stream(Http2ServerConnection& owner, int32_t stream_id) : connection(owner), id(stream_id) {}
  void OnResponse(HttpResponse response) override;

  void TakeHeader(std::string_view name, std::string_view value, size_t max_header_bytes);

  Http2ServerConnection& connection;
  const int32_t id;
  ServerRequest request;
  size_t header_bytes = 0;
  bool header_too_large = false;
  bool remote_ended = false;
  bool responded = false;  // submitted to nghttp2; from then on the body is discarded
  Http2Answer answer;
};

class Http2Streams {
 public:
  explicit Http2Streams(RequestBodies& bodies) : bodies_(bodies) {}
  // Abandons all.
  ~Http2Streams();

  Http2Stream& Begin(Http2ServerConnection& owner, int32_t id);
  void Dispatch(Http2Stream& stream, const ServerEnv& env);
  // It is answered: what its body held is given back.
  void OnAnswer(Http2Stream& stream);
  // True if none is left. Unknown numbers are ignored.
  bool End(int32_t id);

  bool empty() const { return streams_.empty(); }
  // Dispatched and not answered.
  size_t unanswered() const { return unanswered_; }
  // Calls `refuse` for every request whose body has stalled. Whether the bodies of others are still
  // on their way.
  bool CheckStalled(std::move_only_function<void(Http2Stream&)> refuse);

 private:
  RequestBodies& bodies_;
  std::unordered_map<int32_t, std::unique_ptr<Http2Stream>> streams_;
  size_t unanswered_ = 0;
};

}  // namespace gapless::net
