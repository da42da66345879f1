#include "net/http2/http2_server.h"

#include "base/rng.h"
#include "fmt/format.h"
#include "net/http/rope_cursor.h"
#include "net/http/server_connection.h"
#include "net/http2/ping_enforcer.h"
#include "net/loop/thread_slab.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <nghttp2/nghttp2.h>

namespace gapless::net {
namespace {

// For frame headers and HEADERS frames that wait to be sent.
constexpr size_t kFrameSlab = 64 * 1024;
// After the first GOAWAY clients get this long to stop opening streams, if they do not answer the
// ping before.
constexpr auto kGoawayWait = std::chrono::seconds(1);
// A connection as young as that gets its first request before it is told to go: the client would
// only connect again.
constexpr auto kFirstRequestWait = std::chrono::milliseconds(500);
// A connection that stopped reading because of the budget looks again after this time.
constexpr auto kBudgetPoll = std::chrono::milliseconds(20);
// It reads a little after so long: clients that give up say so here, and their requests are what
// takes the budget.
constexpr auto kLongestPause = std::chrono::milliseconds(500);
// Resets by the peer: bursts and a lasting rate above what deadlines in an outage cause are
// attacks.
constexpr uint64_t kResetBurst = 2000;
constexpr uint64_t kResetRate = 200;
constexpr std::array<uint8_t, 8> kDrainPing = {'d', 'r', 'a', 'i', 'n', 0, 0, 1};
constexpr std::array<uint8_t, 8> kAlivePing = {'a', 'l', 'i', 'v', 'e', 0, 0, 1};

ThreadSlab& FrameMemory() {
  thread_local ThreadSlab memory(kFrameSlab);
  return memory;
}

nghttp2_nv Field(std::string_view name, std::string_view value) {
  // nghttp2 does not write through these; NO_COPY is kept because the strings live with the stream.
  return {reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
          reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(),
          NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

std::vector<nghttp2_nv> Fields(const HttpHeaders& headers) {
  std::vector<nghttp2_nv> fields;
  fields.reserve(headers.size() + 1);
  for (const HttpHeader& header : headers) {
    if (IsHeaderName(header.name) && IsHeaderValue(header.value)) {
      fields.push_back(Field(header.name, header.value));
    }
  }
  return fields;
}

class Http2ServerConnection;

// One request and its response.
struct Exchange final : ResponseSink {
  Exchange(Http2ServerConnection& owner, int32_t stream_id) : connection(owner), id(stream_id) {}
  void OnResponse(HttpResponse response_in) override;

  Http2ServerConnection& connection;
  const int32_t id;
  HttpRequest request;
  size_t header_bytes = 0;
  size_t max_body_bytes = 0;
  BodyCharge charge;
  TimePoint last_progress;
  bool header_too_large = false;
  bool remote_ended = false;
  bool responded = false;  // submitted to nghttp2; from then on the body is discarded
  std::shared_ptr<ResponderState> responder;  // from dispatch on
  std::string status;
  HttpResponse response;
  std::optional<RopeCursor> cursor;
};

class Http2ServerConnection final : public ServerConnection {
 public:
  Http2ServerConnection(const Http2ServerOptions& options, ServerEnv env);
  ~Http2ServerConnection() override;

  void OnData(Slice bytes) override;
  void OnEnd() override { Finish(); }
  void OnHangup() override { Finish(); }
  void OnWritable() override { Flush(); }
  void Drain() override;

  void Respond(Exchange& exchange, HttpResponse response);

 private:
  // nghttp2's callbacks.
  static nghttp2_session* NewSession(Http2ServerConnection* self);
  static Http2ServerConnection& Self(void* user) {
    return *static_cast<Http2ServerConnection*>(user);
  }
  static int OnBeginHeaders(nghttp2_session*, const nghttp2_frame* frame, void* user);
  static int OnHeader(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name,
                      size_t name_size, const uint8_t* value, size_t value_size, uint8_t flags,
                      void* user);
  static int OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* user);
  static int OnChunk(nghttp2_session*, uint8_t flags, int32_t id, const uint8_t* data, size_t size,
                     void* user);
  static int OnStreamClose(nghttp2_session*, int32_t id, uint32_t error, void* user);
  static int OnFrameSent(nghttp2_session*, const nghttp2_frame* frame, void* user);
  static ssize_t Send(nghttp2_session*, const uint8_t* data, size_t size, int flags, void* user);
  static ssize_t ReadBody(nghttp2_session*, int32_t id, uint8_t* buffer, size_t size,
                          uint32_t* flags, nghttp2_data_source* source, void* user);
  static int SendBody(nghttp2_session*, nghttp2_frame* frame, const uint8_t* head, size_t size,
                      nghttp2_data_source* source, void* user);

  Exchange* Find(int32_t id);
  void TakeHeader(Exchange& exchange, std::string_view name, std::string_view value);
  void HandleHead(Exchange& exchange);
  void TakeChunk(int32_t id, const uint8_t* data, size_t size);
  void HandleRequestEnd(Exchange& exchange);
  void Refuse(Exchange& exchange, HttpRefusal reason);
  void HandlePing(const nghttp2_frame& frame);
  void Close(int32_t id);

  void Append(const uint8_t* data, size_t size);
  void Flush();
  void ScheduleFlush();
  void Finish();
  void SayGoodbye();
  void FinalGoaway();
  void EndWith(uint32_t error, std::string_view text);
  void UpdateReading();

  void StartTimers();
  void ArmIdle();
  void ArmPing();
  void OnPingTimer();
  void ArmStall();
  void ResetStalled();

  const Http2ServerOptions& options_;
  ServerEnv env_;
  nghttp2_session* const session_;
  std::unordered_map<int32_t, std::unique_ptr<Exchange>> exchanges_;
  size_t unanswered_ = 0;  // dispatched and not answered
  PingEnforcer enforcer_;

  Slice input_;  // what nghttp2 is reading at the moment
  Rope output_;
  bool busy_ = false;  // inside nghttp2, or in a callback that flushes at its end
  bool flush_scheduled_ = false;
  bool reading_paused_ = false;
  TimePoint paused_at_;
  bool draining_ = false;
  bool seen_request_ = false;
  bool finished_ = false;
  // Points here until the connection is destroyed.
  std::shared_ptr<Http2ServerConnection*> self_ = std::make_shared<Http2ServerConnection*>(this);

  const TimePoint begun_;
  TimePoint last_received_;
  Timer idle_timer_;
  Timer age_timer_;
  Timer goaway_timer_;
  Timer drain_timer_;  // until the first GOAWAY of a young connection
  Timer grace_timer_;
  Timer ping_timer_;
  Timer stall_timer_;
  Timer budget_timer_;
  bool ping_outstanding_ = false;
};

void Exchange::OnResponse(HttpResponse response_in) {
  connection.Respond(*this, std::move(response_in));
}

nghttp2_session* Http2ServerConnection::NewSession(Http2ServerConnection* self) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_option* option = nullptr;
  GAPLESS_CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
  GAPLESS_CHECK(nghttp2_option_new(&option) == 0);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, OnBeginHeaders);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, OnHeader);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, OnFrame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, OnChunk);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, OnStreamClose);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, OnFrameSent);
  nghttp2_session_callbacks_set_send_callback(callbacks, Send);
  nghttp2_session_callbacks_set_send_data_callback(callbacks, SendBody);
  nghttp2_option_set_no_closed_streams(option, 1);
  nghttp2_option_set_stream_reset_rate_limit(option, kResetBurst, kResetRate);
  nghttp2_session* session = nullptr;
  GAPLESS_CHECK(nghttp2_session_server_new2(&session, callbacks, self, option) == 0);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  return session;
}

