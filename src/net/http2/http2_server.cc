#include "net/http2/http2_server.h"

#include "base/lifetime.h"
#include "net/http/server_connection.h"
#include "net/http2/http2_lifecycle.h"
#include "net/http2/http2_streams.h"
#include "net/loop/thread_slab.h"

#include <array>
#include <optional>
#include <utility>

namespace gapless::net {
namespace {

// A connection that stopped reading because of the budget reads a little after so long: clients
// that give up say so here, and their requests are what takes the budget.
constexpr auto kLongestPause = std::chrono::milliseconds(500);
// Resets by the peer: bursts and a lasting rate above what deadlines in an outage cause are
// attacks.
constexpr uint64_t kResetBurst = 2000;
constexpr uint64_t kResetRate = 200;

// For frame headers and HEADERS frames that wait to be sent.
constexpr size_t kFrameSlab = 64 * 1024;
constexpr size_t kFrameHead = 9;

ThreadSlab& FrameMemory() {
  thread_local ThreadSlab memory(kFrameSlab);
  return memory;
}

using SessionPtr = std::unique_ptr<nghttp2_session, decltype(&nghttp2_session_del)>;

bool IsRequestHead(const nghttp2_frame& frame) {
  return frame.hd.type == NGHTTP2_HEADERS && frame.headers.cat == NGHTTP2_HCAT_REQUEST;
}

// Frames on their way to the stream: heads are packed into the slab of the thread, bodies stay
// slices.
class Http2Output {
 public:
  explicit Http2Output(Stream& stream) : stream_(stream) {}

  // nghttp2's callbacks for sending frames and DATA frames.
  ssize_t Send(const uint8_t* data, size_t size) {
    if (stream_.above_high_watermark()) {
      return NGHTTP2_ERR_WOULDBLOCK;
    }
    Append(data, size);
    return static_cast<ssize_t>(size);
  }
  int SendBody(Http2Answer& answer, const uint8_t* head, size_t size) {
    if (stream_.above_high_watermark()) {
      return NGHTTP2_ERR_WOULDBLOCK;
    }
    Append(head, kFrameHead);
    answer.body().Take(size, frames_);
    return 0;
  }
  // Gives what was sent to the stream.
  void Flush() {
    if (!frames_.empty()) {
      stream_.Write(std::exchange(frames_, Rope()));
    }
  }

 private:
  void Append(const uint8_t* data, size_t size) {
    frames_.Append(FrameMemory().Copy(AsBytes(Http2Text(data, size))));
  }

  Stream& stream_;
  Rope frames_;
};

}  // namespace

// nghttp2 with its parts: what arrives goes to them, and their frames go out together.
class Http2ServerConnection final : public ServerConnection, private Http2Link {
 public:
  Http2ServerConnection(const Http2ServerOptions& options, ServerEnv env);

  void OnData(Slice bytes) override;
  void OnEnd() override { Finish(); }
  void OnHangup() override { Finish(); }
  void OnWritable() override { Flush(); }
  void Drain() override { goodbye_.Drain(); }
  bool idle() const override { return streams_.empty(); }

  void Respond(Http2Stream& stream, HttpResponse response) {
    streams_.OnAnswer(stream);
    stream.answer.Submit(session(), stream.id, std::move(response));
    keepalive_.OnAnswerSent();
    ScheduleFlush();
  }

 private:
  static Http2ServerConnection& Self(void* user) {
    return *static_cast<Http2ServerConnection*>(user);
  }
  SessionPtr NewSession();
  nghttp2_session* session() { return session_.get(); }

  // What nghttp2 calls.
  void OnStreamBegun(int32_t id) {
    nghttp2_session_set_stream_user_data(session(), id, &streams_.Begin(*this, id));
    goodbye_.OnStreamBegun();
  }
  void OnFrame(const nghttp2_frame& frame);
  void OnHead(Http2Stream& stream);
  void OnChunk(Http2Stream& stream, const uint8_t* data, size_t size);
  void OnPing(const nghttp2_frame& frame) {
    if (frame.hd.flags & NGHTTP2_FLAG_ACK) {
      keepalive_.OnPingAck();
      goodbye_.OnPingAck(frame.ping.opaque_data);
    } else {
      keepalive_.OnPing(!streams_.empty());
    }
  }
  void OnFrameSent(const nghttp2_frame& frame);
  void OnStreamEnded(int32_t id) {
    if (streams_.End(id)) {
      goodbye_.OnLastStreamEnded();
    }
  }

  // Http2Link.
  void Flush() override;
  void ScheduleFlush() override;
  void Finish() override {
    if (!std::exchange(finished_, true)) {
      env_.finish();
    }
  }

