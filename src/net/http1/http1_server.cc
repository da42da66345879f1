#include "net/http1/http1_server.h"

#include "base/lifetime.h"
#include "fmt/format.h"
#include "net/http/server_connection.h"
#include "net/http1/h2c_upgrade.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <string>
#include <utility>

namespace gapless::net {
namespace {

// When the server ends, a connection between two requests is kept so long: a request that is on its
// way is answered, and told that it was the last one.
constexpr auto kLastRequestWait = std::chrono::seconds(1);

// A turn works for so long on what one connection has sent, in pieces of so many bytes.
constexpr auto kTurn = std::chrono::milliseconds(1);
constexpr size_t kAtOnce = 16 * 1024;

TimePoint SteadyNow() { return TimePoint(std::chrono::steady_clock::now().time_since_epoch()); }

// How the answer to a request is to look.
struct AnswerForm {
  bool keep_alive = true;
  bool head_only = false;
  int minor_version = 1;

  std::string Head(const HttpResponse& response) const;
  Rope Write(const HttpResponse& response) const;
};

std::string AnswerForm::Head(const HttpResponse& response) const {
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
  if (!keep_alive) {
    head += "connection: close\r\n";
  } else if (minor_version == 0) {
    head += "connection: keep-alive\r\n";
  }
  head += "\r\n";
  return head;
}

Rope AnswerForm::Write(const HttpResponse& response) const {
  Rope out = Rope::CopyOf(Head(response));
  if (!head_only && response.status != 204 && response.status != 304) {
    out.Append(response.body);
  }
  return out;
}

class Http1ServerConnection final : public ServerConnection,
                                    private Http1Parser::Sink,
                                    private ResponseSink {
 public:
  Http1ServerConnection(const Http1ServerOptions& options, ServerEnv env)
      : options_(options),
        env_(std::move(env)),
        bodies_(env_.worker, env_.shares, env_.max_body_bytes, options.stall_timeout),
        gate_(env_.worker, env_.stream, [this] { UpdateReading(); }),
        parser_(Http1Parser::Mode::kRequest, options.limits, this) {
    Enter(Phase::kIdle);
  }
  ~Http1ServerConnection() override;

  void OnData(Slice bytes) override;
  void OnEnd() override {
    // A client that only closed its sending side still gets the answer.
    peer_ended_ = true;
    if (phase_ != Phase::kHandling) {
      return Finish();
    }
    TellOfLeaving();
  }
  void OnHangup() override { TellOfLeaving(); }
  void OnWritable() override { UpdateReading(); }
  bool idle() const override { return phase_ == Phase::kIdle; }
  void Drain() override {
    draining_ = true;
    if (phase_ == Phase::kIdle && input_.empty()) {
      timer_ = env_.worker.RunAfter(kLastRequestWait, [this] { OnTimer(); });
    }
  }

 private:
  // kRefused: an answer went out before the body was complete; what still comes is thrown away.
  enum class Phase : uint8_t { kIdle, kHead, kBody, kHandling, kRefused };

  Status OnHead(Http1Head head) override;
  Status OnBody(Slice bytes) override {
    if (phase_ != Phase::kRefused) {
      const RequestBodies::Took took = bodies_.Take(current_.request.body, std::move(bytes));
      if (took != RequestBodies::Took::kYes) {
        Refuse(took == RequestBodies::Took::kTooLarge ? HttpRefusal::kBodyTooLarge
                                                      : HttpRefusal::kOverloaded);
      }
    }
    return {};
  }
  void OnComplete() override;
  void OnResponse(HttpResponse response) override;

  void Process();
  void ProcessMore();
  void HandleParseError(const Status& status);
  void Refuse(HttpRefusal reason) { Refuse(reason, NameOf(reason)); }
  void Refuse(HttpRefusal reason, RefusedRequest name) {
    env_.Tell(name);
    RespondEarly(env_.handler.Refuse(current_.request.head, reason));
  }
  void RespondEarly(HttpResponse response);
  // The request was complete: it and all that follows is HTTP/2.
  void Upgrade();
  void Enter(Phase phase) {
    phase_ = phase;
    timer_.Cancel();
    ArmTimer();
  }
  std::optional<TimePoint> Deadline() const;
  void ArmTimer() {
    std::optional<TimePoint> when = Deadline();
    if (phase_ == Phase::kBody && bodies_.check_every() > Duration::zero()) {
      when = std::min(when.value_or(TimePoint::max()), env_.worker.Now() + bodies_.check_every());
    }
    if (when) {
      timer_ = env_.worker.RunAt(*when, [this] { OnTimer(); });
    }
  }
  void OnTimer();
  void UpdateReading();
  // A body beyond its first bytes gets room for the rest, or waits for it. Whether it waits.
  bool AwaitsRoom() {
    RequestBody& body = current_.request.body;
    return phase_ == Phase::kBody && bodies_.NeedsPromise(body) && !bodies_.Promise(body) &&
           body.waits();
  }
  // What was received for later keeps no slab alive.
  void PackInput() {
    if (!input_.empty()) {
      input_.back() = Slice::CopyOf(input_.back().span());
    }
  }
  // As Go's server does: whoever could wait for long with the answer need not.
  void TellOfLeaving() {
    const std::shared_ptr<ResponderState> responder = current_.request.responder;
    if (phase_ == Phase::kHandling && responder) {
      if (Task task = std::exchange(responder->on_cancel, Task())) {
        task();
      }
    }
  }
  void Finish() {
    timer_.Cancel();
    if (!finished_) {
      finished_ = true;
      env_.finish();
    }
  }

  // From the first byte of a request on.
  struct Current {
    ServerRequest request;
    TimePoint begun;
    bool bodyless = false;
    std::optional<HttpResponse> refusal;  // of a request without body
    std::optional<std::string> h2c;       // settings of a client that wants to go on with HTTP/2
    AnswerForm answer;
  };

  const Http1ServerOptions& options_;
  ServerEnv env_;
  RequestBodies bodies_;
  ReadGate gate_;
  Http1Parser parser_;
  std::deque<Slice> input_;  // not parsed yet
  size_t input_bytes_ = 0;
  Phase phase_ = Phase::kIdle;
  bool processing_ = false;
  bool more_scheduled_ = false;
  UnreadClock unread_;
  bool finished_ = false;
  bool peer_ended_ = false;
  bool draining_ = false;
  Current current_;
  Timer timer_;
  Timer write_timer_;
  Lifetime lifetime_;
};

Http1ServerConnection::~Http1ServerConnection() {
  finished_ = true;
  current_.request.Abandon();
}

void Http1ServerConnection::OnData(Slice bytes) {
  if (finished_) {
    return;
  }
  input_bytes_ += bytes.size();
  input_.push_back(std::move(bytes));
  ProcessMore();
}

void Http1ServerConnection::ProcessMore() {
  Process();
  if (finished_) {
    return;
  }
  bodies_.Settle(current_.request.body);
  PackInput();
  UpdateReading();
}

void Http1ServerConnection::UpdateReading() {
  if (finished_) {
    return;
  }
  const bool full = env_.stream.above_high_watermark();
  const Duration unread = unread_.Look(full, env_.worker.Now());
  if (options_.stall_timeout > Duration::zero() && unread >= options_.stall_timeout) {
    env_.Tell(RefusedConnection::kUnread, "");
    return Finish();
  }
  const bool enough = input_bytes_ >= options_.max_pipelined_bytes || bodies_.pressed();
  gate_.Set(full || (phase_ == Phase::kHandling && enough) || AwaitsRoom() || more_scheduled_);
}

void Http1ServerConnection::Process() {
  if (processing_ || more_scheduled_) {
    return;
  }
  const TimePoint end = SteadyNow() + kTurn;
  processing_ = true;
  while (!finished_ && phase_ != Phase::kHandling && !input_.empty()) {
    if (phase_ == Phase::kIdle) {
      current_ = {.request = {.body = bodies_.Begin()}, .begun = env_.worker.Now()};
      Enter(Phase::kHead);
    }
    current_.request.body.last_progress = env_.worker.Now();
    if (SteadyNow() >= end) {
      more_scheduled_ = true;
      env_.worker.RunNextTurn(lifetime_.Guard([this] {
        more_scheduled_ = false;
        ProcessMore();
      }));
      break;
    }
    const Slice front = input_.front().Sub(0, std::min(input_.front().size(), kAtOnce));
    input_.front() = input_.front().Sub(front.size(), input_.front().size() - front.size());
    if (input_.front().empty()) {
      input_.pop_front();
    }
    input_bytes_ -= front.size();
    if (phase_ == Phase::kHead &&
        !bodies_.TakeHead(current_.request.body,
                          std::min(front.size(), options_.limits.max_head_bytes))) {
      Refuse(HttpRefusal::kOverloaded, RefusedRequest::kHeaderBudget);
      break;
    }
    const Result<size_t> used = parser_.Feed(front);
    if (!used.ok()) {
      HandleParseError(used.status());
      break;
    }
    if (*used < front.size()) {
      input_bytes_ += front.size() - *used;
      input_.push_front(front.Sub(*used, front.size() - *used));
    }
    if (phase_ == Phase::kHandling && current_.h2c) {
      Upgrade();
    }
  }
  processing_ = false;
}

void Http1ServerConnection::Upgrade() {
  finished_ = true;
  timer_.Cancel();
  write_timer_.Cancel();
  gate_.Set(false);
  env_.stream.Write(Rope(Slice::Static(
      "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: h2c\r\n\r\n")));
  Rope rest;
  for (Slice& slice : std::exchange(input_, {})) {
    rest.Append(std::move(slice));
  }
  std::string settings = *std::exchange(current_.h2c, std::nullopt);
  env_.upgrade({.settings = std::move(settings),
                .request = std::exchange(current_.request, {}),
                .refusal = std::exchange(current_.refusal, std::nullopt),
                .rest = std::move(rest)});
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

// A target in absolute form: its authority takes the place of Host (RFC 9112 section 3.2.2).
static void TakeAbsoluteForm(HttpRequest& request) {
  std::string_view target = request.target;
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!AsciiEqualsIgnoreCase(target.substr(0, scheme.size()), scheme)) {
      continue;
    }
    target.remove_prefix(scheme.size());
    const size_t end = std::min(target.find_first_of("/?"), target.size());
    const std::string_view authority = target.substr(0, end);
    request.authority = authority.substr(authority.rfind('@') + 1);
    const std::string path(target.substr(end));
    request.target = path.starts_with('/') ? path : "/" + path;
    return;
  }
}

Status Http1ServerConnection::OnHead(Http1Head head) {
  HttpRequest& request = current_.request.head;
  request.method = std::move(head.method);
  request.target = std::move(head.target);
  request.scheme = env_.peer->tls ? "https" : "http";
  request.authority = head.headers.Find("host").value_or("");
  request.headers = std::move(head.headers);
  request.headers.Remove("host");
  TakeAbsoluteForm(request);
  current_.answer = {.keep_alive = head.keep_alive && options_.keep_alives,
                     .head_only = request.method == "HEAD",
                     .minor_version = head.minor_version};
  if (env_.upgrade && current_.answer.keep_alive && head.minor_version == 1 && !draining_) {
    current_.h2c = TakeH2cUpgrade(request.headers);
  }
  const uint64_t length = head.content_length.value_or(0);
  current_.bodyless = !head.chunked && length == 0;
  if (options_.write_timeout > Duration::zero()) {
    write_timer_ = env_.worker.RunAfter(options_.write_timeout, [this] { Finish(); });
  }
  RequestBody& body = current_.request.body;
  // What was counted while the header came may have been its body.
  body.head.Release();
  for (const HttpHeader& header : request.headers) {
    if (!bodies_.TakeHead(body, header.name.size() + header.value.size() + sizeof header)) {
      Refuse(HttpRefusal::kOverloaded, RefusedRequest::kHeaderBudget);
      return {};
    }
  }
  size_t& max_bytes = body.max_bytes;
  if (bodies_.exhausted()) {
    Refuse(HttpRefusal::kOverloaded);
  } else if (auto refusal = env_.handler.OnHead(request, *env_.peer, max_bytes)) {
    RespondEarly(*std::move(refusal));
  } else if (!current_.request.LearnSize(env_)) {
    Refuse(HttpRefusal::kBodyTooLarge);
  } else {
    if (head.expect_continue && !current_.bodyless) {
      env_.stream.Write(Rope(Slice::Static("HTTP/1.1 100 Continue\r\n\r\n")));
    }
    Enter(Phase::kBody);
  }
  return {};
}

void Http1ServerConnection::OnComplete() {
  if (phase_ == Phase::kRefused) {
    return Finish();
  }
  Enter(Phase::kHandling);
  if (current_.h2c) {
    return;  // once what follows is known
  }
  if (current_.refusal) {
    return OnResponse(*std::exchange(current_.refusal, std::nullopt));
  }
  current_.request.Dispatch(env_, bodies_, this);
}

void Http1ServerConnection::RespondEarly(HttpResponse response) {
  if (phase_ == Phase::kHead && current_.bodyless) {
    current_.refusal = std::move(response);
    return;
  }
  // The rest of the request would have to be read first; it is cheaper for both to start over.
  current_.answer.keep_alive = false;
  Enter(Phase::kRefused);
  env_.stream.Write(current_.answer.Write(response));
  Finish();
}

void Http1ServerConnection::OnResponse(HttpResponse response) {
  if (finished_) {
    return;
  }
  current_.request.responder = nullptr;
  current_.request.body = RequestBody();
  AnswerForm& answer = current_.answer;
  answer.keep_alive = answer.keep_alive && !draining_ && !peer_ended_;
  env_.stream.Write(answer.Write(response));
  write_timer_.Cancel();
  if (!answer.keep_alive) {
    return Finish();
  }
  Enter(Phase::kIdle);
  if (!processing_) {
    // Not inside the handler's call: the next request may begin another one.
    env_.worker.Post(lifetime_.Guard([this] { ProcessMore(); }));
  }
}

// When the phase will have taken too long.
std::optional<TimePoint> Http1ServerConnection::Deadline() const {
  std::optional<TimePoint> when;
  const auto limit = [&](TimePoint from, Duration timeout) {
    if (timeout > Duration::zero()) {
      when = std::min(when.value_or(TimePoint::max()), from + timeout);
    }
  };
  const auto or_read_timeout = [&](Duration timeout) {
    return timeout > Duration::zero() ? timeout : options_.read_timeout;
  };
  if (phase_ == Phase::kIdle) {
    limit(env_.worker.Now(), or_read_timeout(options_.idle_timeout));
  } else if (phase_ == Phase::kHead || phase_ == Phase::kBody) {
    limit(current_.begun, phase_ == Phase::kHead ? or_read_timeout(options_.read_header_timeout)
                                                 : options_.read_timeout);
    limit(phase_ == Phase::kHead ? current_.begun : current_.request.body.last_progress,
          options_.stall_timeout);
  }
  return when;
}

void Http1ServerConnection::OnTimer() {
  if (phase_ == Phase::kIdle) {
    return Finish();
  }
  RequestBody& body = current_.request.body;
  if (Deadline().value_or(TimePoint::max()) <= env_.worker.Now()) {
    return Refuse(body.waits() ? HttpRefusal::kOverloaded : HttpRefusal::kTimeout);
  }
  if (phase_ == Phase::kBody && bodies_.Check(body) != RequestBodies::Pace::kFine) {
    return Refuse(HttpRefusal::kOverloaded, RefusedRequest::kTooSlow);
  }
  ArmTimer();  // bytes came meanwhile
}

}  // namespace

std::unique_ptr<ServerConnection> NewHttp1ServerConnection(const Http1ServerOptions& options,
                                                           ServerEnv env) {
  return std::make_unique<Http1ServerConnection>(options, std::move(env));
}

}  // namespace gapless::net