Http2ServerConnection::Http2ServerConnection(const Http2ServerOptions& options, ServerEnv env)
    : options_(options),
      env_(std::move(env)),
      session_(NewSession(this)),
      enforcer_(options.min_ping_interval, options.permit_pings_without_stream),
      begun_(env_.worker.Now()),
      last_received_(begun_) {
  const std::array settings = std::to_array<nghttp2_settings_entry>({
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options_.max_concurrent_streams},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options_.stream_window_bytes},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<uint32_t>(options_.max_header_bytes)},
  });
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<int32_t>(options_.connection_window_bytes));
  StartTimers();
  ScheduleFlush();
}

Http2ServerConnection::~Http2ServerConnection() {
  finished_ = true;
  while (!exchanges_.empty()) {
    Close(exchanges_.begin()->first);
  }
  *self_ = nullptr;
  nghttp2_session_del(session_);
}

void Http2ServerConnection::OnData(Slice bytes) {
  if (finished_) {
    return;
  }
  last_received_ = env_.worker.Now();
  busy_ = true;
  input_ = std::move(bytes);
  const ssize_t taken = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const uint8_t*>(input_.data()), input_.size());
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

Exchange* Http2ServerConnection::Find(int32_t id) {
  return static_cast<Exchange*>(nghttp2_session_get_stream_user_data(session_, id));
}

