#include "net/dial/client_connection.h"

#include "net/http1/http1_client.h"
#include "net/http2/http2_client.h"

#include <utility>

namespace gapless::net {

void ClientConnection::Send(uint64_t id, SharedRequest request, ExchangeCallback done) {
  GAPLESS_DCHECK(capacity() > 0);
  watch_.OnRequestStarted(session_->in_flight() == 0);
  last_used_ = loop_.Now();
  auto watched = [this, done = std::move(done)](ExchangeResult result) mutable {
    watch_.OnRequestEnded();
    last_used_ = loop_.Now();
    lost_ = lost_ || result.fate == Fate::kLost;
    done(std::move(result));
  };
  session_->Send(id, std::move(request), std::move(watched));
  watch_.Arm();
}

void ClientConnection::Cancel(uint64_t id) {
  if (state_ == State::kClosed || !session_) {
    return;
  }
  const size_t before = session_->in_flight();
  session_->Cancel(id);
  if (session_->in_flight() < before) {
    watch_.OnRequestEnded();
    last_used_ = loop_.Now();
  }
  // Cancelling may leave the connection without purpose; the owner hears of it on a later turn.
  OnUndelivered();
}

void ClientConnection::Close() {
  if (state_ == State::kClosed) {
    return;
  }
  if (state_ != State::kDialling) {
    session_->Goodbye();
  }
  state_ = State::kClosed;
  watch_.Stop();
  keepalive_.Stop();
  deliver_.Cancel();
  stream_->Close();
}

void ClientConnection::OnConnected() {
  http2_ = options_.protocol == ClientProtocol::kHttp2 ||
           (options_.protocol == ClientProtocol::kByAlpn && stream_->tls() &&
            stream_->tls()->alpn == "h2");
  session_ = http2_ ? NewHttp2ClientSession(options_.limits, this)
                    : NewHttp1ClientSession(options_.limits, this);
  watch_.Start(*session_);
  keepalive_.Start(*session_);
  session_->Start();
}

void ClientConnection::OnData(Slice bytes) {
  const TimePoint now = loop_.Now();
  keepalive_.OnReceived(now);
  if (watch_.OnReceived(now)) {
    observer_->OnConnectionRecovered(*this);
  }
  if (!std::exchange(heard_, true)) {
    const std::string wrong = WrongPeer(bytes.text(), http2_, options_.hints);
    if (!wrong.empty()) {
      return Lose(Unavailable(wrong), false);
    }
  }
  const Status status = session_->Receive(bytes);
  if (!status.ok()) {
    return Lose(status, false);
  }
  AfterEvent();
}

void ClientConnection::OnClosed(Status reason) {
  if (!session_ && stream_->tls() && stream_->tls()->plain_peer) {
    reason = Unavailable(WithHint(reason.message(), options_.hints.plain));
  }
  Lose(reason, goodbye() && session_->in_flight() == 0);
}

void ClientConnection::OnEnd() {
  Status reason = Unavailable("connection closed by the peer");
  if (!session_) {
    return Down(reason, false);
  }
  if (http2_ && !heard_) {
    reason = Unavailable(
        WithHint("connection closed by the peer before it said anything", options_.hints.mute));
  }
  const bool idle = session_->in_flight() == 0 && state_ != State::kDialling;
  session_->End();
  // HTTP/1.1 servers end idle connections as they like; HTTP/2 ones say GOAWAY first.
  Down(reason, !lost_ && (goodbye() || (idle && !http2_)));
}

void ClientConnection::OnUndelivered() {
  if (!deliver_.armed()) {
    deliver_ = loop_.RunAfter(Duration::zero(), [this] {
      session_->Deliver();
      AfterEvent();
    });
  }
}

void ClientConnection::AfterEvent() {
  if (state_ == State::kClosed || !session_) {
    return;
  }
  if (session_->finished()) {
    Down(Unavailable("connection ended"), true);
    return;
  }
  watch_.Arm();
  if (session_->capacity() > 0) {
    observer_->OnConnectionIdle(*this);
  }
}

}  // namespace gapless::net
