#include "net/tls/tls_stream.h"

#include "fmt/format.h"
#include "net/tls/tls.h"

#include <utility>

namespace gapless::net {

void TlsStream::Start(StreamHandler* handler) {
  handler_ = handler;
  state_ = State::kHandshake;
  below_->Start(this);
  if (handshake_timeout_ > Duration::zero()) {
    handshake_timer_ = worker_.RunAfter(handshake_timeout_, [this] {
      Fail(
          Unavailable(fmt::format("TLS handshake with {}: timed out", socket().peer().ToString())));
    });
  }
}

void TlsStream::OnData(Slice bytes) {
  engine_.Feed(std::move(bytes));
  if (state_ == State::kHandshake) {
    Handshake();
  } else {
    ReadPlain();
  }
}

void TlsStream::Handshake() {
  const Result<bool> complete = engine_.Handshake();
  FlushCipher();  // also the alert that explains a failure
  if (!complete.ok()) {
    return Fail(complete.status());
  }
  if (!*complete) {
    return;
  }
  handshake_timer_.Cancel();
  state_ = State::kOpen;
  handler_->OnConnected();
  if (state_ != State::kOpen) {
    return;
  }
  if (!waiting_.empty()) {
    engine_.Encrypt(std::exchange(waiting_, Rope()));
    FlushCipher();
  }
  if (std::exchange(ending_, false)) {
    ShutdownWrite();
  }
  ReadPlain();
}

void TlsStream::ReadPlain() {
  bool more = true;
  while (more && state_ == State::kOpen && !read_paused_ && !peer_ended_) {
    TlsEngine::Plain plain = engine_.Read();
    more = plain.more;
    FlushCipher();  // key updates and alerts
    if (!plain.bytes.empty()) {
      handler_->OnData(std::move(plain.bytes));
    }
    if (state_ != State::kOpen) {
      return;
    }
    if (!plain.failure.ok()) {
      return Fail(std::move(plain.failure));
    }
    if (plain.ended) {
      peer_ended_ = true;
      DeliverPeerEnd();
    }
  }
}

void TlsStream::DeliverPeerEnd() {
  if (state_ == State::kOpen && peer_ended_ && !end_reported_ && !read_paused_) {
    end_reported_ = true;
    handler_->OnEnd();
  }
}

void TlsStream::OnEnd() {
  if (state_ == State::kHandshake) {
    return Fail(Unavailable("TLS handshake failed: connection closed by the peer"));
  }
  // An end without close_notify is common; both HTTP versions frame their messages, so nothing is
  // cut unnoticed.
  peer_ended_ = true;
  DeliverPeerEnd();
}

void TlsStream::OnHangup() {
  if (state_ == State::kOpen) {
    handler_->OnHangup();
  }
}

void TlsStream::OnWritable() {
  if (state_ == State::kOpen) {
    handler_->OnWritable();
  }
}

void TlsStream::Write(Rope bytes) {
  if (state_ == State::kDead || ending_ || bytes.empty()) {
    return;
  }
  if (state_ != State::kOpen) {
    waiting_.Append(std::move(bytes));
    return;
  }
  engine_.Encrypt(bytes);
  FlushCipher();
}

void TlsStream::FlushCipher() {
  if (Rope output = engine_.TakeOutput(); !output.empty()) {
    below_->Write(std::move(output));
  }
}

void TlsStream::ShutdownWrite() {
  if (state_ == State::kDead || ending_) {
    return;
  }
  ending_ = true;
  if (state_ == State::kOpen) {
    engine_.End();
    FlushCipher();
    below_->ShutdownWrite();
  }
}

void TlsStream::PauseRead() {
  read_paused_ = true;
  below_->PauseRead();
}

void TlsStream::ResumeRead() {
  if (!std::exchange(read_paused_, false)) {
    return;
  }
  below_->ResumeRead();
  worker_.Post(lifetime_.Guard([this] {
    ReadPlain();
    DeliverPeerEnd();
  }));
}

void TlsStream::Fail(Status reason) {
  StreamHandler* handler = handler_;
  // The alert is in the socket's queue at best; closing at once would reset it away, but the peer
  // is not owed it.
  Close();
  if (handler) {
    handler->OnClosed(std::move(reason));
  }
}

void TlsStream::Close() {
  if (state_ == State::kDead) {
    return;
  }
  state_ = State::kDead;
  handler_ = nullptr;
  handshake_timer_.Cancel();
  below_->Close();
  waiting_.Clear();
  engine_.Clear();
}

std::unique_ptr<Stream> ConnectTls(Worker& worker, const SocketAddress& address,
                                   std::shared_ptr<TlsClientContext> tls,
                                   const std::string& server_name, const StreamOptions& options) {
  ssl_st* ssl = tls->NewSession(server_name);
  return std::make_unique<TlsStream>(worker, ConnectPlain(worker, address, options), ssl,
                                     std::move(tls), options);
}

std::unique_ptr<Stream> AcceptTls(Worker& worker, Fd fd, std::shared_ptr<TlsServerContext> tls,
                                  const StreamOptions& options) {
  ssl_st* ssl = tls->NewSession();
  return std::make_unique<TlsStream>(worker, AcceptPlain(worker, std::move(fd), options), ssl,
                                     std::move(tls), options);
}

}  // namespace gapless::net