int Http2ServerConnection::OnBeginHeaders(nghttp2_session* session, const nghttp2_frame* frame,
                                          void* user) {
  Http2ServerConnection& self = Self(user);
  if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
    return 0;
  }
  const int32_t id = frame->hd.stream_id;
  auto exchange = std::make_unique<Exchange>(self, id);
  exchange->last_progress = self.env_.worker.Now();
  exchange->max_body_bytes = self.env_.max_body_bytes;
  nghttp2_session_set_stream_user_data(session, id, exchange.get());
  self.exchanges_.emplace(id, std::move(exchange));
  self.idle_timer_.Cancel();
  self.seen_request_ = true;
  if (self.drain_timer_.armed()) {
    self.drain_timer_ = self.env_.worker.RunAfter({}, [&self] { self.SayGoodbye(); });
  }
  return 0;
}

int Http2ServerConnection::OnHeader(nghttp2_session*, const nghttp2_frame* frame,
                                    const uint8_t* name, size_t name_size, const uint8_t* value,
                                    size_t value_size, uint8_t, void* user) {
  Http2ServerConnection& self = Self(user);
  Exchange* exchange = self.Find(frame->hd.stream_id);
  if (exchange && frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
    self.TakeHeader(*exchange, {reinterpret_cast<const char*>(name), name_size},
                    {reinterpret_cast<const char*>(value), value_size});
  }
  return 0;
}

void Http2ServerConnection::TakeHeader(Exchange& exchange, std::string_view name,
                                       std::string_view value) {
  exchange.header_bytes += name.size() + value.size() + 32;
  if (exchange.header_bytes > options_.max_header_bytes) {
    exchange.header_too_large = true;
    return;
  }
  HttpRequest& request = exchange.request;
  if (name == ":method") {
    request.method = value;
  } else if (name == ":path") {
    request.target = value;
  } else if (name == ":scheme") {
    request.scheme = value;
  } else if (name == ":authority") {
    request.authority = value;
  } else if (name == "host") {
    if (request.authority.empty()) {
      request.authority = value;
    }
  } else {
    request.headers.Add(std::string(name), std::string(value));
  }
}

int Http2ServerConnection::OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  Http2ServerConnection& self = Self(user);
  if (frame->hd.type == NGHTTP2_PING) {
    self.HandlePing(*frame);
    return 0;
  }
  if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) {
    return 0;
  }
  Exchange* exchange = self.Find(frame->hd.stream_id);
  if (!exchange) {
    return 0;
  }
  exchange->remote_ended =
      exchange->remote_ended || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
    self.HandleHead(*exchange);
  }
  if (exchange->remote_ended && !exchange->responded) {
    self.HandleRequestEnd(*exchange);
  }
  return 0;
}

void Http2ServerConnection::HandleHead(Exchange& exchange) {
  if (exchange.header_too_large) {
    return Refuse(exchange, HttpRefusal::kHeaderTooLarge);
  }
  if (env_.budget->exhausted()) {
    return Refuse(exchange, HttpRefusal::kOverloaded);
  }
  std::optional<HttpResponse> refusal =
      env_.handler.OnHead(exchange.request, *env_.peer, exchange.max_body_bytes);
  if (refusal) {
    return Respond(exchange, *std::move(refusal));
  }
  if (!exchange.remote_ended) {
    ArmStall();
  }
}

