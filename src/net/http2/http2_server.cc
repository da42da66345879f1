#include "net/http2/http2_server.h"

#include "base/lifetime.h"
#include "net/http/server_connection.h"
#include "net/http2/frame_meter.h"
#include "net/http2/http2_headers.h"
#include "net/http2/http2_lifecycle.h"
#include "net/http2/http2_output.h"
#include "net/http2/http2_session.h"
#include "net/http2/http2_streams.h"

#include <array>
#include <chrono>
#include <deque>
#include <optional>
#include <utility>

namespace gapless::net {
namespace {

// A connection that stopped reading because of the budget reads a little after so long: clients
// that give up say so here, and their requests are what takes the budget.
constexpr auto kLongestPause = std::chrono::milliseconds(500);
// A turn works for so long on what one connection has sent, in parts of so many frames.
constexpr auto kTurn = std::chrono::milliseconds(1);
constexpr size_t kFramesAtOnce = 64;
// Bodies that wait for room look again after this time.
constexpr auto kAskForRoom = std::chrono::milliseconds(20);

TimePoint SteadyNow() { return TimePoint(std::chrono::steady_clock::now().time_since_epoch()); }

}  // namespace

// nghttp2 with its parts: what arrives goes to them, and their frames go out together.
class Http2ServerConnection final : public ServerConnection,
                                    private Http2Link,
                                    private Http2Events {
 public:
  Http2ServerConnection(const Http2ServerOptions& options, ServerEnv env);

  // The request that came over HTTP/1.1 is the first stream.
  void TakeOver(Http2Upgrade upgrade);

  void OnData(Slice bytes) override;
  void OnEnd() override { Finish(); }
  void OnHangup() override { Finish(); }
  void OnWritable() override { Flush(); }
  void Drain() override {
    goodbye_.Drain();
    streams_.Drain();
  }
  bool idle() const override { return streams_.empty(); }

  void Respond(Http2Stream& stream, HttpResponse response) {
    if (stream.request.responder) {
      meter_.OnAnswer();
    }
    streams_.OnAnswer(stream, env_.worker.Now());
    stream.answer.Submit(session_.get(), stream.id, std::move(response));
    keepalive_.OnAnswerSent();
    ArmPace();
    ScheduleFlush();
  }

 private:
  // Works on what has come, until a turn is over.
  void Read();
  // Ends the connection with a reason for the client.
  void End(uint32_t code, std::string_view text);

  void OnHead(Http2Stream& stream);

  // Http2Events.
  void OnFrameBegun(const nghttp2_frame_hd& head) override { headers_.OnFrameBegun(head); }
  void OnStreamBegun(int32_t id) override {
    nghttp2_session_set_stream_user_data(session_.get(), id, &streams_.Begin(*this, id));
    goodbye_.OnStreamBegun();
  }
  int OnField(const nghttp2_frame& frame, std::string_view name, std::string_view value) override {
    return headers_.OnField(IsRequestHead(frame) ? Find(frame.hd.stream_id) : nullptr, name, value);
  }
  void OnFrame(const nghttp2_frame& frame) override;
  void OnInvalidFrame(const nghttp2_frame& frame) override {
    meter_.OnRefusedStream();
    streams_.OnRefused(frame.hd);
  }
  void OnChunk(int32_t id, ByteSpan bytes) override;
  void OnStreamEnded(int32_t id) override {
    if (streams_.End(id)) {
      goodbye_.OnLastStreamEnded();
    }
  }
  void OnFrameSent(const nghttp2_frame& frame) override;
  Http2Output& output() override { return output_; }

  // Http2Link.
  void Flush() override;
  void ScheduleFlush() override;
  void Finish() override {
    if (!std::exchange(finished_, true)) {
      env_.finish();
    }
  }

  Http2Stream* Find(int32_t id) {
    return static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(session_.get(), id));
  }
  // `name`: what it is called by those who count, if that is not the usual.
  void Refuse(Http2Stream& stream, HttpRefusal reason, std::optional<RefusedRequest> name = {}) {
    env_.Tell(name.value_or(NameOf(reason)));
    Respond(stream, env_.handler.Refuse(stream.request.head, reason));
  }
  void UpdateReading();
  void SettleBodies();
  void ArmPace();
  void CheckPace();

