// Http2Call: a request of a server's connection that is taken as it comes, and its answer in parts.
// Internal to net.
#pragma once

#include "net/http/http_handler.h"
#include "net/http2/http2_answer.h"
#include "net/http2/http2_link.h"

#include <memory>
#include <utility>

#include <nghttp2/nghttp2.h>

namespace gapless::net {

class Http2Call final : public StreamingAnswer {
 public:
  Http2Call(nghttp2_session* session, int32_t id, Http2Answer& answer, Http2Link& link)
      : session_(session), id_(id), answer_(answer), link_(link) {}

  void Open(HttpHandler& handler, const HttpRequest& request) {
    call_ = handler.Open(request, *this);
  }
  void OnBytes(const Slice& bytes) {
    // Nothing is kept here: the client may send as much again.
    nghttp2_session_consume_stream(session_, id_, bytes.size());
    if (call_ && !ended_) {
      call_->OnBytes(bytes);
    }
  }
  void OnEnd() {
    if (call_ && !ended_) {
      call_->OnEnd();
    }
  }
  void OnDrain() {
    if (call_ && !ended_) {
      call_->OnDrain();
    }
  }

 private:
  // Of an answer that the client does not read.
  static constexpr size_t kMaxWaiting = 256 * 1024;

  void Begin(HttpHeaders headers) override {
    HttpResponse head;
    head.headers = std::move(headers);
    answer_.Submit(session_, id_, std::move(head), true);
    link_.ScheduleFlush();
  }
  void Send(Rope bytes) override {
    if (ended_) {
      return;
    }
    if (answer_.waiting() + bytes.size() > kMaxWaiting) {
      ended_ = true;
      nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id_, NGHTTP2_ENHANCE_YOUR_CALM);
    } else {
      answer_.Append(session_, id_, std::move(bytes));
    }
    link_.ScheduleFlush();
  }
  void End(HttpHeaders trailers) override {
    if (!std::exchange(ended_, true)) {
      answer_.Append(session_, id_, Rope(), std::move(trailers));
      link_.ScheduleFlush();
    }
  }

  nghttp2_session* const session_;
  const int32_t id_;
  Http2Answer& answer_;
  Http2Link& link_;
  bool ended_ = false;
  std::unique_ptr<StreamingCall> call_;
};

}  // namespace gapless::net
