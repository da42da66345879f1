// ChannelTransport: the Transport of exporters that speak HTTP/2 or HTTP/1.1 to their peer. What
// differs between them, the form of requests and the meaning of answers, is an ExportProtocol.
//
// A payload is encoded once per unit: what an attempt that did not succeed has encoded is kept for
// the next one (at most kKeptPayloads, for kKeepPayload, while units have memory left). All on the
// home worker.
#pragma once

#include "base/memory_limit.h"
#include "net/dial/client_channel.h"
#include "sending/transport.h"

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>

namespace gapless::sending {

// Pure. Used on one worker.
class ExportProtocol {
 public:
  virtual ~ExportProtocol() = default;
  // The batch in the encoding that leaves. Errors: INVALID_ARGUMENT, which a validated batch never
  // gives.
  virtual Result<Rope> Encode(const otlp::Batch& batch) = 0;
  // The request around what Encode gave; `probe`: an empty export, with an empty `body`.
  virtual net::HttpRequest Frame(Rope body, Duration timeout, bool probe) = 0;
  virtual Transport::Form form() const = 0;
  // An empty export in the encoding that is not configured; nullopt: there is none.
  virtual std::optional<net::HttpRequest> FrameOther() const { return std::nullopt; }
  // The request that an answer sends the client to (307 and 308, which repeat method and body);
  // nullopt: it is a final answer.
  virtual std::optional<net::HttpRequest> Redirected(const net::HttpRequest&,
                                                     const net::HttpResponse&, WallTime) {
    return std::nullopt;
  }
  // What an answer means. The body may be cut.
  virtual AttemptResult Read(const net::HttpResponse& response, WallTime now) = 0;
  // True if the head alone tells, so that an answer which breaks off after it is an answer.
  virtual bool HeadTells() const = 0;
};

class ChannelTransport final : public Transport, private net::ClientChannel::Observer {
 public:
  static constexpr size_t kKeptPayloads = 16;
  static constexpr Duration kKeepPayload = std::chrono::seconds(60);
  static constexpr int kMaxRedirects = 10;  // as Go's http.Client

  // `memory`: what the process may hold; encoded payloads count there. Null: nobody counts them.
  ChannelTransport(net::Worker& home, net::ClientChannelOptions options,
                   std::unique_ptr<ExportProtocol> protocol,
                   std::shared_ptr<MemoryLimit> memory = nullptr);
  ~ChannelTransport() override;

  void SetObserver(TransportObserver* observer) override { observer_ = observer; }
  void Start() override { channel_.Start(); }
  AttemptId Attempt(const otlp::Batch& batch, Duration timeout, AttemptCallback done) override;
  void Cancel(AttemptId id) override;
  bool held_back() const override { return channel_.held_back(); }
  void Probe(Duration timeout, AttemptCallback done) override;
  Form form() const override { return protocol_->form(); }
  void ProbeAsConfigured(Duration timeout, AttemptCallback done) override;
  bool ProbeOtherEncoding(Duration timeout, AttemptCallback done) override;
  void Stop() override { channel_.Stop(); }

 private:
  struct Payload {
    Rope original;
    Rope encoded;
    MemoryCharge memory = {};  // of what was encoded, where it is not the original
  };
  struct Pending {
    AttemptCallback done;
    std::optional<uint64_t> exchange;
    int redirects = 0;
    Payload payload;
    Timer failure;  // an attempt that ends without an exchange
  };

  void OnConnected() override;
  void OnDialFailed(const Status& status) override;
  void OnConnectionLost(const Status& status) override;

  void Submit(AttemptId id, net::SharedRequest request);
  void Ask(net::HttpRequest request, Duration timeout, AttemptCallback done, int redirects = 0);
  // Where to go on with `request` after that answer; null: nowhere.
  net::SharedRequest Follow(const net::HttpRequest& request, const net::ExchangeResult& result,
                            int redirects);
  AttemptResult Judge(const net::ExchangeResult& result);
  void Finish(AttemptId id, AttemptResult result);
  Result<Payload> EncodeOnce(const otlp::Batch& batch);
  void Keep(Payload payload);

  net::Worker& home_;
  const std::unique_ptr<ExportProtocol> protocol_;
  const std::shared_ptr<MemoryLimit> memory_;
  TransportObserver* observer_ = nullptr;
  std::map<AttemptId, Pending> pending_;
  AttemptId next_id_ = 1;
  std::deque<Payload> kept_;
  Timer forget_;
  net::ClientChannel channel_;
};

}  // namespace gapless::sending