  const Http2ServerOptions& options_;
  ServerEnv env_;
  RequestBodies bodies_;
  const Http2SessionPtr session_;
  Http2Output output_;
  Http2Keepalive keepalive_;
  Http2Goodbye goodbye_;
  ReadGate gate_;
  FrameMeter meter_;
  Http2Headers headers_;
  std::deque<Slice> input_;  // the first is what nghttp2 reads; others are for later turns
  bool busy_ = false;        // inside nghttp2, or in a callback that flushes at its end
  bool finished_ = false;
  Timer pace_timer_;
  Timer room_timer_;
  Lifetime lifetime_;
  Http2Streams streams_;  // ends first: it tells those who work on answers
};

void Http2Stream::OnResponse(HttpResponse response) {
  connection.Respond(*this, std::move(response));
}

Http2ServerConnection::Http2ServerConnection(const Http2ServerOptions& options, ServerEnv env)
    : options_(options),
      env_(std::move(env)),
      bodies_(env_.worker, env_.shares, env_.max_body_bytes, options.stall_timeout),
      session_(NewHttp2ServerSession(*this)),
      output_(env_.stream),
      keepalive_(options, env_.worker, session_.get(), *this),
      goodbye_(options, env_.worker, session_.get(), *this),
      gate_(env_.worker, env_.stream, [this] { UpdateReading(); }),
      meter_(SteadyNow()),
      headers_(options.max_header_bytes, env_, bodies_, meter_),
      streams_(bodies_) {
  const std::array settings = std::to_array<nghttp2_settings_entry>({
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options_.max_concurrent_streams},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, RequestBody::kFreeBytes},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<uint32_t>(options_.max_header_bytes)},
      // Answers need no order among them, and its tree would be the client's to grow.
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  });
  nghttp2_submit_settings(session_.get(), NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session_.get(), NGHTTP2_FLAG_NONE, 0,
                                        static_cast<int32_t>(options_.connection_window_bytes));
  ScheduleFlush();
}

void Http2ServerConnection::OnData(Slice bytes) {
  if (finished_) {
    return;
  }
  keepalive_.OnReceived();
  input_.push_back(std::move(bytes));
  if (input_.size() == 1) {
    Read();
  }
}

void Http2ServerConnection::Read() {
  const TimePoint end = SteadyNow() + kTurn;
  ssize_t taken = 0;
  busy_ = true;
  const auto well = [&] { return taken >= 0 && !meter_.flooded() && !streams_.violation(); };
  for (TimePoint now; well() && !input_.empty() && now < end;) {
    now = SteadyNow();
    Slice& front = input_.front();
    const size_t size = meter_.Follow(
        front.span(), kFramesAtOnce, now,
        [this](const FrameHead& frame, ByteSpan payload) { streams_.OnFrame(frame, payload); });
    taken = nghttp2_session_mem_recv(session_.get(), reinterpret_cast<const uint8_t*>(front.data()),
                                     size);
    streams_.OnRead();
    front = front.Sub(size, front.size() - size);
    if (front.empty()) {
      input_.pop_front();
    }
  }
  busy_ = false;
  if (meter_.flooded() || taken == NGHTTP2_ERR_FLOODED) {
    // A client that does nothing else than cost time.
    meter_.OnFlood();
    env_.Tell(RefusedConnection::kFlood, meter_.last_drop());
    return End(NGHTTP2_ENHANCE_YOUR_CALM, "too many frames without requests");
  }
  SettleBodies();
  if (const auto violation = streams_.violation()) {
    return End(*violation, "a frame that must not come now");
  }
  Flush();
  if (taken < 0) {
    // nghttp2 has queued a GOAWAY where one helps; such errors (bad preface, flood) leave nothing
    // to go on with.
    env_.Tell(RefusedConnection::kProtocol, nghttp2_strerror(static_cast<int>(taken)));
    return Finish();
  }
  UpdateReading();
  if (!input_.empty() && !finished_) {
    env_.worker.RunNextTurn(lifetime_.Guard([this] { Read(); }));
  }
}

