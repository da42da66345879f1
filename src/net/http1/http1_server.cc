#include "net/http1/http1_server.h"

#include "fmt/format.h"
#include "net/http/server_connection.h"

#include <algorithm>
#include <deque>
#include <string>
#include <utility>

namespace gapless::net {
namespace {

// A connection that stopped reading because of the budget looks again after this time.
constexpr auto kBudgetPoll = std::chrono::milliseconds(20);
// When the server ends, a connection between two requests is kept so long: a request that is on its
// way is answered, and told that it was the last one.
constexpr auto kLastRequestWait = std::chrono::seconds(1);

class Http1ServerConnection final : public ServerConnection,
                                    private Http1Parser::Sink,
                                    private ResponseSink {
 public:
  Http1ServerConnection(const Http1ServerOptions& options, ServerEnv env);
  ~Http1ServerConnection() override;

  void OnData(Slice bytes) override;
  void OnEnd() override;
  void OnHangup() override { TellOfLeaving(); }
  void OnWritable() override { UpdateReading(); }
  void Drain() override;

 private:
  // kRefused: an answer went out before the body was complete; what still comes is thrown away.
  enum class Phase : uint8_t { kIdle, kHead, kBody, kHandling, kRefused };

  Status OnHead(Http1Head head) override;
  Status OnBody(Slice bytes) override;
  void OnComplete() override;
  void OnResponse(HttpResponse response) override;

  void Process();
  void HandleParseError(const Status& status);
  void Refuse(HttpRefusal reason);
  void RespondEarly(HttpResponse response);
  void WriteResponse(const HttpResponse& response);
  std::string ResponseHead(const HttpResponse& response) const;
  void Enter(Phase phase);
  void ArmTimer(Phase phase);
  void OnTimer();
  void UpdateReading();
  void TellOfLeaving();
  void Finish();

  const Http1ServerOptions& options_;
  ServerEnv env_;
  Http1Parser parser_;
  std::deque<Slice> input_;  // not parsed yet
  size_t input_bytes_ = 0;
  Phase phase_ = Phase::kIdle;
  bool processing_ = false;
  bool finished_ = false;
  bool peer_ended_ = false;
  bool reading_paused_ = false;
  bool draining_ = false;
  std::shared_ptr<Http1ServerConnection*> self_ = std::make_shared<Http1ServerConnection*>(this);

  // Of the current request.
  HttpRequest request_;
  size_t max_body_bytes_ = 0;
  BodyCharge charge_;
  bool keep_alive_ = true;
  bool head_method_ = false;
  bool bodyless_ = false;
  std::optional<HttpResponse> early_response_;  // to a request without body that is refused
  int minor_version_ = 1;
  std::shared_ptr<ResponderState> responder_;

  TimePoint begun_;          // first byte
  TimePoint last_progress_;  // last byte
  Timer timer_;
  Timer write_timer_;
  Timer budget_timer_;
};

Http1ServerConnection::Http1ServerConnection(const Http1ServerOptions& options, ServerEnv env)
    : options_(options),
      env_(std::move(env)),
      parser_(Http1Parser::Mode::kRequest, options.limits, this) {
  Enter(Phase::kIdle);
}

Http1ServerConnection::~Http1ServerConnection() {
  *self_ = nullptr;
  finished_ = true;
  if (responder_ && responder_->sink) {
    responder_->sink = nullptr;
    responder_->charge = std::move(charge_);
    if (Task task = std::move(responder_->on_cancel)) {
      task();
    }
  }
}

void Http1ServerConnection::OnData(Slice bytes) {
  if (finished_) {
    return;
  }
  input_bytes_ += bytes.size();
  input_.push_back(std::move(bytes));
  Process();
  UpdateReading();
}

void Http1ServerConnection::OnEnd() {
  // A client that only closed its sending side still gets the answer.
  peer_ended_ = true;
  if (phase_ != Phase::kHandling) {
    return Finish();
  }
  TellOfLeaving();
}

// As Go's server does: whoever could wait for long with the answer need not.
void Http1ServerConnection::TellOfLeaving() {
  const std::shared_ptr<ResponderState> responder = responder_;
  if (phase_ == Phase::kHandling && responder) {
    if (Task task = std::exchange(responder->on_cancel, Task())) {
      task();
    }
  }
}

void Http1ServerConnection::Process() {
  if (processing_) {
    return;
  }
  processing_ = true;
  while (!finished_ && phase_ != Phase::kHandling && !input_.empty()) {
    last_progress_ = env_.worker.Now();
    if (phase_ == Phase::kIdle) {
      begun_ = last_progress_;
      request_ = HttpRequest();
      bodyless_ = false;
      Enter(Phase::kHead);
    }
    Slice front = std::move(input_.front());
    input_.pop_front();
    input_bytes_ -= front.size();
    const Result<size_t> used = parser_.Feed(front);
    if (!used.ok()) {
      HandleParseError(used.status());
      break;
    }
    if (*used < front.size()) {
      input_bytes_ += front.size() - *used;
      input_.push_front(front.Sub(*used, front.size() - *used));
    }
  }
  processing_ = false;
}

void Http1ServerConnection::HandleParseError(const Status& status) {
  if (finished_ || phase_ == Phase::kRefused) {
    return Finish();
  }
  if (status.code() == Code::kResourceExhausted) {
    return Refuse(HttpRefusal::kHeaderTooLarge);
  }
  if (status.code() == Code::kUnimplemented) {
    return RespondEarly(TextResponse(501, status.message()));
  }
  Refuse(HttpRefusal::kBadRequest);
}

Status Http1ServerConnection::OnHead(Http1Head head) {
  request_.method = std::move(head.method);
  request_.target = std::move(head.target);
  request_.scheme = env_.peer->tls ? "https" : "http";
  request_.authority = head.headers.Find("host").value_or("");
  request_.headers = std::move(head.headers);
  request_.headers.Remove("host");
  keep_alive_ = head.keep_alive && options_.keep_alives;
  minor_version_ = head.minor_version;
  head_method_ = request_.method == "HEAD";
  max_body_bytes_ = env_.max_body_bytes;
  bodyless_ = !head.chunked && head.content_length.value_or(0) == 0;
  if (options_.write_timeout > Duration::zero()) {
    write_timer_ = env_.worker.RunAfter(options_.write_timeout, [this] { Finish(); });
  }
  if (env_.budget->exhausted()) {
    Refuse(HttpRefusal::kOverloaded);
    return {};
  }
  if (auto refusal = env_.handler.OnHead(request_, *env_.peer, max_body_bytes_)) {
    RespondEarly(*std::move(refusal));
    return {};
  }
  if (head.content_length.value_or(0) > max_body_bytes_) {
    Refuse(HttpRefusal::kBodyTooLarge);
    return {};
  }
  if (head.expect_continue && (head.chunked || head.content_length.value_or(0) > 0)) {
    env_.stream.Write(Rope(Slice::Static("HTTP/1.1 100 Continue\r\n\r\n")));
  }
  Enter(Phase::kBody);
  return {};
}

Status Http1ServerConnection::OnBody(Slice bytes) {
  if (phase_ == Phase::kRefused) {
    return {};
  }
  if (bytes.size() > max_body_bytes_ - request_.body.size()) {
    charge_.Release();
    request_.body.Clear();
    Refuse(HttpRefusal::kBodyTooLarge);
    return {};
  }
  charge_.Add(env_.budget, bytes.size());
  AppendToBody(request_.body, std::move(bytes));
  return {};
}

void Http1ServerConnection::OnComplete() {
  if (phase_ == Phase::kRefused) {
    return Finish();
  }
  Enter(Phase::kHandling);
  if (early_response_) {
    return OnResponse(*std::exchange(early_response_, std::nullopt));
  }
  responder_ = std::make_shared<ResponderState>();
  responder_->sink = this;
  HttpCall call;
  call.request = std::move(request_);
  call.request.body = CompactBody(std::move(call.request.body));
  call.responder = HttpResponder(responder_);
  call.peer = env_.peer;
  call.worker = &env_.worker;
  call.worker_index = env_.worker_index;
  env_.handler.Handle(std::move(call));
}

void Http1ServerConnection::Refuse(HttpRefusal reason) {
  RespondEarly(env_.handler.Refuse(request_, reason));
}

void Http1ServerConnection::RespondEarly(HttpResponse response) {
  if (phase_ == Phase::kHead && bodyless_) {
    early_response_ = std::move(response);
    return;
  }
  // The rest of the request would have to be read first; it is cheaper for both to start over.
  keep_alive_ = false;
  Enter(Phase::kRefused);
  WriteResponse(response);
  Finish();
}

void Http1ServerConnection::OnResponse(HttpResponse response) {
  if (finished_) {
    return;
  }
  responder_ = nullptr;
  charge_.Release();
  keep_alive_ = keep_alive_ && !draining_ && !peer_ended_;
  WriteResponse(response);
  write_timer_.Cancel();
  if (!keep_alive_) {
    return Finish();
  }
  Enter(Phase::kIdle);
  if (!processing_) {
    // Not inside the handler's call: the next request may begin another one.
    env_.worker.Post([self = self_] {
      if (*self) {
        (*self)->Process();
        (*self)->UpdateReading();
      }
    });
  }
}

std::string Http1ServerConnection::ResponseHead(const HttpResponse& response) const {
  std::string head =
      fmt::format("HTTP/1.1 {} {}\r\n", response.status, HttpReason(response.status));
  for (const HttpHeader& header : response.headers) {
    const bool framing = header.name == "content-length" || header.name == "connection" ||
                         header.name == "transfer-encoding";
    if (!framing && IsHeaderName(header.name) && IsHeaderValue(header.value)) {
      head += fmt::format("{}: {}\r\n", header.name, header.value);
    }
  }
  if (response.status >= 200 && response.status != 204 && response.status != 304) {
    head += fmt::format("content-length: {}\r\n", response.body.size());
  }
  if (!keep_alive_) {
    head += "connection: close\r\n";
  } else if (minor_version_ == 0) {
    head += "connection: keep-alive\r\n";
  }
  head += "\r\n";
  return head;
}

void Http1ServerConnection::WriteResponse(const HttpResponse& response) {
  Rope out = Rope::CopyOf(ResponseHead(response));
  if (!head_method_ && response.status != 204 && response.status != 304) {
    out.Append(response.body);
  }
  env_.stream.Write(std::move(out));
}

void Http1ServerConnection::Enter(Phase phase) {
  phase_ = phase;
  timer_.Cancel();
  ArmTimer(phase);
}

void Http1ServerConnection::ArmTimer(Phase phase) {
  const TimePoint now = env_.worker.Now();
  std::optional<TimePoint> when;
  const auto limit = [&](TimePoint from, Duration timeout) {
    if (timeout > Duration::zero()) {
      when = std::min(when.value_or(TimePoint::max()), from + timeout);
    }
  };
  const auto or_read_timeout = [&](Duration timeout) {
    return timeout > Duration::zero() ? timeout : options_.read_timeout;
  };
  if (phase == Phase::kIdle) {
    limit(now, or_read_timeout(options_.idle_timeout));
  } else if (phase == Phase::kHead) {
    limit(begun_, or_read_timeout(options_.read_header_timeout));
    limit(last_progress_, options_.stall_timeout);
  } else if (phase == Phase::kBody) {
    limit(begun_, options_.read_timeout);
    limit(last_progress_, options_.stall_timeout);
  }
  if (when) {
    timer_ = env_.worker.RunAt(*when, [this] { OnTimer(); });
  }
}

void Http1ServerConnection::OnTimer() {
  if (phase_ == Phase::kIdle) {
    return Finish();
  }
  const TimePoint now = env_.worker.Now();
  const bool header_late = phase_ == Phase::kHead &&
                           options_.read_header_timeout > Duration::zero() &&
                           now - begun_ >= options_.read_header_timeout;
  const bool read_late =
      options_.read_timeout > Duration::zero() && now - begun_ >= options_.read_timeout;
  const bool stalled =
      options_.stall_timeout > Duration::zero() && now - last_progress_ >= options_.stall_timeout;
  if (header_late || read_late || stalled) {
    return Refuse(HttpRefusal::kTimeout);
  }
  ArmTimer(phase_);  // bytes came meanwhile
}

void Http1ServerConnection::UpdateReading() {
  if (finished_) {
    return;
  }
  const bool pause = env_.stream.above_high_watermark() ||
                     (phase_ == Phase::kHandling &&
                      (input_bytes_ >= options_.max_pipelined_bytes || env_.budget->pressed()));
  if (pause && !reading_paused_) {
    env_.stream.PauseRead();
  } else if (!pause && reading_paused_) {
    env_.stream.ResumeRead();
  }
  reading_paused_ = pause;
  if (pause && !budget_timer_.armed()) {
    budget_timer_ = env_.worker.RunAfter(kBudgetPoll, [this] { UpdateReading(); });
  }
}

void Http1ServerConnection::Drain() {
  draining_ = true;
  if (phase_ == Phase::kIdle && input_.empty()) {
    timer_ = env_.worker.RunAfter(kLastRequestWait, [this] { OnTimer(); });
  }
}

void Http1ServerConnection::Finish() {
  timer_.Cancel();
  if (!finished_) {
    finished_ = true;
    env_.finish();
  }
}

}  // namespace

std::unique_ptr<ServerConnection> NewHttp1ServerConnection(const Http1ServerOptions& options,
                                                           ServerEnv env) {
  return std::make_unique<Http1ServerConnection>(options, std::move(env));
}

}  // namespace gapless::net
