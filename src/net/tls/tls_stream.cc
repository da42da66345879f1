// The Stream that runs TLS over another one.
#include "base/lifetime.h"
#include "fmt/format.h"
#include "net/loop/stream.h"
#include "net/loop/worker.h"
#include "net/tls/tls.h"
#include "net/tls/tls_engine.h"

#include <memory>
#include <utility>

namespace gapless::net {
namespace {

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

  void Start(StreamHandler* handler) override {
    handler_ = handler;
    state_ = State::kHandshake;
    below_->Start(this);
    if (handshake_timeout_ > Duration::zero()) {
      handshake_timer_ = worker_.RunAfter(handshake_timeout_, [this] {
        Fail(Unavailable(
            fmt::format("TLS handshake with {}: timed out", socket().peer().ToString())));
      });
    }
  }
  void Write(Rope bytes) override {
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
  void ShutdownWrite() override {
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
  void PauseRead() override {
    read_paused_ = true;
    below_->PauseRead();
  }
  void ResumeRead() override {
    if (!std::exchange(read_paused_, false)) {
      return;
    }
    below_->ResumeRead();
    worker_.Post(lifetime_.Guard([this] {
      ReadPlain();
      DeliverPeerEnd();
    }));
  }
  void Close() override {
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
  bool above_high_watermark() const override { return below_->above_high_watermark(); }
  Socket& socket() override { return below_->socket(); }
  const TlsTerms* tls() const override { return &engine_.terms(); }

 private:
  enum class State : uint8_t { kNew, kHandshake, kOpen, kDead };

  void OnConnected() override { Handshake(); }
  void OnData(Slice bytes) override {
    engine_.Feed(std::move(bytes));
    if (state_ == State::kHandshake) {
      Handshake();
    } else {
      ReadPlain();
    }
  }
  void OnEnd() override {
    if (state_ == State::kHandshake) {
      return Fail(Unavailable("TLS handshake failed: connection closed by the peer"));
    }
    // An end without close_notify is common; both HTTP versions frame their messages, so nothing is
    // cut unnoticed.
    peer_ended_ = true;
    DeliverPeerEnd();
  }
  void OnHangup() override {
    if (state_ == State::kOpen) {
      handler_->OnHangup();
    }
  }
  void OnWritable() override {
    if (state_ == State::kOpen) {
      handler_->OnWritable();
    }
  }
  void OnClosed(Status reason) override { Fail(std::move(reason)); }

  void Handshake();
  void ReadPlain();
  void FlushCipher() {
    if (Rope output = engine_.TakeOutput(); !output.empty()) {
      below_->Write(std::move(output));
    }
  }
  void Fail(Status reason) {
    StreamHandler* handler = handler_;
    // The alert is in the socket's queue at best; closing at once would reset it away, but the peer
    // is not owed it.
    Close();
    if (handler) {
      handler->OnClosed(std::move(reason));
    }
  }
  void DeliverPeerEnd() {
    if (state_ == State::kOpen && peer_ended_ && !end_reported_ && !read_paused_) {
      end_reported_ = true;
      handler_->OnEnd();
    }
  }

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

}  // namespace

std::unique_ptr<Stream> TlsOver(Worker& worker, std::unique_ptr<Stream> below,
                                std::shared_ptr<TlsClientContext> tls,
                                const std::string& server_name, const StreamOptions& options) {
  ssl_st* ssl = tls->NewSession(server_name);
  return std::make_unique<TlsStream>(worker, std::move(below), ssl, std::move(tls), options);
}

std::unique_ptr<Stream> ConnectTls(Worker& worker, const SocketAddress& address,
                                   std::shared_ptr<TlsClientContext> tls,
                                   const std::string& server_name, const StreamOptions& options) {
  return TlsOver(worker, ConnectPlain(worker, address, options), std::move(tls), server_name,
                 options);
}

std::unique_ptr<Stream> AcceptTls(Worker& worker, Fd fd, std::shared_ptr<TlsServerContext> tls,
                                  const StreamOptions& options) {
  ssl_st* ssl = tls->NewSession();
  return std::make_unique<TlsStream>(worker, AcceptPlain(worker, std::move(fd), options), ssl,
                                     std::move(tls), options);
}

}  // namespace gapless::net