void Http2ServerConnection::Refuse(Exchange& exchange, HttpRefusal reason) {
  Respond(exchange, env_.handler.Refuse(exchange.request, reason));
}

int Http2ServerConnection::OnChunk(nghttp2_session*, uint8_t, int32_t id, const uint8_t* data,
                                   size_t size, void* user) {
  Self(user).TakeChunk(id, data, size);
  return 0;
}

void Http2ServerConnection::TakeChunk(int32_t id, const uint8_t* data, size_t size) {
  Exchange* exchange = Find(id);
  if (!exchange || exchange->responded) {
    return;
  }
  Rope& body = exchange->request.body;
  if (body.size() + size > exchange->max_body_bytes) {
    exchange->charge.Release();
    body.Clear();
    return Refuse(*exchange, HttpRefusal::kBodyTooLarge);
  }
  // nghttp2 hands out pointers into what it was given.
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  AppendToBody(body, input_.Sub(static_cast<size_t>(bytes - input_.data()), size));
  exchange->last_progress = env_.worker.Now();
  exchange->charge.Add(env_.budget, size);
}

void Http2ServerConnection::HandleRequestEnd(Exchange& exchange) {
  exchange.responder = std::make_shared<ResponderState>();
  exchange.responder->sink = &exchange;
  ++unanswered_;
  HttpCall call;
  call.request = std::move(exchange.request);
  call.request.body = CompactBody(std::move(call.request.body));
  call.responder = HttpResponder(exchange.responder);
  call.peer = env_.peer;
  call.worker = &env_.worker;
  call.worker_index = env_.worker_index;
  env_.handler.Handle(std::move(call));
}

void Http2ServerConnection::Respond(Exchange& exchange, HttpResponse response) {
  GAPLESS_CHECK(!exchange.responded);
  exchange.responded = true;
  if (exchange.responder) {
    --unanswered_;
  }
  exchange.charge.Release();
  exchange.response = std::move(response);
  exchange.status = std::to_string(exchange.response.status);
  exchange.cursor.emplace(&exchange.response.body);
  std::vector<nghttp2_nv> fields = Fields(exchange.response.headers);
  fields.insert(fields.begin(), Field(":status", exchange.status));
  nghttp2_data_provider provider{};
  provider.source.ptr = &exchange;
  provider.read_callback = ReadBody;
  const bool bare = exchange.response.body.empty() && exchange.response.trailers.empty();
  nghttp2_submit_response(session_, exchange.id, fields.data(), fields.size(),
                          bare ? nullptr : &provider);
  enforcer_.OnAnswerSent();
  ScheduleFlush();
}

ssize_t Http2ServerConnection::ReadBody(nghttp2_session* session, int32_t id, uint8_t*, size_t size,
                                        uint32_t* flags, nghttp2_data_source* source, void*) {
  const auto& exchange = *static_cast<const Exchange*>(source->ptr);
  const size_t take = std::min(size, exchange.cursor->left());
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (take == exchange.cursor->left()) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!exchange.response.trailers.empty()) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      const std::vector<nghttp2_nv> fields = Fields(exchange.response.trailers);
      nghttp2_submit_trailer(session, id, fields.data(), fields.size());
    }
  }
  return static_cast<ssize_t>(take);
}

int Http2ServerConnection::SendBody(nghttp2_session*, nghttp2_frame*, const uint8_t* head,
                                    size_t size, nghttp2_data_source* source, void* user) {
  constexpr size_t kFrameHead = 9;
  Http2ServerConnection& self = Self(user);
  if (self.env_.stream.above_high_watermark()) {
    return NGHTTP2_ERR_WOULDBLOCK;
  }
  self.Append(head, kFrameHead);
  static_cast<Exchange*>(source->ptr)->cursor->Take(size, self.output_);
  return 0;
}

ssize_t Http2ServerConnection::Send(nghttp2_session*, const uint8_t* data, size_t size, int,
                                    void* user) {
  Http2ServerConnection& self = Self(user);
  if (self.env_.stream.above_high_watermark()) {
    return NGHTTP2_ERR_WOULDBLOCK;
  }
  self.Append(data, size);
  return static_cast<ssize_t>(size);
}

