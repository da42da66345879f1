#include "net/http2/http2_client.h"

#include "fmt/format.h"
#include "net/http/rope_cursor.h"

#include <algorithm>
#include <unordered_map>
#include <vector>

#include <nghttp2/nghttp2.h>

namespace gapless::net {
namespace {

constexpr int32_t kStreamWindow = 1 << 20;
constexpr int32_t kConnectionWindow = 8 << 20;
constexpr size_t kOutputChunk = 256 * 1024;
// Ours, on top of what the peer allows: far above any sane number of attempts in flight.
constexpr uint32_t kMaxStreams = 1000;
// Half of the stream numbers: the connection is replaced long before they run out.
constexpr int32_t kLastStream = 0x3fffffff;

// gRPC over HTTP/2, "HTTP2 Transport Mapping": error codes of RST_STREAM as status codes.
Status StreamReset(uint32_t error) {
  Code code = Code::kInternal;
  switch (error) {
    case NGHTTP2_CANCEL:
      code = Code::kCancelled;
      break;
    case NGHTTP2_ENHANCE_YOUR_CALM:
      code = Code::kResourceExhausted;
      break;
    case NGHTTP2_INADEQUATE_SECURITY:
      code = Code::kPermissionDenied;
      break;
    default:
      break;
  }
  return Status(code,
                fmt::format("the peer reset the request: HTTP/2 {}", nghttp2_http2_strerror(error)))
      .FromPeer();
}

struct Exchange : ClientExchange {
  RopeCursor body;
  size_t header_bytes = 0;
};

nghttp2_nv Pair(std::string_view name, std::string_view value) {
  // nghttp2 copies both; its interface is not const-correct.
  auto bytes = [](std::string_view text) {
    return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

// Bytes of decoded headers without a complete answer among them: more end the connection.
constexpr size_t kMaxHeadersWithoutAnswer = size_t{1} << 20;

class Http2ClientSession final : public ClientSession {
 public:
  Http2ClientSession(const ClientLimits& limits, Owner* owner) : limits_(limits), owner_(owner) {
    nghttp2_session_callbacks* callbacks = nullptr;
    GAPLESS_CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, &OnHeader);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, &OnFrame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &OnDataChunk);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, &OnStreamClose);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, &OnFrameNotSent);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, &OnSendData);
    nghttp2_option* option = nullptr;
    GAPLESS_CHECK(nghttp2_option_new(&option) == 0);
    nghttp2_option_set_no_closed_streams(option, 1);
    // gRPC's specification lets a receiver strip them, grpc-go takes them, and some peers send
    // them.
    nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(option, 1);
    nghttp2_option_set_max_send_header_block_length(option, 256 * 1024);
    GAPLESS_CHECK(nghttp2_session_client_new2(&session_, callbacks, this, option) == 0);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
  }
  ~Http2ClientSession() override { nghttp2_session_del(session_); }
  Http2ClientSession(const Http2ClientSession&) = delete;
  Http2ClientSession& operator=(const Http2ClientSession&) = delete;

  void Start() override {
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<uint32_t>(limits_.max_header_bytes)},
    };
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings));
    nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
    Pump();
  }

  Status Receive(const Slice& bytes) override {
    const ssize_t taken = nghttp2_session_mem_recv(
        session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
    if (taken < 0) {
      return Unavailable(fmt::format("HTTP/2: {}", nghttp2_strerror(static_cast<int>(taken))));
    }
    Pump();
    Deliver();
    const bool dead =
        nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0;
    if (dead && !goodbye_) {
      return Unavailable("HTTP/2: the peer broke the protocol");
    }
    return OkStatus();
  }

  void End() override { FailAll(Unavailable("connection closed by the peer before it answered")); }

  void FailAll(const Status& reason) override {
    goodbye_ = true;
    for (auto& [stream, exchange] : std::exchange(exchanges_, {})) {
      finished_.emplace_back(std::move(exchange->done), ExchangeResult{reason, Fate::kLost, {}});
    }
    Deliver();
  }

  size_t capacity() const override {
    if (goodbye_ || !ready_) {
      return 0;
    }
    const uint32_t allowed = std::min(
        kMaxStreams,
        nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS));
    return allowed > exchanges_.size() ? allowed - exchanges_.size() : 0;
  }
  size_t in_flight() const override { return exchanges_.size(); }

  void Send(uint64_t id, SharedRequest request, ExchangeCallback done) override;
  void Cancel(uint64_t id) override;

  void Deliver() override {
    // A callback may send the next request, whose failure lands here again.
    while (!finished_.empty()) {
      for (auto& [done, result] : std::exchange(finished_, {})) {
        done(std::move(result));
      }
    }
  }
  bool can_ping() const override { return true; }
  void Ping() override {
    nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
    Pump();
  }

  void Pump() override;

  bool finished() const override { return goodbye_ && exchanges_.empty(); }

  void Goodbye() override {
    goodbye_ = true;
    nghttp2_session_terminate_session(session_, NGHTTP2_NO_ERROR);
    Pump();
  }

 private:
  using Finished = std::pair<ExchangeCallback, ExchangeResult>;

  static Http2ClientSession& Self(void* user) { return *static_cast<Http2ClientSession*>(user); }
  static int OnHeader(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name,
                      size_t name_size, const uint8_t* value, size_t value_size, uint8_t,
                      void* user);
  static int OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* user);
  static int OnDataChunk(nghttp2_session*, uint8_t, int32_t stream, const uint8_t* data,
                         size_t size, void* user);
  static int OnStreamClose(nghttp2_session*, int32_t stream, uint32_t error, void* user);
  static int OnFrameNotSent(nghttp2_session*, const nghttp2_frame* frame, int error, void* user) {
    if (frame->hd.type == NGHTTP2_HEADERS) {
      Self(user).Finish(frame->hd.stream_id,
                        Unavailable(fmt::format("HTTP/2: {}", nghttp2_strerror(error))),
                        Fate::kUnprocessed);
    }
    return 0;
  }
  static int OnSendData(nghttp2_session*, nghttp2_frame* frame, const uint8_t* head, size_t size,
                        nghttp2_data_source* source, void* user);
  static ssize_t OnReadBody(nghttp2_session*, int32_t stream, uint8_t*, size_t size,
                            uint32_t* flags, nghttp2_data_source*, void* user);

  // The header of an answer is complete.
  void OnHead(int32_t stream) {
    Exchange* exchange = Find(stream);
    if (exchange == nullptr) {
      return;
    }
    exchange->head = exchange->response.status >= 200;
    if (exchange->head) {
      owner_->OnAnswerBytes();
    } else if (++exchange->interim_answers > kMaxInterimAnswers) {
      nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
      Finish(stream, Unavailable("HTTP/2: too many interim answers (1xx)"), Fate::kLost);
    }
  }
  Exchange* Find(int32_t stream) {
    auto it = exchanges_.find(stream);
    return it == exchanges_.end() ? nullptr : it->second.get();
  }
  // Ends the exchange; its callback runs in Deliver, outside nghttp2.
  void Finish(int32_t stream, Status status, Fate fate);
  void Complete(int32_t stream);
  void Refuse(int32_t stream, std::string why) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
    Finish(stream, ResourceExhausted(std::move(why)), Fate::kAnswered);
  }
  void FlushControl() {
    if (!control_.empty()) {
      out_.Append(Slice::CopyOf(control_));
      control_.clear();
    }
  }

  const ClientLimits limits_;
  Owner* const owner_;
  nghttp2_session* session_ = nullptr;
  std::unordered_map<int32_t, std::unique_ptr<Exchange>> exchanges_;
  std::unordered_map<uint64_t, int32_t> streams_;  // by the caller's id
  std::vector<Finished> finished_;
  size_t headers_without_answer_ = 0;  // decoded bytes, since the last complete answer
  std::string control_;                // frames that nghttp2 wrote, not yet in out_
  Rope out_;
  bool ready_ = false;
  bool goodbye_ = false;
  bool pumping_ = false;
};

