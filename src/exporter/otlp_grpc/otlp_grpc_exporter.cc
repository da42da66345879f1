#include "exporter/otlp_grpc/otlp_grpc_exporter.h"

#include "exporter/otlp_grpc/protocol.h"
#include "sending/channel_transport.h"

#include <cstdlib>

namespace gapless::exporter::otlp_grpc {
namespace {

const char* Environment(const char* name) { return std::getenv(name); }

}  // namespace

OtlpGrpcExporter::OtlpGrpcExporter(const pipeline::Settings& settings, Config config)
    : config_(std::move(config)), memory_(settings.memory) {}

Status OtlpGrpcExporter::Start() {
  ASSIGN_OR_RETURN(tls_, endpoint::MakeGrpcTls(config_.client));
  ASSIGN_OR_RETURN(proxy_, endpoint::GrpcProxy(config_.client, &Environment));
  return OkStatus();
}

void OtlpGrpcExporter::Shutdown(TimePoint, std::move_only_function<void()> done) { done(); }

std::unique_ptr<sending::Transport> OtlpGrpcExporter::CreateTransport(otlp::Signal signal,
                                                                      net::Worker& home,
                                                                      Duration suspect_after) {
  net::ClientChannelOptions options =
      endpoint::GrpcChannelOptions(config_.client, tls_, suspect_after);
  endpoint::UseProxy(proxy_, true, options);
  return std::make_unique<sending::ChannelTransport>(
      home, std::move(options), std::make_unique<GrpcProtocol>(config_.client, signal), memory_);
}

telemetry::Labels OtlpGrpcExporter::PeerLabels(otlp::Signal) const {
  const auto target = endpoint::ParseGrpcEndpoint(config_.client.endpoint);
  if (!target.ok() || target->unix_address) {
    return {};
  }
  return {{"server_address", target->address.host},
          {"server_port", std::to_string(target->address.port)}};
}

}  // namespace gapless::exporter::otlp_grpc