void Http2ServerConnection::Append(const uint8_t* data, size_t size) {
  output_.Append(FrameMemory().Copy(ByteSpan(reinterpret_cast<const std::byte*>(data), size)));
}

void Http2ServerConnection::Flush() {
  if (busy_ || finished_) {
    return;
  }
  busy_ = true;
  const int result = nghttp2_session_send(session_);
  busy_ = false;
  if (!output_.empty()) {
    env_.stream.Write(std::exchange(output_, Rope()));
  }
  // Between the two GOAWAYs nghttp2 already calls a connection without streams done; clients may
  // still open some.
  const bool between_goaways = draining_ && goaway_timer_.armed();
  const bool done = !nghttp2_session_want_read(session_) && !nghttp2_session_want_write(session_);
  if (result != 0 || (!between_goaways && (done || (draining_ && exchanges_.empty())))) {
    Finish();
  }
}

void Http2ServerConnection::ScheduleFlush() {
  if (busy_ || flush_scheduled_) {
    return;
  }
  // Answers that become ready in one turn leave with one system call.
  flush_scheduled_ = true;
  env_.worker.Post([self = self_] {
    if (*self) {
      (*self)->flush_scheduled_ = false;
      (*self)->Flush();
      (*self)->UpdateReading();
    }
  });
}

int Http2ServerConnection::OnFrameSent(nghttp2_session* session, const nghttp2_frame* frame,
                                       void* user) {
  if ((frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) ||
      !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) {
    return 0;
  }
  const Exchange* exchange = Self(user).Find(frame->hd.stream_id);
  if (exchange && !exchange->remote_ended) {
    // Answered before the request was complete: tell the client to stop sending (RFC 9113
    // section 8.1).
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, exchange->id, NGHTTP2_NO_ERROR);
  }
  return 0;
}

int Http2ServerConnection::OnStreamClose(nghttp2_session*, int32_t id, uint32_t, void* user) {
  Self(user).Close(id);
  return 0;
}

void Http2ServerConnection::Close(int32_t id) {
  auto node = exchanges_.extract(id);
  if (node.empty()) {
    return;
  }
  Exchange& exchange = *node.mapped();
  if (exchange.responder && !exchange.responded) {
    --unanswered_;
    exchange.responded = true;
    exchange.responder->sink = nullptr;
    exchange.responder->charge = std::move(exchange.charge);
    if (Task task = std::move(exchange.responder->on_cancel)) {
      task();
    }
  }
  if (exchanges_.empty() && !finished_) {
    ArmIdle();
  }
}

void Http2ServerConnection::UpdateReading() {
  if (finished_) {
    return;
  }
  // Whoever waits for answers can wait with sending, too; a connection without any must read on, or
  // nothing would ever end.
  const TimePoint now = env_.worker.Now();
  const bool waited = reading_paused_ && now - paused_at_ >= kLongestPause;
  const bool pause =
      (unanswered_ > 0 && env_.budget->pressed() && !waited) || env_.stream.above_high_watermark();
  if (pause && !reading_paused_) {
    env_.stream.PauseRead();
    paused_at_ = now;
  } else if (!pause && reading_paused_) {
    env_.stream.ResumeRead();
  }
  reading_paused_ = pause;
  if (pause && !budget_timer_.armed()) {
    budget_timer_ = env_.worker.RunAfter(kBudgetPoll, [this] { UpdateReading(); });
  }
}

void Http2ServerConnection::HandlePing(const nghttp2_frame& frame) {
  if (frame.hd.flags & NGHTTP2_FLAG_ACK) {
    ping_outstanding_ = false;
    if (draining_ && std::ranges::equal(frame.ping.opaque_data, kDrainPing)) {
      FinalGoaway();
    }
    return;
  }
  if (options_.enforce_pings && !enforcer_.OnPing(env_.worker.Now(), !exchanges_.empty())) {
    EndWith(NGHTTP2_ENHANCE_YOUR_CALM, "too_many_pings");
  }
}

