#include "net/http1/http1_client.h"

#include "fmt/format.h"
#include "net/http1/http1_parser.h"

#include <optional>

namespace gapless::net {
namespace {

std::string SerializeHead(const HttpRequest& request) {
  std::string head = fmt::format("{} {} HTTP/1.1\r\nhost: {}\r\n", request.method, request.target,
                                 request.authority);
  for (const HttpHeader& header : request.headers) {
    if (header.name != "host" && header.name != "content-length" &&
        header.name != "transfer-encoding") {
      head += fmt::format("{}: {}\r\n", header.name, header.value);
    }
  }
  if (!request.body.empty() || request.method != "GET") {
    head += fmt::format("content-length: {}\r\n", request.body.size());
  }
  head += "\r\n";
  return head;
}

class Http1ClientSession final : public ClientSession, private Http1Parser::Sink {
 public:
  Http1ClientSession(const ClientLimits& limits, Owner* owner)
      : limits_(limits),
        owner_(owner),
        parser_(Http1Parser::Mode::kResponse, {.max_head_bytes = limits.max_header_bytes}, this) {}

  void Start() override { owner_->OnReady(); }
  Status Receive(const Slice& bytes) override;
  void End() override;
  void FailAll(const Status& reason) override {
    goodbye_ = true;
    Finish(reason, Fate::kLost);
    Deliver();
  }
  size_t capacity() const override { return goodbye_ || current_ || finished_ ? 0 : 1; }
  size_t in_flight() const override { return current_ ? 1 : 0; }
  void Send(uint64_t id, SharedRequest request, ExchangeCallback done) override;
  void Cancel(uint64_t id) override {
    if (current_ && current_->id == id) {
      current_.reset();
      goodbye_ = true;
    }
  }
  void Deliver() override {
    if (finished_) {
      auto [done, result] = std::move(*finished_);
      finished_.reset();
      done(std::move(result));
    }
  }
  bool can_ping() const override { return false; }
  void Ping() override {}
  void Pump() override {}
  bool finished() const override { return goodbye_ && !current_ && !finished_; }
  void Goodbye() override { goodbye_ = true; }

 private:
  Status OnHead(Http1Head head) override;
  Status OnBody(Slice bytes) override {
    owner_->OnAnswerBytes();
    return current_ ? current_->TakeBody(bytes.span(), limits_) : OkStatus();
  }
  void OnComplete() override;
  void Finish(Status status, Fate fate) {
    if (current_) {
      ExchangeResult result = current_->End(std::move(status), fate);
      finished_.emplace(std::move(current_->done), std::move(result));
      current_.reset();
    }
  }

  const ClientLimits limits_;
  Owner* const owner_;
  Http1Parser parser_;
  std::optional<ClientExchange> current_;
  std::optional<std::pair<ExchangeCallback, ExchangeResult>> finished_;
  bool answering_ = false;  // bytes of the current response have arrived
  bool interim_ = false;
  bool keep_alive_ = true;
  bool goodbye_ = false;
  uint64_t completed_ = 0;
};

void Http1ClientSession::Send(uint64_t id, SharedRequest request, ExchangeCallback done) {
  GAPLESS_DCHECK(capacity() > 0);
  Rope out(Slice::CopyOf(SerializeHead(*request)));
  out.Append(request->body);
  if (request->method == "HEAD") {
    parser_.ExpectNoBody();
  }
  current_ = ClientExchange{id, std::move(request), std::move(done)};
  answering_ = false;
  owner_->Output(std::move(out));
}

Status Http1ClientSession::Receive(const Slice& bytes) {
  size_t offset = 0;
  while (offset < bytes.size()) {
    if (!current_) {
      return goodbye_ ? OkStatus() : Unavailable("HTTP/1.1: bytes that answer no request");
    }
    answering_ = true;
    Result<size_t> used = parser_.Feed(bytes.Sub(offset, bytes.size() - offset));
    if (!used.ok()) {
      goodbye_ = true;
      const Status why = used.status().Annotate("HTTP/1.1 response");
      if (why.code() == Code::kResourceExhausted) {
        // The peer lives; its answer is too large.
        Finish(why, Fate::kAnswered);
        Deliver();
        return why;
      }
      return Unavailable(why.message());
    }
    offset += *used;
    Deliver();
  }
  return OkStatus();
}

void Http1ClientSession::End() {
  goodbye_ = true;
  if (!current_) {
    return;
  }
  const Status end = parser_.Finish();
  if (current_ && end.ok() && current_->head) {
    OnComplete();
  }
  const bool stale = completed_ > 0 && !answering_;
  Finish(Unavailable("connection closed by the peer before it answered"),
         stale ? Fate::kStale : Fate::kLost);
  Deliver();
}

Status Http1ClientSession::OnHead(Http1Head head) {
  interim_ = head.status < 200;
  keep_alive_ = head.keep_alive && !head.until_close;
  if (current_ && interim_ && ++current_->interim_answers > kMaxInterimAnswers) {
    return InvalidArgument("too many interim answers (1xx)");
  }
  if (!interim_) {
    owner_->OnAnswerBytes();
  }
  if (current_ && !interim_) {
    current_->head = true;
    current_->response.status = head.status;
    current_->response.headers = std::move(head.headers);
  }
  return OkStatus();
}

void Http1ClientSession::OnComplete() {
  if (std::exchange(interim_, false)) {
    return;
  }
  ++completed_;
  if (!keep_alive_ && !std::exchange(goodbye_, true)) {
    owner_->OnGoodbye();
  }
  Finish(OkStatus(), Fate::kAnswered);
}

}  // namespace

std::unique_ptr<ClientSession> NewHttp1ClientSession(const ClientLimits& limits,
                                                     ClientSession::Owner* owner) {
  return std::make_unique<Http1ClientSession>(limits, owner);
}

}  // namespace gapless::net
