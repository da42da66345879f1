// TlsStream: the Stream that runs TLS over a SocketStream. Internal to net.
//
// OpenSSL talks to a BIO of ours: cipher text is read from the slices that the socket delivered and
// written into slabs that are handed to the socket in one piece, so that one turn costs one system
// call each way.
#pragma once

#include "net/loop/stream.h"
#include "net/loop/worker.h"

#include <deque>
#include <memory>
#include <string>

struct ssl_st;

namespace gapless::net {

class TlsStream final : public Stream, private StreamHandler {
 public:
  // Takes over `ssl`, which is in connect or accept state; `keep_alive` is the context that made
  // it.
  TlsStream(Worker& worker, std::unique_ptr<Stream> socket, ssl_st* ssl,
            std::shared_ptr<void> keep_alive, const StreamOptions& options);
  ~TlsStream() override;

  void Start(StreamHandler* handler) override;
  void Write(Rope bytes) override;
  void ShutdownWrite() override;
  void PauseRead() override;
  void ResumeRead() override;
  void Close() override;
  size_t pending_bytes() const override { return socket_->pending_bytes() + waiting_.size(); }
  bool above_high_watermark() const override { return socket_->above_high_watermark(); }
  uint64_t queued_bytes() const override { return socket_->queued_bytes(); }
  uint64_t AckedBytes() const override { return socket_->AckedBytes(); }
  bool ReaderIsFull() override { return socket_->ReaderIsFull(); }
  StreamProgress progress() const override { return socket_->progress(); }
  Duration RoundTrip() const override { return socket_->RoundTrip(); }
  const SocketAddress& local_address() const override { return socket_->local_address(); }
  const SocketAddress& peer_address() const override { return socket_->peer_address(); }
  bool is_tls() const override { return true; }
  const std::string& alpn() const override { return alpn_; }
  std::string peer_subject() const override;

 private:
  friend struct TlsBio;
  enum class State : uint8_t { kNew, kHandshake, kOpen, kDead };

  void OnConnected() override;
  void OnData(Slice bytes) override;
  void OnEnd() override;
  void OnHangup() override;
  void OnWritable() override;
  void OnClosed(Status reason) override;

  void Handshake();
  void ReadPlain();
  void Encrypt(const Rope& bytes);
  void FlushCipher();
  void Fail(Status reason);
  Status SslFailure(std::string_view what) const;
  void Later(void (TlsStream::*method)());
  void DeliverPeerEnd();

  Worker& worker_;
  const StreamOptions options_;
  std::shared_ptr<void> keep_alive_;
  std::unique_ptr<Stream> socket_;
  ssl_st* ssl_;
  StreamHandler* handler_ = nullptr;
  State state_ = State::kNew;
  std::string alpn_;
  Timer handshake_timer_;
  std::shared_ptr<TlsStream*> self_ = std::make_shared<TlsStream*>(this);

  std::string first_bytes_;  // of what came
  std::deque<Slice> cipher_in_;
  bool read_paused_ = false;
  bool peer_ended_ = false;  // close_notify or FIN came
  bool end_reported_ = false;

  Rope waiting_;  // written before the handshake was complete
  bool ending_ = false;
  Rope cipher_out_;
};

}  // namespace gapless::net
