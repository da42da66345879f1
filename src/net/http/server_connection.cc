#include "net/http/server_connection.h"

#include <utility>

namespace gapless::net {
namespace {

constexpr auto kAskEvery = std::chrono::milliseconds(20);

}  // namespace

void ServerRequest::Dispatch(const ServerEnv& env, ResponseSink* sink) {
  responder = std::make_shared<ResponderState>();
  responder->sink = sink;
  HttpCall call;
  call.request = std::move(head);
  call.request.body = RequestBodies::Complete(body);
  call.responder = HttpResponder(responder);
  call.peer = env.peer;
  call.worker = &env.worker;
  call.worker_index = env.worker_index;
  env.handler.Handle(std::move(call));
}

void ServerRequest::Abandon() {
  if (responder && responder->sink) {
    responder->sink = nullptr;
    responder->charge = std::move(body.charge);
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
