#include "net/http/server_connection.h"

#include <charconv>
#include <string_view>
#include <utility>

namespace gapless::net {
namespace {

constexpr auto kAskEvery = std::chrono::milliseconds(20);

}  // namespace

RefusedRequest NameOf(HttpRefusal reason) {
  switch (reason) {
    case HttpRefusal::kBodyTooLarge:
      return RefusedRequest::kBodyTooLarge;
    case HttpRefusal::kHeaderTooLarge:
      return RefusedRequest::kHeaderTooLarge;
    case HttpRefusal::kOverloaded:
      return RefusedRequest::kBodyBudget;
    case HttpRefusal::kTimeout:
      return RefusedRequest::kTooSlow;
    case HttpRefusal::kBadRequest:
      break;
  }
  return RefusedRequest::kBadRequest;
}

void ServerEnv::Tell(RefusedRequest reason) const {
  if (!watch) {
    return;
  }
  const bool budget =
      reason == RefusedRequest::kBodyBudget || reason == RefusedRequest::kHeaderBudget;
  const bool memory = budget && shares.bodies->budget().memory_full();
  watch->OnRefused(memory ? RefusedRequest::kMemory : reason, peer->remote);
}

void ServerRequest::Dispatch(const ServerEnv& env, RequestBodies& bodies, ResponseSink* sink) {
  responder = std::make_shared<ResponderState>();
  responder->sink = sink;
  HttpCall call;
  call.request = std::move(head);
  call.request.body = bodies.Complete(body);
  responder->charge = std::move(body.charge);
  call.responder = HttpResponder(responder);
  call.peer = env.peer;
  call.worker = &env.worker;
  call.worker_index = env.worker_index;
  env.handler.Handle(std::move(call));
}

std::optional<size_t> ServerRequest::ToldSize() const {
  const std::string_view length = head.headers.Find("content-length").value_or("");
  size_t size = 0;
  const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), size);
  const bool told = error == std::errc() && end == length.data() + length.size();
  return told ? std::optional(size) : std::nullopt;
}

bool ServerRequest::LearnSize(const ServerEnv& env) {
  if (!body.size) {
    const std::optional<size_t> told = ToldSize();
    body.size = told ? told : env.handler.BodySize(head, body.bytes);
  }
  return body.size.value_or(0) <= body.max_bytes;
}

void ServerRequest::Abandon() {
  if (responder && responder->sink) {
    responder->sink = nullptr;
    if (Task task = std::move(responder->on_cancel)) {
      task();
    }
  }
}

void ReadGate::Set(bool pause) {
  if (pause && !paused_) {
    stream_.PauseRead();
    paused_at_ = worker_.Now();
  } else if (!pause && paused_) {
    stream_.ResumeRead();
  }
  paused_ = pause;
  if (pause && !timer_.armed()) {
    timer_ = worker_.RunAfter(kAskEvery, [this] { ask_(); });
  }
}

}  // namespace gapless::net
