#include "net/dial/client_connection.h"

#include "fmt/format.h"
#include "net/http1/http1_client.h"
#include "net/http2/http2_client.h"

#include <algorithm>

namespace gapless::net {
namespace {

// Looks per suspect_after at how far an upload got.
constexpr int kSamples = 8;

}  // namespace

ClientConnection::ClientConnection(Loop& loop, std::unique_ptr<Stream> stream,
                                   ClientConnectionOptions options, Observer* observer)
    : loop_(loop),
      options_(options),
      observer_(observer),
      stream_(std::move(stream)),
      liveness_({.suspect_after = options.suspect_after}) {}

ClientConnection::~ClientConnection() { Close(); }

void ClientConnection::Start() {
  last_used_ = last_heard_ = loop_.Now();
  stream_->Start(this);
}

size_t ClientConnection::capacity() const {
  return ready_ && !closed_ && !goodbye_ ? session_->capacity() : 0;
}

bool ClientConnection::HasUnacknowledged() const {
  return closed_ || (stream_->socket().AckedBytes() < stream_->socket().queued_bytes() &&
                     !stream_->socket().ReaderIsFull());
}

void ClientConnection::Acquit(TimePoint spoke) {
  verdict_ = Liveness::Action::kNone;
  liveness_.OnReceived(spoke);
  ArmWatch();
}

ExchangeCallback ClientConnection::Watched(ExchangeCallback done) {
  return [this, done = std::move(done)](ExchangeResult result) mutable {
    liveness_.OnRequestEnded();
    last_used_ = loop_.Now();
    lost_ = lost_ || result.fate == Fate::kLost;
    done(std::move(result));
  };
}

void ClientConnection::Send(uint64_t id, SharedRequest request, ExchangeCallback done) {
  GAPLESS_DCHECK(capacity() > 0);
  if (session_->in_flight() == 0) {
    // What was acknowledged before this request is no sign of life after it.
    liveness_.OnRequestStarted(loop_.Now());
    SampleTransport();
  } else {
    liveness_.OnRequestStarted(loop_.Now());
  }
  last_used_ = loop_.Now();
  session_->Send(id, std::move(request), Watched(std::move(done)));
  ArmWatch();
}

void ClientConnection::Cancel(uint64_t id) {
  if (closed_ || !session_) {
    return;
  }
  const size_t before = session_->in_flight();
  session_->Cancel(id);
  if (session_->in_flight() < before) {
    liveness_.OnRequestEnded();
    last_used_ = loop_.Now();
  }
  // Cancelling may leave the connection without purpose; the owner hears of it on a later turn.
  OnUndelivered();
}

void ClientConnection::Kill(const Status& reason) {
  if (closed_) {
    return;
  }
  if (session_) {
    session_->FailAll(reason);
  }
  Close();
}

void ClientConnection::Close() {
  if (closed_) {
    return;
  }
  if (session_ && ready_) {
    session_->Goodbye();
  }
  closed_ = true;
  watch_.Cancel();
  keepalive_.Cancel();
  deliver_.Cancel();
  stream_->Close();
}

void ClientConnection::OnConnected() {
  peer_ = stream_->socket().peer().ToString();
  http2_ = options_.protocol == ClientProtocol::kHttp2 ||
           (options_.protocol == ClientProtocol::kByAlpn && stream_->tls() &&
            stream_->tls()->alpn == "h2");
  session_ = http2_ ? NewHttp2ClientSession(options_.limits, this)
                    : NewHttp1ClientSession(options_.limits, this);
  liveness_ = Liveness({.suspect_after = options_.suspect_after, .can_ping = session_->can_ping()});
  last_heard_ = loop_.Now();
  session_->Start();
  ArmKeepalive();
}

void ClientConnection::OnData(Slice bytes) {
  Heard();
  const Status status = session_->Receive(bytes);
  if (closed_) {
    return;
  }
  if (!status.ok()) {
    session_->FailAll(status);
    Down(status, false);
    return;
  }
  AfterEvent();
}

void ClientConnection::OnEnd() {
  if (!session_) {
    Down(Unavailable("connection closed by the peer"), false);
    return;
  }
  const bool idle = session_->in_flight() == 0 && ready_;
  session_->End();
  // HTTP/1.1 servers end idle connections as they like; HTTP/2 ones say GOAWAY first.
  const bool graceful = !lost_ && (goodbye_ || (idle && !http2_));
  Down(Unavailable("connection closed by the peer"), graceful);
}

void ClientConnection::OnWritable() {
  if (session_) {
    session_->Pump();
    AfterEvent();
  }
}

void ClientConnection::OnClosed(Status reason) {
  if (session_) {
    const bool idle = session_->in_flight() == 0 && ready_;
    session_->FailAll(reason);
    Down(reason, !lost_ && goodbye_ && idle);
  } else {
    Down(reason, false);
  }
}

void ClientConnection::Output(Rope bytes) { stream_->Write(std::move(bytes)); }

bool ClientConnection::CanOutput() const { return !closed_ && !stream_->above_high_watermark(); }

void ClientConnection::OnReady() {
  if (!ready_) {
    ready_ = true;
    observer_->OnConnectionReady(*this);
  }
}

void ClientConnection::OnGoodbye() {
  if (!goodbye_) {
    goodbye_ = true;
    observer_->OnConnectionGoodbye(*this);
  }
}

void ClientConnection::OnAnswerBytes() { liveness_.OnAnswer(loop_.Now()); }

void ClientConnection::OnPingAck() { liveness_.OnPingAck(loop_.Now()); }

void ClientConnection::OnUndelivered() {
  if (!deliver_.armed()) {
    deliver_ = loop_.RunAfter(Duration::zero(), [this] {
      session_->Deliver();
      AfterEvent();
    });
  }
}

void ClientConnection::Heard() {
  last_heard_ = loop_.Now();
  keepalive_sent_.reset();
  liveness_.OnReceived(last_heard_);
  if (verdict_ != Liveness::Action::kNone) {
    verdict_ = Liveness::Action::kNone;
    observer_->OnConnectionRecovered(*this);
  }
}

void ClientConnection::SampleTransport() {
  (void)stream_->socket().ReaderIsFull();  // for the sake of what it does
  liveness_.OnTransportAcked(stream_->socket().AckedBytes(), stream_->socket().queued_bytes(),
                             loop_.Now());
}

void ClientConnection::ArmWatch() {
  auto next = liveness_.NextPoll();
  if (closed_ || !next) {
    return;
  }
  // A timer that fires early only looks again: cheaper than moving it with every packet.
  const TimePoint soon = loop_.Now() + options_.suspect_after / kSamples;
  if (watch_.armed() && watch_at_ <= std::min(*next, soon)) {
    return;
  }
  if (stream_->socket().AckedBytes() < stream_->socket().queued_bytes()) {
    next = std::min(*next, soon);
  }
  if (watch_.armed() && watch_at_ <= *next) {
    return;
  }
  watch_at_ = std::max(*next, loop_.Now());
  watch_ = loop_.RunAt(watch_at_, [this] { OnWatch(); });
}

void ClientConnection::OnWatch() {
  SampleTransport();
  switch (const Liveness::Action action = liveness_.Poll(loop_.Now())) {
    case Liveness::Action::kNone:
      break;
    case Liveness::Action::kSendPing:
      SendPing();
      break;
    case Liveness::Action::kSuspect:
    case Liveness::Action::kReplace:
      verdict_ = action;
      observer_->OnConnectionVerdict(*this, action);
      break;
  }
  if (!closed_) {
    ArmWatch();
  }
}

void ClientConnection::SendPing() {
  session_->Ping();
  liveness_.OnPingSent(stream_->socket().queued_bytes(), stream_->socket().RoundTrip());
}

void ClientConnection::ArmKeepalive() {
  if (options_.keepalive.time > Duration::zero() && session_->can_ping()) {
    keepalive_ =
        loop_.RunAfter(keepalive_sent_ ? options_.keepalive.timeout : options_.keepalive.time,
                       [this] { OnKeepalive(); });
  }
}

void ClientConnection::OnKeepalive() {
  if (keepalive_sent_) {
    const Status reason = Unavailable("keepalive PING was not answered");
    session_->FailAll(reason);
    Down(reason, false);
    return;
  }
  const bool due = loop_.Now() - last_heard_ >= options_.keepalive.time;
  if (due && (options_.keepalive.permit_without_stream || in_flight() > 0)) {
    keepalive_sent_ = loop_.Now();
    session_->Ping();
  }
  ArmKeepalive();
}

void ClientConnection::AfterEvent() {
  if (closed_ || !session_) {
    return;
  }
  if (session_->finished()) {
    Down(Unavailable("connection ended"), true);
    return;
  }
  ArmWatch();
  if (session_->capacity() > 0) {
    observer_->OnConnectionIdle(*this);
  }
}

void ClientConnection::Down(const Status& reason, bool graceful) {
  if (closed_) {
    return;
  }
  Close();
  observer_->OnConnectionDown(*this, reason, graceful);
}

}  // namespace gapless::net
