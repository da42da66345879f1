#include "service/metrics_server.h"

#include <fmt/format.h>

namespace gapless::service {

class MetricsServer::Handler final : public net::HttpHandler {
 public:
  Handler(telemetry::Registry& registry, telemetry::PrometheusOptions options)
      : registry_(registry), options_(std::move(options)) {}

  void Handle(net::HttpCall call) override {
    net::HttpResponse response;
    if (call.request.path() != "/metrics") {
      response.status = 404;
      response.headers = {{.name = "content-type", .value = "text/plain; charset=utf-8"}};
      response.body = Rope::CopyOf("404 page not found; metrics are at /metrics\n");
    } else {
      response.headers = {
          {.name = "content-type", .value = std::string(telemetry::kPrometheusContentType)}};
      response.body = Rope::CopyOf(telemetry::PrometheusText(registry_.Collect(), options_));
    }
    call.responder.Send(std::move(response));
  }

 private:
  telemetry::Registry& registry_;
  const telemetry::PrometheusOptions options_;
};

MetricsServer::MetricsServer(std::unique_ptr<net::Listener> listener,
                             std::shared_ptr<net::HttpServer> server)
    : listener_(std::move(listener)), server_(std::move(server)) {}

MetricsServer::~MetricsServer() { listener_->SetAcceptor(nullptr); }

Result<std::unique_ptr<MetricsServer>> MetricsServer::Open(net::Worker& worker,
                                                           const PrometheusConfig& config,
                                                           telemetry::Registry& registry,
                                                           telemetry::Labels resource) {
  const std::string endpoint = fmt::format("{}:{}", config.host, config.port);
  ASSIGN_OR_RETURN(auto listener, net::Listener::Open({&worker}, "tcp", endpoint, {}));
  telemetry::PrometheusOptions options{.without_units = config.without_units,
                                       .without_type_suffix = config.without_type_suffix,
                                       .without_scope_info = config.without_scope_info,
                                       .resource = std::move(resource)};
  auto handler = std::make_shared<Handler>(registry, std::move(options));
  auto server = net::HttpServer::Create({&worker}, {}, handler);
  listener->SetAcceptor(server);
  return std::unique_ptr<MetricsServer>(new MetricsServer(std::move(listener), std::move(server)));
}

std::string MetricsServer::address() const { return listener_->address().ToString(); }

}  // namespace gapless::service
