#include "extension/health_check/health_check.h"

#include "base/duration_text.h"
#include "base/rfc3339.h"
#include "net/server/serve_mux.h"
#include "telemetry/log.h"
#include "wire/json_writer.h"

#include <fmt/format.h>

namespace gapless::extension::health_check {

std::string StatusBody(const pipeline::StatusSource& health, WallTime now, bool verbose) {
  if (!health.ready()) {
    return R"({"status":"Server not available","upSince":"0001-01-01T00:00:00Z","uptime":""})";
  }
  std::string body =
      fmt::format(R"({{"status":"Server available","upSince":"{}","uptime":"{}")",
                  FormatRfc3339(health.up_since()), FormatDuration(now - health.up_since()));
  if (verbose) {
    const std::vector<std::string> degraded = pipeline::Degraded(*health.status(), now);
    body += fmt::format(R"(,"degraded":{},"reasons":[)", !degraded.empty());
    for (size_t i = 0; i < degraded.size(); ++i) {
      body += i > 0 ? "," : "";
      wire::JsonWriter(&body).String(degraded[i]);
    }
    body += "]";
  }
  return body + "}";
}

class HealthCheck::Handler final : public net::HttpHandler {
 public:
  Handler(const Config& config, const pipeline::StatusSource& health)
      : config_(config), mux_({config.path}), health_(health) {}

  void Handle(net::HttpCall call) override {
    if (auto elsewhere = mux_.Redirect(call.request)) {
      return call.responder.Send(*std::move(elsewhere));
    }
    net::HttpResponse response;
    if (!mux_.Find(call.request.path())) {
      response.status = 404;
      call.responder.Send(std::move(response));
      return;
    }
    const bool ready = health_.ready();
    const bool verbose = call.request.query().starts_with("verbose");
    response.status = ready ? 200 : 503;
    const std::string& configured =
        ready ? config_.response_body->healthy : config_.response_body->unhealthy;
    if (config_.response_body && !configured.empty() && !verbose) {
      response.headers = {{.name = "content-type", .value = "text/plain; charset=utf-8"}};
      response.body = Rope::CopyOf(configured);
    } else {
      response.headers = {{.name = "content-type", .value = "application/json"}};
      response.body = Rope::CopyOf(StatusBody(health_, call.worker->WallNow(), verbose));
    }
    call.responder.Send(std::move(response));
  }

 private:
  const Config config_;
  const net::ServeMux mux_;
  const pipeline::StatusSource& health_;
};

HealthCheck::HealthCheck(pipeline::Settings settings, Config config,
                         const pipeline::StatusSource& health)
    : settings_(std::move(settings)), config_(std::move(config)), health_(health) {}

Status HealthCheck::Start() {
  // One worker is enough for probes, and the control worker is the one that must be alive.
  ASSIGN_OR_RETURN(auto options, endpoint::MakeServerOptions(config_.server));
  const endpoint::ListenConfig& listen = config_.server.listen;
  RETURN_IF_ERROR(service_.Start(*settings_.workers.front(), listen.transport, listen.endpoint,
                                 std::move(options), std::make_shared<Handler>(config_, health_),
                                 {.allowed_hosts = config_.allowed_hosts}));
  settings_.log.Info("Starting health_check extension", {{"endpoint", service_.address()}});
  return OkStatus();
}

void HealthCheck::Shutdown(TimePoint deadline, std::move_only_function<void()> done) {
  service_.Shutdown(deadline, std::move(done));
}

}  // namespace gapless::extension::health_check