void Http2ClientSession::Send(uint64_t id, SharedRequest request, ExchangeCallback done) {
  std::vector<nghttp2_nv> fields;
  fields.reserve(4 + request->headers.size());
  fields.push_back(Pair(":method", request->method));
  fields.push_back(Pair(":scheme", request->scheme));
  fields.push_back(Pair(":authority", request->authority));
  fields.push_back(Pair(":path", request->target));
  for (const HttpHeader& header : request->headers) {
    if (header.name != "host" && !IsConnectionField(header)) {
      fields.push_back(Pair(header.name, header.value));
    }
  }
  nghttp2_data_provider provider{};
  provider.read_callback = &OnReadBody;
  const nghttp2_data_provider* body = request->body.empty() ? nullptr : &provider;
  const int32_t stream =
      nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(), body, nullptr);
  GAPLESS_CHECK(stream > 0);
  RopeCursor cursor(&request->body);
  exchanges_.emplace(stream, std::make_unique<Exchange>(
                                 Exchange{{id, std::move(request), std::move(done)}, cursor}));
  streams_[id] = stream;
  Pump();
  if (stream >= kLastStream && !std::exchange(goodbye_, true)) {
    owner_->OnGoodbye();
  }
  if (!finished_.empty()) {
    owner_->OnUndelivered();
  }
}

