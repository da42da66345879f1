// TlsStream: the Stream that runs TLS over another one. Internal to net.
#pragma once

#include "base/lifetime.h"
#include "net/loop/stream.h"
#include "net/loop/worker.h"
#include "net/tls/tls_engine.h"

#include <memory>

struct ssl_st;

namespace gapless::net {

class TlsStream final : public Stream, private StreamHandler {
 public:
  // `ssl` and `keep_alive` as for TlsEngine.
  TlsStream(Worker& worker, std::unique_ptr<Stream> below, ssl_st* ssl,
            std::shared_ptr<void> keep_alive, const StreamOptions& options)
      : worker_(worker),
        handshake_timeout_(options.connect_timeout),
        below_(std::move(below)),
        engine_(ssl, std::move(keep_alive)) {}
  ~TlsStream() override { Close(); }

  void Start(StreamHandler* handler) override;
  void Write(Rope bytes) override;
  void ShutdownWrite() override;
  void PauseRead() override;
  void ResumeRead() override;
  void Close() override;
  bool above_high_watermark() const override { return below_->above_high_watermark(); }
  Socket& socket() override { return below_->socket(); }
  const TlsTerms* tls() const override { return &engine_.terms(); }

 private:
  enum class State : uint8_t { kNew, kHandshake, kOpen, kDead };

  void OnConnected() override { Handshake(); }
  void OnData(Slice bytes) override;
  void OnEnd() override;
  void OnHangup() override;
  void OnWritable() override;
  void OnClosed(Status reason) override { Fail(std::move(reason)); }

  void Handshake();
  void ReadPlain();
  void FlushCipher();
  void Fail(Status reason);
  void DeliverPeerEnd();

  Worker& worker_;
  const Duration handshake_timeout_;
  const std::unique_ptr<Stream> below_;
  TlsEngine engine_;
  StreamHandler* handler_ = nullptr;
  State state_ = State::kNew;
  Rope waiting_;  // written before the handshake was complete
  bool ending_ = false;
  bool read_paused_ = false;
  bool peer_ended_ = false;  // close_notify or FIN came
  bool end_reported_ = false;
  Timer handshake_timer_;
  Lifetime lifetime_;
};

}  // namespace gapless::net
