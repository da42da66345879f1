// OTLP/HTTP as requests and answers. Pure; one worker.
#pragma once

#include "endpoint/cookies.h"
#include "endpoint/proxy.h"
#include "endpoint/target.h"
#include "exporter/otlp_http/config.h"
#include "sending/channel_transport.h"

#include <optional>
#include <string>
#include <string_view>

namespace gapless::exporter::otlp_http {

class HttpProtocol final : public sending::ExportProtocol {
 public:
  // `proxy`: plain http requests go to it with their whole URL; https goes through a tunnel that
  // the channel digs.
  HttpProtocol(const Config& config, const endpoint::UrlTarget& target,
               const std::optional<endpoint::Proxy>& proxy, otlp::Signal signal);

  Result<Rope> Encode(const otlp::Batch& batch) override;
  net::HttpRequest Frame(Rope body, Duration timeout, bool probe) override;
  sending::Transport::Form form() const override;
  std::optional<net::HttpRequest> FrameOther() const override;
  // Within the same server only.
  std::optional<net::HttpRequest> Redirected(const net::HttpRequest& request,
                                             const net::HttpResponse& response,
                                             WallTime now) override;
  sending::AttemptResult Read(const net::HttpResponse& response, WallTime now) override;
  bool HeadTells() const override { return true; }

 private:
  void AddCookies(std::string_view path, net::HttpRequest& request) const;
  Status Failure(const net::HttpResponse& response, WallTime now) const;

  const otlp::Signal signal_;
  const Encoding encoding_;
  const wire::Codec codec_;
  const std::string content_encoding_;
  const std::string codec_name_;  // as configured
  const int level_;
  const std::string url_;  // for messages
  const endpoint::UrlTarget target_;
  std::optional<endpoint::CookieJar> cookies_;
  net::HttpHeaders secrets_;  // what no message may quote
  net::HttpRequest request_;  // without body
};

}  // namespace gapless::exporter::otlp_http