void Http2ClientSession::Cancel(uint64_t id) {
  auto it = streams_.find(id);
  if (it == streams_.end()) {
    return;
  }
  const int32_t stream = it->second;
  streams_.erase(it);
  exchanges_.erase(stream);
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
  Pump();
}

void Http2ClientSession::Pump() {
  if (pumping_) {
    return;
  }
  pumping_ = true;
  while (owner_->CanOutput()) {
    bool more = true;
    while (out_.size() + control_.size() < kOutputChunk) {
      const uint8_t* data = nullptr;
      const ssize_t size = nghttp2_session_mem_send(session_, &data);
      if (size <= 0) {
        more = false;
        break;
      }
      control_.append(reinterpret_cast<const char*>(data), static_cast<size_t>(size));
    }
    FlushControl();
    if (!out_.empty()) {
      owner_->Output(std::exchange(out_, Rope()));
    }
    if (!more) {
      break;
    }
  }
  pumping_ = false;
}

void Http2ClientSession::Finish(int32_t stream, Status status, Fate fate) {
  auto it = exchanges_.find(stream);
  if (it == exchanges_.end()) {
    return;
  }
  Exchange& exchange = *it->second;
  headers_without_answer_ = status.ok() ? 0 : headers_without_answer_;
  ExchangeResult result = exchange.End(std::move(status), fate);
  finished_.emplace_back(std::move(exchange.done), std::move(result));
  streams_.erase(exchange.id);
  exchanges_.erase(it);
}

void Http2ClientSession::Complete(int32_t stream) {
  Exchange* exchange = Find(stream);
  if (exchange == nullptr) {
    return;
  }
  if (exchange->body.left() > 0) {
    // The answer came before the whole request was sent: the rest is of no use to the peer.
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
  }
  Finish(stream, OkStatus(), Fate::kAnswered);
}

