// OTLP/gRPC as requests and answers. Pure; one worker.
#pragma once

#include "delivery/channel_transport.h"
#include "endpoint/client.h"
#include "net/grpc_client.h"
#include "otlp/signal.h"

#include <string>

namespace gapless::exporter::otlp_grpc {

class GrpcProtocol final : public delivery::ExportProtocol {
 public:
  GrpcProtocol(const endpoint::GrpcClientConfig& config, otlp::Signal signal);

  Result<Rope> Encode(const otlp::Batch& batch) override;
  net::HttpRequest Frame(Rope body, Duration timeout, bool probe) override;
  delivery::Transport::Form form() const override {
    return {.encoding = "proto", .codec = encoding_.empty() ? "none" : encoding_};
  }
  delivery::AttemptResult Read(const net::HttpResponse& response, WallTime now) override;
  // The status comes after the body.
  bool HeadTells() const override { return false; }

 private:
  delivery::AttemptResult Failure(const net::HttpResponse& response,
                                  const net::GrpcAnswer& answer) const;
  std::string Words(std::string_view text) const;

  const wire::Codec codec_;
  const std::string encoding_;
  const std::string path_;
  const std::string scheme_;
  const std::string authority_;
  const std::string user_agent_;
  const net::HttpHeaders metadata_;
};

}  // namespace gapless::exporter::otlp_grpc
