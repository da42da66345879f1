// The otlp_grpc exporter (alias otlp): OTLP over gRPC to one peer, one channel per signal.
#pragma once

#include "exporter/otlp_grpc/config.h"
#include "sending/exporter.h"

#include <memory>

namespace gapless::exporter::otlp_grpc {

class OtlpGrpcExporter final : public sending::Exporter {
 public:
  OtlpGrpcExporter(const pipeline::Settings& settings, Config config);

  // Reads the TLS files; fails if they are no good. Does not wait for the peer.
  Status Start() override;
  void Shutdown(TimePoint deadline, std::move_only_function<void()> done) override;
  std::unique_ptr<sending::Transport> CreateTransport(otlp::Signal signal, net::Worker& home,
                                                      Duration suspect_after) override;
  telemetry::Labels PeerLabels(otlp::Signal signal) const override;

 private:
  const Config config_;
  const std::shared_ptr<MemoryLimit> memory_;
  std::shared_ptr<net::TlsClientContext> tls_;
  std::optional<endpoint::Proxy> proxy_;
};

}  // namespace gapless::exporter::otlp_grpc