int Http2ClientSession::OnHeader(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name,
                                 size_t name_size, const uint8_t* value, size_t value_size, uint8_t,
                                 void* user) {
  Http2ClientSession& self = Self(user);
  Exchange* exchange = self.Find(frame->hd.stream_id);
  // A header must be decoded whatever becomes of its stream, and a few bytes can make much of it.
  self.headers_without_answer_ += name_size + value_size;
  if (self.headers_without_answer_ > kMaxHeadersWithoutAnswer) {
    return NGHTTP2_ERR_CALLBACK_FAILURE;
  }
  if (exchange == nullptr) {
    return 0;
  }
  exchange->header_bytes += name_size + value_size + 32;
  if (exchange->header_bytes > self.limits_.max_header_bytes) {
    self.Refuse(frame->hd.stream_id, "the response has too large a header");
    return 0;
  }
  const std::string_view key(reinterpret_cast<const char*>(name), name_size);
  const std::string_view text = TrimBlanks({reinterpret_cast<const char*>(value), value_size});
  HttpResponse& response = exchange->response;
  if (key == ":status") {
    // nghttp2 has checked that these are three digits. An earlier 1xx response is replaced.
    response.status = (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0');
    response.headers = {};
    return 0;
  }
  (exchange->head ? response.trailers : response.headers).Add(std::string(key), std::string(text));
  return 0;
}

int Http2ClientSession::OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  Http2ClientSession& self = Self(user);
  switch (frame->hd.type) {
    case NGHTTP2_SETTINGS:
      if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0 && !self.ready_) {
        self.ready_ = true;
        self.owner_->OnReady();
      }
      break;
    case NGHTTP2_PING:
      if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) {
        self.owner_->OnPingAck();
      }
      break;
    case NGHTTP2_GOAWAY:
      if (!std::exchange(self.goodbye_, true)) {
        self.owner_->OnGoodbye();
      }
      break;
    case NGHTTP2_HEADERS:
      self.OnHead(frame->hd.stream_id);
      [[fallthrough]];
    case NGHTTP2_DATA:
      if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        self.Complete(frame->hd.stream_id);
      }
      break;
    default:
      break;
  }
  return 0;
}

int Http2ClientSession::OnDataChunk(nghttp2_session*, uint8_t, int32_t stream, const uint8_t* data,
                                    size_t size, void* user) {
  Http2ClientSession& self = Self(user);
  self.owner_->OnAnswerBytes();
  Exchange* exchange = self.Find(stream);
  if (exchange == nullptr) {
    return 0;
  }
  const ByteSpan bytes(reinterpret_cast<const std::byte*>(data), size);
  if (const Status status = exchange->TakeBody(bytes, self.limits_); !status.ok()) {
    self.Refuse(stream, status.message());
  }
  return 0;
}

int Http2ClientSession::OnStreamClose(nghttp2_session*, int32_t stream, uint32_t error,
                                      void* user) {
  if (error == NGHTTP2_REFUSED_STREAM) {
    Self(user).Finish(stream, Unavailable("the peer did not process the request").FromPeer(),
                      Fate::kUnprocessed);
  } else {
    Self(user).Finish(stream, StreamReset(error), Fate::kAnswered);
  }
  return 0;
}

ssize_t Http2ClientSession::OnReadBody(nghttp2_session*, int32_t stream, uint8_t*, size_t size,
                                       uint32_t* flags, nghttp2_data_source*, void* user) {
  Exchange* exchange = Self(user).Find(stream);
  if (exchange == nullptr) {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }
  const size_t part = std::min(size, exchange->body.left());
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (part == exchange->body.left()) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
  }
  return static_cast<ssize_t>(part);
}

int Http2ClientSession::OnSendData(nghttp2_session*, nghttp2_frame* frame, const uint8_t* head,
                                   size_t size, nghttp2_data_source*, void* user) {
  Http2ClientSession& self = Self(user);
  Exchange* exchange = self.Find(frame->hd.stream_id);
  if (exchange == nullptr) {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }
  constexpr size_t kFrameHead = 9;
  self.control_.append(reinterpret_cast<const char*>(head), kFrameHead);
  self.FlushControl();
  exchange->body.Take(size, self.out_);
  return 0;
}

}  // namespace

std::unique_ptr<ClientSession> NewHttp2ClientSession(const ClientLimits& limits,
                                                     ClientSession::Owner* owner) {
  return std::make_unique<Http2ClientSession>(limits, owner);
}

}  // namespace gapless::net
