// Http2Streams: the requests of one server's connection, by the number of their stream. Internal to
// net.
#pragma once

#include "net/http/server_connection.h"
#include "net/http2/http2_answer.h"
#include "net/http2/http2_call.h"
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
  // Answered before its body was complete, of whose length so much was left.
  std::optional<size_t> left;
  bool receiving() const { return !remote_ended && !responded && !call; }
  Http2Answer answer;
  std::unique_ptr<Http2Call> call;  // of a request that is taken as it comes; ends before `answer`
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
    if (!stream.remote_ended) {
      const std::optional<size_t> told = stream.request.ToldSize();
      const size_t here = stream.request.body.bytes.size();
      stream.left = told && *told >= here ? std::optional(*told - here) : std::nullopt;
    }
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
    using End = StreamHistory::End;
    history_.OnEnded(id, stream.remote_ended ? End::kByClient : End::kByUs, stream.left);
    if (stream.request.responder && !stream.responded) {
      --unanswered_;
      stream.responded = true;
      stream.request.Abandon();
    }
    return streams_.empty();
  }

  // A frame begins, with so much of its payload.
  void OnFrame(const FrameHead& frame, ByteSpan payload) {
    if (violation_) {
      return;
    }
    violation_ = read_.OnFrame(frame);
    if (violation_) {
      return;
    }
    if (frame.type == NGHTTP2_PRIORITY) {
      violation_ = JudgePriority(frame, payload);
    } else if (frame.stream <= history_.last_begun() && !streams_.contains(frame.stream)) {
      violation_ = history_.Judge(frame, payload);
    }
  }
  // nghttp2 has the frames that were seen.
  void OnRead() {
    const int32_t fallen = read_.Finish();
    if (!violation_ && !streams_.contains(fallen) && history_.NeverBegun(fallen)) {
      violation_ = NGHTTP2_PROTOCOL_ERROR;
    }
  }
  // The protocol was broken in a way that nghttp2 does not see: the code for the end of the
  // connection.
  std::optional<uint32_t> violation() const { return violation_; }
  // nghttp2 has refused a frame, which may have been to begin a stream.
  void OnRefused(const nghttp2_frame_hd& head) {
    if (head.type == NGHTTP2_HEADERS && head.stream_id > history_.last_begun()) {
      history_.OnBegun(head.stream_id);
      history_.OnEnded(head.stream_id, StreamHistory::End::kByUs);
    }
  }

  // Whether the request is taken as it comes from now on.
  bool Open(Http2Stream& stream, const ServerEnv& env, nghttp2_session* session, Http2Link& link) {
    if (!env.handler.Streams(stream.request.head)) {
      return false;
    }
    stream.call = std::make_unique<Http2Call>(session, stream.id, stream.answer, link);
    stream.call->Open(env.handler, stream.request.head);
    if (draining_) {
      stream.call->OnDrain();
    }
    return true;
  }
  // Those that are taken as they come should end, as others do.
  void Drain() {
    draining_ = true;
    for (const auto& [id, stream] : streams_) {
      if (stream->call) {
        stream->call->OnDrain();
      }
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
  FramesOfRead read_;
  std::optional<uint32_t> violation_;
  size_t unanswered_ = 0;
  bool draining_ = false;
  std::vector<int32_t> touched_;
  std::deque<int32_t> waiting_;  // for the promise of their body
};

}  // namespace gapless::net
