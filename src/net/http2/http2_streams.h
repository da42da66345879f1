// Http2Streams: the requests of one server's connection, by the number of their stream. Internal to
// net.
#pragma once

#include "net/http/rope_cursor.h"
#include "net/http/server_connection.h"
#include "net/http2/stream_history.h"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <nghttp2/nghttp2.h>

namespace gapless::net {

class Http2ServerConnection;

// nghttp2 hands text out, and takes it, as bytes.
inline std::string_view Http2Text(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

inline nghttp2_nv Http2Field(std::string_view name, std::string_view value) {
  // nghttp2 does not write through these; NO_COPY is kept because the strings live with the stream.
  return {reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
          reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(),
          NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

inline std::vector<nghttp2_nv> Http2Fields(const HttpHeaders& headers) {
  std::vector<nghttp2_nv> fields;
  fields.reserve(headers.size() + 1);
  for (const HttpHeader& header : headers) {
    if (IsHeaderName(header.name) && IsHeaderValue(header.value) && !IsConnectionField(header)) {
      fields.push_back(Http2Field(header.name, header.value));
    }
  }
  return fields;
}

// An answer while nghttp2 sends it. Stays where it is from Submit to the end of its stream.
class Http2Answer {
 public:
  // The body's frames are sent by the callback for NGHTTP2_DATA_FLAG_NO_COPY, with this as source.
  void Submit(nghttp2_session* session, int32_t id, HttpResponse response) {
    response_ = std::move(response);
    status_ = std::to_string(response_.status);
    body_.emplace(&response_.body);
    std::vector<nghttp2_nv> fields = Http2Fields(response_.headers);
    fields.insert(fields.begin(), Http2Field(":status", status_));
    nghttp2_data_provider provider{};
    provider.source.ptr = this;
    provider.read_callback = Read;
    const bool bare = response_.body.empty() && response_.trailers.empty();
    nghttp2_submit_response(session, id, fields.data(), fields.size(), bare ? nullptr : &provider);
  }
  RopeCursor& body() { return *body_; }

 private:
  static ssize_t Read(nghttp2_session* session, int32_t id, uint8_t*, size_t size, uint32_t* flags,
                      nghttp2_data_source* source, void*) {
    const auto& answer = *static_cast<const Http2Answer*>(source->ptr);
    const size_t take = std::min(size, answer.body_->left());
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (take == answer.body_->left()) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
      if (!answer.response_.trailers.empty()) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        const std::vector<nghttp2_nv> fields = Http2Fields(answer.response_.trailers);
        nghttp2_submit_trailer(session, id, fields.data(), fields.size());
      }
    }
    return static_cast<ssize_t>(take);
  }

  HttpResponse response_;
  std::string status_;
  std::optional<RopeCursor> body_;
};

// One request and its answer.
struct Http2Stream final : ResponseSink {
  Http2Stream(Http2ServerConnection& owner, int32_t stream_id) : connection(owner), id(stream_id) {}
  void OnResponse(HttpResponse response) override;

  // What is not kept makes the request one that is refused.
  void TakeHeader(std::string_view name, std::string_view value, size_t max_header_bytes,
                  const RequestBodies& bodies) {
    header_bytes += name.size() + value.size() + 32;
    if (header_bytes > max_header_bytes) {
      header_trouble = HeaderTrouble::kTooLarge;
    } else if (header_trouble == HeaderTrouble::kNone &&
               !bodies.TakeHead(request.body, name.size() + value.size() + sizeof(HttpHeader))) {
      header_trouble = HeaderTrouble::kNoRoom;
    }
    if (header_trouble != HeaderTrouble::kNone) {
      return;
    }
    value = TrimBlanks(value);
    HttpRequest& head = request.head;
    if (name == ":method") {
      head.method = value;
    } else if (name == ":path") {
      head.target = value;
    } else if (name == ":scheme") {
      head.scheme = value;
    } else if (name == ":authority") {
      head.authority = value;
    } else if (name == "host") {
      if (head.authority.empty()) {
        head.authority = value;
      }
    } else {
      head.headers.Add(std::string(name), std::string(value));
    }
  }

  Http2ServerConnection& connection;
  const int32_t id;
  ServerRequest request;
  enum class HeaderTrouble : uint8_t { kNone, kTooLarge, kNoRoom };
  size_t header_bytes = 0;
  HeaderTrouble header_trouble = HeaderTrouble::kNone;
  bool remote_ended = false;
  bool touched = false;    // see Http2Streams::Touch
  bool responded = false;  // submitted to nghttp2; from then on the body is discarded
  TimePoint responded_at;
  bool receiving() const { return !remote_ended && !responded; }
  Http2Answer answer;
};

class Http2Streams {
 public:
  explicit Http2Streams(RequestBodies& bodies) : bodies_(bodies) {}
  // Abandons all.
  ~Http2Streams() {
    while (!streams_.empty()) {
      End(streams_.begin()->first);
    }
  }

  Http2Stream& Begin(Http2ServerConnection& owner, int32_t id) {
    history_.OnBegun(id);
    auto stream = std::make_unique<Http2Stream>(owner, id);
    stream->request.body = bodies_.Begin();
    if (!bodies_.TakeHead(stream->request.body, kStreamBytes)) {
      stream->header_trouble = Http2Stream::HeaderTrouble::kNoRoom;
    }
    return *streams_.emplace(id, std::move(stream)).first->second;
  }
  void Dispatch(Http2Stream& stream, const ServerEnv& env) {
    ++unanswered_;
    stream.request.Dispatch(env, bodies_, &stream);
  }
  // It is answered: what it held is given back.
  void OnAnswer(Http2Stream& stream, TimePoint now) {
    GAPLESS_CHECK(!stream.responded);
    stream.responded = true;
    stream.responded_at = now;
    unanswered_ -= stream.request.responder ? 1 : 0;
    stream.request.body = RequestBody();
    stream.request.head = HttpRequest();
  }
  // True if none is left. Unknown numbers are ignored.
  bool End(int32_t id) {
    auto node = streams_.extract(id);
    if (node.empty()) {
      return false;
    }
    Http2Stream& stream = *node.mapped();
    history_.OnEnded(
        id, stream.remote_ended ? StreamHistory::End::kByClient : StreamHistory::End::kByUs);
    if (stream.request.responder && !stream.responded) {
      --unanswered_;
      stream.responded = true;
      stream.request.Abandon();
    }
    return streams_.empty();
  }

  // A frame begins. False: it breaks the protocol, and violation() says how.
  bool Allows(const nghttp2_frame_hd& head) {
    if (head.stream_id <= history_.last_begun() && !streams_.contains(head.stream_id)) {
      violation_ = history_.Judge(head);
    }
    return !violation_;
  }
  // The code for the end of the connection.
  std::optional<uint32_t> violation() const { return violation_; }
  // nghttp2 has refused a frame, which may have been to begin a stream.
  void OnRefused(const nghttp2_frame_hd& head) {
    if (head.type == NGHTTP2_HEADERS && head.stream_id > history_.last_begun()) {
      history_.OnBegun(head.stream_id);
      history_.OnEnded(head.stream_id, StreamHistory::End::kByUs);
    }
  }

  bool empty() const { return streams_.empty(); }
  // Dispatched and not answered.
  size_t unanswered() const { return unanswered_; }
  // Something of its request came, or its head: Settle looks at it.
  void Touch(Http2Stream& stream) {
    if (!std::exchange(stream.touched, true)) {
      touched_.push_back(stream.id);
    }
  }
  // After the frames of a turn: packs what came, and opens the windows of large bodies in the order
  // of their coming, as far as there is room. Calls `refuse` for bodies that are too large. True:
  // some wait for room, and Settle is to be called again soon.
  bool Settle(nghttp2_session* session, const ServerEnv& env,
              std::move_only_function<void(Http2Stream&)> refuse) {
    for (const int32_t id : std::exchange(touched_, {})) {
      Http2Stream* stream = Receiving(id);
      if (!stream) {
        continue;
      }
      stream->touched = false;
      RequestBody& body = stream->request.body;
      bodies_.Settle(body);
      if (!stream->request.LearnSize(env)) {
        refuse(*stream);
      } else if (bodies_.NeedsPromise(body) && !std::exchange(body.queued, true)) {
        waiting_.push_back(id);
      }
    }
    while (!waiting_.empty()) {
      Http2Stream* stream = Receiving(waiting_.front());
      if (stream && !bodies_.Promise(stream->request.body)) {
        return true;
      }
      if (stream) {
        OpenWindow(session, *stream);
      }
      waiting_.pop_front();
    }
    return false;
  }
  // Calls `act` for every request whose body does not come as it should, and without a pace for
  // those whose answers cannot be sent. Whether there are others to look at later.
  using BadPace = std::optional<RequestBodies::Pace>;
  bool CheckPace(TimePoint now, std::move_only_function<void(Http2Stream&, BadPace)> act) {
    bool more = false;
    std::vector<std::pair<Http2Stream*, BadPace>> bad;
    for (const auto& [id, stream] : streams_) {
      if (stream->responded && now - stream->responded_at >= bodies_.stall_timeout()) {
        bad.emplace_back(stream.get(), std::nullopt);
      } else if (stream->receiving()) {
        const RequestBodies::Pace pace = bodies_.Check(stream->request.body);
        if (pace != RequestBodies::Pace::kFine) {
          bad.emplace_back(stream.get(), pace);
        }
      }
      more = more || stream->responded || stream->receiving();
    }
    for (const auto& [stream, pace] : bad) {
      act(*stream, pace);
    }
    return more;
  }

 private:
  // What a stream takes here and in nghttp2, without its fields.
  static constexpr size_t kStreamBytes = 1024;
  // A window is larger than its body by this much, so that a body that is larger than it may be is
  // seen to be.
  static constexpr size_t kWindowSlack = 16 * 1024;

  Http2Stream* Receiving(int32_t id) {
    const auto found = streams_.find(id);
    return found != streams_.end() && found->second->receiving() ? found->second.get() : nullptr;
  }
  static void OpenWindow(nghttp2_session* session, const Http2Stream& stream) {
    const RequestBody& body = stream.request.body;
    const size_t window = body.bytes.size() + body.charge.promised() + kWindowSlack;
    nghttp2_session_set_local_window_size(
        session, NGHTTP2_FLAG_NONE, stream.id,
        static_cast<int32_t>(std::min<size_t>(window, std::numeric_limits<int32_t>::max())));
  }

  RequestBodies& bodies_;
  std::unordered_map<int32_t, std::unique_ptr<Http2Stream>> streams_;
  StreamHistory history_;
  std::optional<uint32_t> violation_;
  size_t unanswered_ = 0;
  std::vector<int32_t> touched_;
  std::deque<int32_t> waiting_;  // for the promise of their body
};

}  // namespace gapless::net
