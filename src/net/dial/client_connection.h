// ClientConnection: one connection to a peer: stream, HTTP session and the watch over its liveness,
// glued together.
//
// Decides nothing: dialling, sending again and giving up are ClientChannel's. All on one worker's
// thread. Observer calls and exchange callbacks never come from inside Start, Send or Cancel. The
// connection must not be destroyed inside its own callbacks: Close() it and hand it to
// Loop::DeferDelete.
#pragma once

#include "base/loop.h"
#include "net/dial/liveness.h"
#include "net/http/client_session.h"
#include "net/loop/stream.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace gapless::net {

enum class ClientProtocol : uint8_t {
  kHttp1,
  kHttp2,  // also without TLS ("prior knowledge")
  kByAlpn  // HTTP/2 if TLS negotiated "h2", else HTTP/1.1
};

struct KeepaliveOptions {
  // PING after so long without a byte from the peer; zero: never.
  Duration time = {};
  // A PING that is unanswered for so long ends the connection.
  Duration timeout = std::chrono::seconds(10);
  // Also while nothing is in flight.
  bool permit_without_stream = false;
};

struct ClientConnectionOptions {
  ClientProtocol protocol = ClientProtocol::kHttp2;
  ClientLimits limits;
  Duration suspect_after = std::chrono::seconds(1);
  KeepaliveOptions keepalive;
};

class ClientConnection final : private StreamHandler, private ClientSession::Owner {
 public:
  class Observer {
   public:
    virtual ~Observer() = default;
    // Requests may be sent.
    virtual void OnConnectionReady(ClientConnection& connection) = 0;
    // A request ended: there may be capacity again.
    virtual void OnConnectionIdle(ClientConnection& connection) = 0;
    // kSuspect or kReplace, see Liveness.
    virtual void OnConnectionVerdict(ClientConnection& connection, Liveness::Action verdict) = 0;
    // The peer spoke after a verdict.
    virtual void OnConnectionRecovered(ClientConnection& connection) = 0;
    // No new requests on this connection; those in flight may be answered.
    virtual void OnConnectionGoodbye(ClientConnection& connection) = 0;
    // It is over and every exchange has been told. `graceful`: nothing was lost by it.
    virtual void OnConnectionDown(ClientConnection& connection, const Status& reason,
                                  bool graceful) = 0;
  };

  ClientConnection(Loop& loop, std::unique_ptr<Stream> stream, ClientConnectionOptions options,
                   Observer* observer);
  ~ClientConnection() override;

  void Start();
  // Free for the owner's use.
  uint64_t tag = 0;

  bool ready() const { return ready_; }
  bool goodbye() const { return goodbye_; }
  // Requests that may be begun now; 0 before ready, after goodbye and after the end.
  size_t capacity() const;
  size_t in_flight() const { return session_ ? session_->in_flight() : 0; }
  bool is_http2() const { return http2_; }
  // True from a verdict until the peer speaks.
  bool doubtful() const { return verdict_ != Liveness::Action::kNone; }
  Liveness::Action verdict() const { return verdict_; }
  // True if the peer's kernel has not yet acknowledged everything that was sent, and not because
  // the peer's process reads too slowly.
  bool HasUnacknowledged() const;
  // The doubt was unfounded: watch as if the peer had spoken at `spoke`, which may lie ahead.
  void Acquit(TimePoint spoke);
  const Socket& socket() const { return stream_->socket(); }
  TimePoint last_used() const { return last_used_; }
  std::string peer() const { return peer_; }

  void Send(uint64_t id, SharedRequest request, ExchangeCallback done);
  void Cancel(uint64_t id);
  // Ends every exchange as lost, then closes.
  void Kill(const Status& reason);
  // Closes now, politely where the protocol can; callbacks of exchanges do not run.
  void Close();

 private:
  // StreamHandler.
  void OnConnected() override;
  void OnData(Slice bytes) override;
  void OnEnd() override;
  void OnWritable() override;
  void OnClosed(Status reason) override;
  // ClientSession::Owner.
  void Output(Rope bytes) override;
  bool CanOutput() const override;
  void OnReady() override;
  void OnGoodbye() override;
  void OnAnswerBytes() override;
  void OnPingAck() override;
  void OnUndelivered() override;

  ExchangeCallback Watched(ExchangeCallback done);
  void Heard();
  void SampleTransport();
  void ArmWatch();
  void OnWatch();
  void SendPing();
  void ArmKeepalive();
  void OnKeepalive();
  void AfterEvent();
  void Down(const Status& reason, bool graceful);

  Loop& loop_;
  const ClientConnectionOptions options_;
  Observer* const observer_;
  std::unique_ptr<Stream> stream_;
  std::unique_ptr<ClientSession> session_;
  Liveness liveness_;
  Liveness::Action verdict_ = Liveness::Action::kNone;
  std::string peer_;
  bool http2_ = false;
  bool ready_ = false;
  bool goodbye_ = false;
  bool closed_ = false;
  bool lost_ = false;  // an exchange ended without an answer
  TimePoint last_used_{};
  TimePoint last_heard_{};
  TimePoint watch_at_{};
  std::optional<TimePoint> keepalive_sent_;
  Timer watch_;
  Timer keepalive_;
  Timer deliver_;
};

}  // namespace gapless::net
