#include "net/http/http_handler.h"

#include "base/retry_delay.h"

#include <utility>

namespace gapless::net {

HttpResponder& HttpResponder::operator=(HttpResponder&& other) noexcept {
  if (this != &other) {
    Drop();
    state_ = std::move(other.state_);
  }
  return *this;
}

void HttpResponder::Send(HttpResponse response) {
  if (!state_) {
    return;
  }
  const std::shared_ptr<ResponderState> state = std::exchange(state_, nullptr);
  state->on_cancel = nullptr;
  state->charge.Release();
  if (ResponseSink* sink = std::exchange(state->sink, nullptr)) {
    sink->OnResponse(std::move(response));
  }
}

void HttpResponder::OnCancel(Task task) {
  if (state_ && state_->sink) {
    state_->on_cancel = std::move(task);
  }
}

BodyCharge HttpResponder::NewCharge() const {
  return state_ ? BodyCharge(state_->charge.share()) : BodyCharge();
}

void HttpResponder::Drop() {
  if (state_) {
    Send(TryAgainResponse("the request was dropped"));
  }
}

HttpResponse TextResponse(int status, std::string_view text) {
  HttpResponse response;
  response.status = status;
  response.headers.Add("content-type", "text/plain; charset=utf-8");
  response.headers.Add("x-content-type-options", "nosniff");
  response.body = Rope::CopyOf(text);
  return response;
}

HttpResponse TryAgainResponse(std::string_view text) {
  HttpResponse response = TextResponse(503, text);
  response.headers.Add("retry-after", std::to_string(kClientRetryDelay.count()));
  return response;
}

std::optional<HttpResponse> HttpHandler::OnHead(const HttpRequest&, const PeerInfo&, size_t&) {
  return std::nullopt;
}

std::unique_ptr<StreamingCall> HttpHandler::Open(const HttpRequest&, StreamingAnswer&) {
  return nullptr;
}

std::optional<size_t> HttpHandler::BodySize(const HttpRequest&, const Rope&) const {
  return std::nullopt;
}

HttpResponse HttpHandler::Refuse(const HttpRequest&, HttpRefusal reason) {
  switch (reason) {
    case HttpRefusal::kBodyTooLarge:
      return TextResponse(413, "request body too large");
    case HttpRefusal::kHeaderTooLarge:
      return TextResponse(431, "request header too large");
    case HttpRefusal::kOverloaded:
      return TryAgainResponse("server is over its memory budget");
    case HttpRefusal::kBadRequest:
      return TextResponse(400, "bad request");
    case HttpRefusal::kTimeout:
      return TextResponse(408, "request timed out");
  }
  return TextResponse(500, "internal error");
}

}  // namespace gapless::net