void Http2ServerConnection::End(uint32_t code, std::string_view text) {
  nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_.get()), code,
                        reinterpret_cast<const uint8_t*>(text.data()), text.size());
  Flush();
  Finish();
}

void Http2ServerConnection::OnFrame(const nghttp2_frame& frame) {
  if (frame.hd.type == NGHTTP2_PING && frame.hd.flags & NGHTTP2_FLAG_ACK) {
    keepalive_.OnPingAck();
    goodbye_.OnPingAck(frame.ping.opaque_data);
  } else if (frame.hd.type == NGHTTP2_PING) {
    keepalive_.OnPing(!streams_.empty());
  }
  if (frame.hd.type == NGHTTP2_RST_STREAM) {
    Http2Stream* reset = Find(frame.hd.stream_id);
    if (reset && !reset->responded) {
      env_.Tell(RefusedRequest::kReset);
    }
    if (reset) {
      reset->remote_ended = true;
    }
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
  if (stream->remote_ended && stream->call) {
    stream->call->OnEnd();
  } else if (stream->remote_ended && !stream->responded) {
    streams_.Dispatch(*stream, env_);
  }
}

void Http2ServerConnection::OnHead(Http2Stream& stream) {
  headers_.OnHead(stream);
  using Trouble = Http2Stream::HeaderTrouble;
  if (stream.header_trouble == Trouble::kTooLarge) {
    return Refuse(stream, HttpRefusal::kHeaderTooLarge);
  }
  if (stream.header_trouble == Trouble::kNoRoom) {
    return Refuse(stream, HttpRefusal::kOverloaded, RefusedRequest::kHeaderBudget);
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
  if (!streams_.Open(stream, env_, session_.get(), *this) && !stream.remote_ended) {
    streams_.Touch(stream);
    ArmPace();
  }
}

void Http2ServerConnection::OnChunk(int32_t id, ByteSpan bytes) {
  // The windows of streams are what holds clients back; this one is for all of them.
  nghttp2_session_consume_connection(session_.get(), bytes.size());
  Http2Stream* stream = Find(id);
  if (!stream || stream->responded) {
    return;
  }
  // nghttp2 hands out pointers into what it was given.
  const Slice& input = input_.front();
  const Slice slice = input.Sub(static_cast<size_t>(bytes.data() - input.data()), bytes.size());
  if (stream->call) {
    return stream->call->OnBytes(slice);
  }
  switch (bodies_.Take(stream->request.body, slice)) {
    case RequestBodies::Took::kYes:
      return streams_.Touch(*stream);
    case RequestBodies::Took::kTooLarge:
      return Refuse(*stream, HttpRefusal::kBodyTooLarge);
    case RequestBodies::Took::kNoRoom:
      return Refuse(*stream, HttpRefusal::kOverloaded);
  }
}

// Windows of large bodies are opened from here.
void Http2ServerConnection::SettleBodies() {
  const bool wait = streams_.Settle(session_.get(), env_, [this](Http2Stream& stream) {
    Refuse(stream, HttpRefusal::kBodyTooLarge);
  });
  if (wait && !room_timer_.armed()) {
    room_timer_ = env_.worker.RunAfter(kAskForRoom, [this] {
      SettleBodies();
      Flush();
    });
  }
}

void Http2ServerConnection::OnFrameSent(const nghttp2_frame& frame) {
  if (frame.hd.type == NGHTTP2_GOAWAY && frame.goaway.error_code != NGHTTP2_NO_ERROR &&
      !meter_.flooded()) {
    const bool calm = frame.goaway.error_code == NGHTTP2_ENHANCE_YOUR_CALM;
    env_.Tell(calm ? RefusedConnection::kFlood : RefusedConnection::kProtocol,
              nghttp2_http2_strerror(frame.goaway.error_code));
  }
  if ((frame.hd.type != NGHTTP2_HEADERS && frame.hd.type != NGHTTP2_DATA) ||
      !(frame.hd.flags & NGHTTP2_FLAG_END_STREAM)) {
    return;
  }
  const Http2Stream* stream = Find(frame.hd.stream_id);
  if (stream && !stream->remote_ended) {
    // Answered before the request was complete: tell the client to stop sending (RFC 9113
    // section 8.1).
    nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_NO_ERROR);
  }
}

void Http2ServerConnection::Flush() {
  if (busy_ || finished_) {
    return;
  }
  busy_ = true;
  const int result = nghttp2_session_send(session_.get());
  busy_ = false;
  output_.Flush();
  // Between the two GOAWAYs nghttp2 already calls a connection without streams done; clients may
  // still open some.
  const bool done =
      !nghttp2_session_want_read(session_.get()) && !nghttp2_session_want_write(session_.get());
  if (result != 0 ||
      (!goodbye_.between_goaways() && (done || (goodbye_.said() && streams_.empty())))) {
    Finish();
  }
}

void Http2ServerConnection::ScheduleFlush() {
  // Answers that become ready in one turn leave with one system call.
  if (busy_ || output_.SetScheduled(true)) {
    return;
  }
  env_.worker.Post(lifetime_.Guard([this] {
    output_.SetScheduled(false);
    Flush();
    UpdateReading();
  }));
}

void Http2ServerConnection::UpdateReading() {
  if (finished_) {
    return;
  }
  const Duration unread = output_.UnreadFor(env_.worker.Now());
  if (options_.stall_timeout > Duration::zero() && unread >= options_.stall_timeout) {
    env_.Tell(RefusedConnection::kUnread, "");
    return Finish();
  }
  // Whoever waits for answers can wait with sending, too; a connection without any must read on, or
  // nothing would ever end.
  const bool waits = streams_.unanswered() > 0 && gate_.paused_for() < kLongestPause;
  gate_.Set((waits && bodies_.pressed()) || env_.stream.above_high_watermark() || !input_.empty());
}

void Http2ServerConnection::ArmPace() {
  if (options_.stall_timeout > Duration::zero() && !pace_timer_.armed()) {
    pace_timer_ = env_.worker.RunAfter(bodies_.check_every(), [this] { CheckPace(); });
  }
}

void Http2ServerConnection::CheckPace() {
  const auto end = [this](Http2Stream& stream, Http2Streams::BadPace pace) {
    if (!pace) {
      env_.Tell(RefusedRequest::kUnread);
      nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream.id, NGHTTP2_CANCEL);
      ScheduleFlush();
    } else if (*pace == RequestBodies::Pace::kStalled) {
      Refuse(stream, HttpRefusal::kTimeout);
    } else {
      const bool slow = *pace == RequestBodies::Pace::kTooSlow;
      Refuse(stream, HttpRefusal::kOverloaded,
             slow ? RefusedRequest::kTooSlow : NameOf(HttpRefusal::kOverloaded));
    }
  };
  if (streams_.CheckPace(env_.worker.Now(), end)) {
    ArmPace();
  }
}

