// OTLP/gRPC as requests and answers. Pure; one worker.
#pragma once

#include "endpoint/client.h"
#include "net/grpc/grpc_client.h"
#include "otlp/signal.h"
#include "sending/channel_transport.h"

#include <string>

namespace gapless::exporter::otlp_grpc {

class GrpcProtocol final : public sending::ExportProtocol {
 public:
  GrpcProtocol(const endpoint::GrpcClientConfig& config, otlp::Signal signal);

  Result<Rope> Encode(const otlp::Batch& batch) override;
  net::HttpRequest Frame(Rope body, Duration timeout, bool probe) override;
  sending::Transport::Form form() const override {
    return {.encoding = "proto", .codec = encoding_.empty() ? "none" : encoding_};
  }
  sending::AttemptResult Read(const net::HttpResponse& response, WallTime now) override;
  // The status comes after the body.
  bool HeadTells() const override { return false; }

 private:
  sending::AttemptResult Failure(const net::HttpResponse& response,
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