  Http2Stream* Find(int32_t id) {
    return static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(session(), id));
  }
  void Refuse(Http2Stream& stream, HttpRefusal reason) {
    Respond(stream, env_.handler.Refuse(stream.request.head, reason));
  }
  void UpdateReading();
  void ArmStall();

  const Http2ServerOptions& options_;
  ServerEnv env_;
  RequestBodies bodies_;
  const SessionPtr session_;
  Http2Output output_;
  Http2Keepalive keepalive_;
  Http2Goodbye goodbye_;
  ReadGate gate_;
  Slice input_;        // what nghttp2 is reading at the moment
  bool busy_ = false;  // inside nghttp2, or in a callback that flushes at its end
  bool flush_scheduled_ = false;
  bool finished_ = false;
  Timer stall_timer_;
  Lifetime lifetime_;
  Http2Streams streams_;  // ends first: it tells those who work on answers
};

void Http2Stream::OnResponse(HttpResponse response) {
  connection.Respond(*this, std::move(response));
}

SessionPtr Http2ServerConnection::NewSession() {
  nghttp2_session_callbacks* calls = nullptr;
  nghttp2_option* option = nullptr;
  GAPLESS_CHECK(nghttp2_session_callbacks_new(&calls) == 0);
  GAPLESS_CHECK(nghttp2_option_new(&option) == 0);
  nghttp2_session_callbacks_set_on_begin_headers_callback(
      calls, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
        if (IsRequestHead(*frame)) {
          Self(user).OnStreamBegun(frame->hd.stream_id);
        }
        return 0;
      });
  nghttp2_session_callbacks_set_on_header_callback(
      calls, [](nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_size,
                const uint8_t* value, size_t value_size, uint8_t, void* user) {
        Http2Stream* stream = Self(user).Find(frame->hd.stream_id);
        if (stream && IsRequestHead(*frame)) {
          stream->TakeHeader(Http2Text(name, name_size), Http2Text(value, value_size),
                             Self(user).options_.max_header_bytes);
        }
        return 0;
      });
  nghttp2_session_callbacks_set_on_frame_recv_callback(
      calls, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
        Self(user).OnFrame(*frame);
        return 0;
      });
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
      calls,
      [](nghttp2_session*, uint8_t, int32_t id, const uint8_t* data, size_t size, void* user) {
        if (Http2Stream* stream = Self(user).Find(id)) {
          Self(user).OnChunk(*stream, data, size);
        }
        return 0;
      });
  nghttp2_session_callbacks_set_on_stream_close_callback(
      calls, [](nghttp2_session*, int32_t id, uint32_t, void* user) {
        Self(user).OnStreamEnded(id);
        return 0;
      });
  nghttp2_session_callbacks_set_on_frame_send_callback(
      calls, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
        Self(user).OnFrameSent(*frame);
        return 0;
      });
  nghttp2_session_callbacks_set_send_callback(
      calls, [](nghttp2_session*, const uint8_t* data, size_t size, int, void* user) {
        return Self(user).output_.Send(data, size);
      });
  nghttp2_session_callbacks_set_send_data_callback(
      calls, [](nghttp2_session*, nghttp2_frame*, const uint8_t* head, size_t size,
                nghttp2_data_source* source, void* user) {
        return Self(user).output_.SendBody(*static_cast<Http2Answer*>(source->ptr), head, size);
      });
  nghttp2_option_set_no_closed_streams(option, 1);
  // gRPC's specification lets a receiver strip them, grpc-go takes them, and some peers send them.
  nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(option, 1);
  nghttp2_option_set_stream_reset_rate_limit(option, kResetBurst, kResetRate);
  nghttp2_session* session = nullptr;
  GAPLESS_CHECK(nghttp2_session_server_new2(&session, calls, this, option) == 0);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(calls);
  return SessionPtr(session, nghttp2_session_del);
}

Http2ServerConnection::Http2ServerConnection(const Http2ServerOptions& options, ServerEnv env)
    : options_(options),
      env_(std::move(env)),
      bodies_(env_.worker, env_.budget, env_.max_body_bytes, options.stall_timeout),
      session_(NewSession()),
      output_(env_.stream),
      keepalive_(options, env_.worker, session(), *this),
      goodbye_(options, env_.worker, session(), *this),
      gate_(env_.worker, env_.stream, [this] { UpdateReading(); }),
      streams_(bodies_) {
  const std::array settings = std::to_array<nghttp2_settings_entry>({
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options_.max_concurrent_streams},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options_.stream_window_bytes},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<uint32_t>(options_.max_header_bytes)},
  });
  nghttp2_submit_settings(session(), NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session(), NGHTTP2_FLAG_NONE, 0,
                                        static_cast<int32_t>(options_.connection_window_bytes));
  ScheduleFlush();
}