void Http2ServerConnection::TakeOver(Http2Upgrade upgrade) {
  const int result = nghttp2_session_upgrade2(
      session_.get(), reinterpret_cast<const uint8_t*>(upgrade.settings.data()),
      upgrade.settings.size(), upgrade.request.head.method == "HEAD" ? 1 : 0, nullptr);
  if (result != 0) {
    env_.Tell(RefusedConnection::kProtocol, nghttp2_strerror(result));
    return Finish();
  }
  constexpr int32_t kFirstStream = 1;  // RFC 7540 section 3.2
  OnStreamBegun(kFirstStream);
  Http2Stream& stream = *Find(kFirstStream);
  stream.request = std::move(upgrade.request);
  stream.remote_ended = true;
  if (upgrade.refusal) {
    return Respond(stream, *std::move(upgrade.refusal));
  }
  streams_.Dispatch(stream, env_);
}

std::unique_ptr<ServerConnection> NewHttp2ServerConnection(const Http2ServerOptions& options,
                                                           ServerEnv env) {
  return std::make_unique<Http2ServerConnection>(options, std::move(env));
}

std::unique_ptr<ServerConnection> UpgradeToHttp2(const Http2ServerOptions& options, ServerEnv env,
                                                 Http2Upgrade upgrade) {
  auto connection = std::make_unique<Http2ServerConnection>(options, std::move(env));
  connection->TakeOver(std::move(upgrade));
  return connection;
}

}  // namespace gapless::net
