#include "service/telemetry/metrics_server.h"

#include "net/server/serve_mux.h"
#include "telemetry/prometheus.h"

#include <memory>

namespace gapless::service {
namespace {

class Handler final : public net::HttpHandler {
 public:
  Handler(telemetry::Registry& registry, telemetry::PrometheusOptions options)
      : registry_(registry), options_(std::move(options)) {}

  void Handle(net::HttpCall call) override {
    if (auto elsewhere = mux_.Redirect(call.request)) {
      return call.responder.Send(*std::move(elsewhere));
    }
    if (!mux_.Find(call.request.path())) {
      call.responder.Send(net::TextResponse(404, "404 page not found; metrics are at /metrics\n"));
      return;
    }
    net::HttpResponse response;
    response.headers = {
        {.name = "content-type", .value = std::string(telemetry::kPrometheusContentType)}};
    response.body = Rope::CopyOf(telemetry::PrometheusText(registry_.Collect(), options_));
    call.responder.Send(std::move(response));
  }

 private:
  telemetry::Registry& registry_;
  const telemetry::PrometheusOptions options_;
  const net::ServeMux mux_{{"/metrics"}};
};

telemetry::PrometheusOptions TextOptions(const PrometheusConfig& config,
                                         const telemetry::Labels& resource) {
  telemetry::PrometheusOptions options{.without_units = config.without_units,
                                       .without_type_suffix = config.without_type_suffix,
                                       .without_scope_info = config.without_scope_info,
                                       .resource = resource};
  for (const auto& [name, value] : resource) {
    if (name == "service.version") {
      options.scope_version = value;
    }
    if (config.with_resource_constant_labels.Takes(name)) {
      options.constant_labels.emplace_back(name, value);
    }
  }
  return options;
}

}  // namespace

Status StartMetricsServer(net::HttpService& service, net::Worker& worker,
                          const PrometheusConfig& config, telemetry::Registry& registry,
                          const telemetry::Labels& resource) {
  return service.Start(worker, "tcp", config.Endpoint(), {},
                       std::make_shared<Handler>(registry, TextOptions(config, resource)),
                       {.allowed_hosts = config.allowed_hosts});
}

}  // namespace gapless::service