void Http2ServerConnection::OnData(Slice bytes) {
  if (finished_) {
    return;
  }
  keepalive_.OnReceived();
  busy_ = true;
  input_ = std::move(bytes);
  const ssize_t taken = nghttp2_session_mem_recv(
      session(), reinterpret_cast<const uint8_t*>(input_.data()), input_.size());
  input_ = Slice();
  busy_ = false;
  Flush();
  if (taken < 0) {
    // nghttp2 has queued a GOAWAY where one helps; such errors (bad preface, flood) leave nothing
    // to go on with.
    return Finish();
  }
  UpdateReading();
}

void Http2ServerConnection::OnFrame(const nghttp2_frame& frame) {
  if (frame.hd.type == NGHTTP2_PING) {
    return OnPing(frame);
  }
  if (frame.hd.type != NGHTTP2_HEADERS && frame.hd.type != NGHTTP2_DATA) {
    return;
  }
  Http2Stream* stream = Find(frame.hd.stream_id);
  if (!stream) {
    return;
  }
  stream->remote_ended = stream->remote_ended || (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  if (IsRequestHead(frame)) {
    OnHead(*stream);
  }
  if (stream->remote_ended && !stream->responded) {
    streams_.Dispatch(*stream, env_);
  }
}

void Http2ServerConnection::OnHead(Http2Stream& stream) {
  if (stream.header_too_large) {
    return Refuse(stream, HttpRefusal::kHeaderTooLarge);
  }
  if (bodies_.exhausted()) {
    return Refuse(stream, HttpRefusal::kOverloaded);
  }
  ServerRequest& request = stream.request;
  std::optional<HttpResponse> refusal =
      env_.handler.OnHead(request.head, *env_.peer, request.body.max_bytes);
  if (refusal) {
    return Respond(stream, *std::move(refusal));
  }
  if (!stream.remote_ended) {
    ArmStall();
  }
}

void Http2ServerConnection::OnChunk(Http2Stream& stream, const uint8_t* data, size_t size) {
  // nghttp2 hands out pointers into what it was given.
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  if (!stream.responded &&
      !bodies_.Take(stream.request.body,
                    input_.Sub(static_cast<size_t>(bytes - input_.data()), size))) {
    Refuse(stream, HttpRefusal::kBodyTooLarge);
  }
}

void Http2ServerConnection::OnFrameSent(const nghttp2_frame& frame) {
  if ((frame.hd.type != NGHTTP2_HEADERS && frame.hd.type != NGHTTP2_DATA) ||
      !(frame.hd.flags & NGHTTP2_FLAG_END_STREAM)) {
    return;
  }
  const Http2Stream* stream = Find(frame.hd.stream_id);
  if (stream && !stream->remote_ended) {
    // Answered before the request was complete: tell the client to stop sending (RFC 9113
    // section 8.1).
    nghttp2_submit_rst_stream(session(), NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_NO_ERROR);
  }
}

void Http2ServerConnection::Flush() {
  if (busy_ || finished_) {
    return;
  }
  busy_ = true;
  const int result = nghttp2_session_send(session());
  busy_ = false;
  output_.Flush();
  // Between the two GOAWAYs nghttp2 already calls a connection without streams done; clients may
  // still open some.
  const bool done = !nghttp2_session_want_read(session()) && !nghttp2_session_want_write(session());
  if (result != 0 ||
      (!goodbye_.between_goaways() && (done || (goodbye_.said() && streams_.empty())))) {
    Finish();
  }
}

void Http2ServerConnection::ScheduleFlush() {
  if (busy_ || flush_scheduled_) {
    return;
  }
  // Answers that become ready in one turn leave with one system call.
  flush_scheduled_ = true;
  env_.worker.Post(lifetime_.Guard([this] {
    flush_scheduled_ = false;
    Flush();
    UpdateReading();
  }));
}

void Http2ServerConnection::UpdateReading() {
  if (finished_) {
    return;
  }
  // Whoever waits for answers can wait with sending, too; a connection without any must read on, or
  // nothing would ever end.
  const bool waits = streams_.unanswered() > 0 && gate_.paused_for() < kLongestPause;
  gate_.Set((waits && bodies_.pressed()) || env_.stream.above_high_watermark());
}

void Http2ServerConnection::ArmStall() {
  if (options_.stall_timeout > Duration::zero() && !stall_timer_.armed()) {
    stall_timer_ = env_.worker.RunAfter(options_.stall_timeout, [this] {
      if (streams_.CheckStalled(
              [this](Http2Stream& stream) { Refuse(stream, HttpRefusal::kTimeout); })) {
        ArmStall();
      }
    });
  }
}

std::unique_ptr<ServerConnection> NewHttp2ServerConnection(const Http2ServerOptions& options,
                                                           ServerEnv env) {
  return std::make_unique<Http2ServerConnection>(options, std::move(env));
}

}  // namespace gapless::net
