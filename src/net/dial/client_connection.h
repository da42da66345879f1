// ClientConnection: one connection to a peer: a stream, an HTTP session and what watches over them,
// glued together.
//
// Decides nothing: dialling, sending again and giving up are ClientChannel's. All on one worker's
// thread. Observer calls and exchange callbacks never come from inside Start, Send or Cancel. The
// connection must not be destroyed inside its own callbacks: Close() it and hand it to
// Loop::DeferDelete.
#pragma once

#include "base/loop.h"
#include "net/dial/connection_watch.h"
#include "net/dial/wrong_peer.h"
#include "net/http/client_session.h"
#include "net/loop/stream.h"

#include <chrono>
#include <cstdint>
#include <memory>

namespace gapless::net {

enum class ClientProtocol : uint8_t {
  kHttp1,
  kHttp2,  // also without TLS ("prior knowledge")
  kByAlpn  // HTTP/2 if TLS negotiated "h2", else HTTP/1.1
};

struct ClientConnectionOptions {
  ClientProtocol protocol = ClientProtocol::kHttp2;
  ClientLimits limits;
  Duration suspect_after = std::chrono::seconds(1);
  KeepaliveOptions keepalive;
  WrongPeerHints hints;
};

class ClientConnection final : private StreamHandler, private ClientSession::Owner {
 public:
  class Observer {
   public:
    virtual ~Observer() = default;
    // Requests may be sent.
    virtual void OnConnectionReady(ClientConnection&) {}
    // A request ended: there may be capacity again.
    virtual void OnConnectionIdle(ClientConnection&) {}
    // kSuspect or kReplace, see Liveness.
    virtual void OnConnectionVerdict(ClientConnection&) {}
    // The peer spoke after a verdict.
    virtual void OnConnectionRecovered(ClientConnection&) {}
    // No new requests on this connection; those in flight may be answered.
    virtual void OnConnectionGoodbye(ClientConnection&) {}
    // It is over and every exchange has been told. `graceful`: nothing was lost by it.
    virtual void OnConnectionDown(ClientConnection& connection, const Status& reason,
                                  bool graceful) = 0;
  };

  ClientConnection(Loop& loop, std::unique_ptr<Stream> stream, ClientConnectionOptions options,
                   Observer* observer)
      : loop_(loop),
        options_(std::move(options)),
        observer_(observer),
        stream_(std::move(stream)),
        watch_(loop, stream_->socket(), options_.suspect_after,
               [this] { observer_->OnConnectionVerdict(*this); }),
        keepalive_(loop, options_.keepalive,
                   [this] { Lose(Unavailable("keepalive PING was not answered"), false); }) {}
  ~ClientConnection() override { Close(); }

  void Start() {
    last_used_ = loop_.Now();
    stream_->Start(this);
  }
  void set_observer(Observer* observer) { observer_ = observer; }
  // Free for the owner's use.
  uint64_t tag = 0;

  bool goodbye() const { return state_ == State::kLeaving; }
  // Requests that may be begun now; 0 before ready, after goodbye and after the end.
  size_t capacity() const { return state_ == State::kReady ? session_->capacity() : 0; }
  size_t in_flight() const { return session_ ? session_->in_flight() : 0; }
  bool is_http2() const { return http2_; }
  LivenessWatch& watch() { return watch_; }
  const Socket& socket() const { return stream_->socket(); }
  TimePoint last_used() const { return last_used_; }

  void Send(uint64_t id, SharedRequest request, ExchangeCallback done);
  void Cancel(uint64_t id);
  // Ends every exchange as lost, then closes.
  void Kill(const Status& reason) {
    if (state_ != State::kClosed && session_) {
      session_->FailAll(reason);
    }
    Close();
  }
  // Closes now, politely where the protocol can; callbacks of exchanges do not run.
  void Close();

 private:
  // kLeaving: as kReady, without new requests.
  enum class State : uint8_t { kDialling, kReady, kLeaving, kClosed };

  // StreamHandler.
  void OnConnected() override;
  void OnData(Slice bytes) override;
  void OnEnd() override;
  void OnWritable() override {
    if (session_) {
      session_->Pump();
      AfterEvent();
    }
  }
  void OnClosed(Status reason) override;
  // ClientSession::Owner.
  void Output(Rope bytes) override { stream_->Write(std::move(bytes)); }
  bool CanOutput() const override {
    return state_ != State::kClosed && !stream_->above_high_watermark();
  }
  void OnReady() override {
    if (state_ == State::kDialling) {
      state_ = State::kReady;
      observer_->OnConnectionReady(*this);
    }
  }
  void OnGoodbye() override {
    if (state_ == State::kReady) {
      state_ = State::kLeaving;
      observer_->OnConnectionGoodbye(*this);
    }
  }
  void OnAnswerBytes() override { watch_.OnAnswer(); }
  void OnPingAck() override { watch_.OnPingAck(); }
  void OnUndelivered() override;

  void AfterEvent();
  // Every exchange ends as lost, then the connection does.
  void Lose(const Status& reason, bool graceful) {
    if (state_ != State::kClosed && session_) {
      session_->FailAll(reason);
    }
    Down(reason, graceful && !lost_);
  }
  void Down(const Status& reason, bool graceful) {
    if (state_ != State::kClosed) {
      Close();
      observer_->OnConnectionDown(*this, reason, graceful);
    }
  }

  Loop& loop_;
  const ClientConnectionOptions options_;
  Observer* observer_;
  std::unique_ptr<Stream> stream_;
  std::unique_ptr<ClientSession> session_;
  LivenessWatch watch_;
  Keepalive keepalive_;
  State state_ = State::kDialling;
  bool http2_ = false;
  bool lost_ = false;   // an exchange ended without an answer
  bool heard_ = false;  // bytes came
  TimePoint last_used_{};
  Timer deliver_;
};

}  // namespace gapless::net
