// The otlp_http exporter (alias otlphttp): OTLP over HTTP/1.1, or HTTP/2 where TLS negotiates it.
#pragma once

#include "exporter/otlp_http/config.h"
#include "sending/exporter.h"

#include <array>
#include <memory>
#include <optional>

namespace gapless::exporter::otlp_http {

class OtlpHttpExporter final : public sending::Exporter {
 public:
  OtlpHttpExporter(const pipeline::Settings& settings, Config config);

  // Reads the TLS files; fails if they are no good. Does not wait for the peer.
  Status Start() override;
  void Shutdown(TimePoint deadline, std::move_only_function<void()> done) override;
  // Null for a signal that no endpoint is configured for.
  std::unique_ptr<sending::Transport> CreateTransport(otlp::Signal signal, net::Worker& home,
                                                      Duration suspect_after) override;
  telemetry::Labels PeerLabels(otlp::Signal signal) const override;

 private:
  struct Target {
    endpoint::UrlTarget url;
    std::shared_ptr<net::TlsClientContext> tls;  // null: plaintext
    std::optional<endpoint::Proxy> proxy;
  };

  const Config config_;
  const std::shared_ptr<MemoryLimit> memory_;
  std::array<std::optional<Target>, otlp::kSignals.size()> targets_;
};

}  // namespace gapless::exporter::otlp_http