void Http2ServerConnection::EndWith(uint32_t error, std::string_view text) {
  // terminate_session would replace the text; its GOAWAY follows this one and closes the session.
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_), error,
                        reinterpret_cast<const uint8_t*>(text.data()), text.size());
  nghttp2_session_terminate_session(session_, error);
  ScheduleFlush();
}

void Http2ServerConnection::Drain() {
  if (draining_ || finished_) {
    return;
  }
  const Duration age = env_.worker.Now() - begun_;
  if (!seen_request_ && age < kFirstRequestWait) {
    drain_timer_ = env_.worker.RunAfter(kFirstRequestWait - age, [this] { SayGoodbye(); });
  } else {
    SayGoodbye();
  }
}

void Http2ServerConnection::SayGoodbye() {
  if (draining_ || finished_) {
    return;
  }
  drain_timer_.Cancel();
  // First a GOAWAY that refuses nothing; streams that cross it on the wire are still served (RFC
  // 9113 section 6.8).
  draining_ = true;
  goaway_timer_ = env_.worker.RunAfter(kGoawayWait, [this] { FinalGoaway(); });
  nghttp2_submit_shutdown_notice(session_);
  Flush();  // nghttp2 sends pings first, and this one asks whether the notice was read
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, kDrainPing.data());
  if (options_.max_connection_age_grace > Duration::zero()) {
    grace_timer_ = env_.worker.RunAfter(options_.max_connection_age_grace, [this] { Finish(); });
  }
  ScheduleFlush();
}

void Http2ServerConnection::FinalGoaway() {
  goaway_timer_.Cancel();
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR,
                        nullptr, 0);
  Flush();
}

void Http2ServerConnection::Finish() {
  if (!finished_) {
    finished_ = true;
    env_.finish();
  }
}

void Http2ServerConnection::StartTimers() {
  ArmIdle();
  ArmPing();
  if (options_.max_connection_age > Duration::zero()) {
    const double jitter = 0.9 + 0.2 * Rng(RandomSeed()).Uniform();
    const auto age = std::chrono::duration_cast<Duration>(options_.max_connection_age * jitter);
    age_timer_ = env_.worker.RunAfter(age, [this] { SayGoodbye(); });
  }
}

void Http2ServerConnection::ArmIdle() {
  if (options_.max_connection_idle > Duration::zero()) {
    idle_timer_ = env_.worker.RunAfter(options_.max_connection_idle, [this] { SayGoodbye(); });
  }
}

void Http2ServerConnection::ArmPing() {
  if (options_.ping_after > Duration::zero()) {
    ping_timer_ =
        env_.worker.RunAt(last_received_ + options_.ping_after, [this] { OnPingTimer(); });
  }
}

void Http2ServerConnection::OnPingTimer() {
  if (env_.worker.Now() - last_received_ < options_.ping_after) {
    ping_outstanding_ = false;
    return ArmPing();
  }
  if (ping_outstanding_) {
    return Finish();
  }
  ping_outstanding_ = true;
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, kAlivePing.data());
  Flush();
  ping_timer_ = env_.worker.RunAfter(options_.ping_timeout, [this] { OnPingTimer(); });
}

void Http2ServerConnection::ArmStall() {
  if (options_.stall_timeout > Duration::zero() && !stall_timer_.armed()) {
    stall_timer_ = env_.worker.RunAfter(options_.stall_timeout, [this] { ResetStalled(); });
  }
}

void Http2ServerConnection::ResetStalled() {
  bool waiting = false;
  for (const auto& [id, exchange] : exchanges_) {
    if (exchange->remote_ended || exchange->responded) {
      continue;
    }
    if (env_.worker.Now() - exchange->last_progress >= options_.stall_timeout) {
      Refuse(*exchange, HttpRefusal::kTimeout);
    } else {
      waiting = true;
    }
  }
  if (waiting) {
    ArmStall();
  }
}

}  // namespace

std::unique_ptr<ServerConnection> NewHttp2ServerConnection(const Http2ServerOptions& options,
                                                           ServerEnv env) {
  return std::make_unique<Http2ServerConnection>(options, std::move(env));
}

}  // namespace gapless::net
