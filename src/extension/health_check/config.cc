#include "extension/health_check/config.h"

namespace gapless::extension::health_check {
namespace {

void Check(const Config& config, config::Checker& checker) {
  if (config.server.listen.endpoint.empty()) {
    checker.Fail("endpoint", "http endpoint required");
  }
  if (!config.path.starts_with('/')) {
    checker.Fail("path", "path must start with /");
  }
}

}  // namespace

const config::Table<Config>& ConfigTable() {
  using config::Field;
  static const config::Table<ResponseBody> body = {
      Field("healthy", &ResponseBody::healthy, "Body of 200."),
      Field("unhealthy", &ResponseBody::unhealthy, "Body of 503."),
  };
  static const config::Table<PipelineCheck> pipeline = {
      Field("enabled", &PipelineCheck::enabled, "Read and ignored, as upstream; see ?verbose."),
      Field("interval", &PipelineCheck::interval, "Read and ignored, as upstream."),
      Field("exporter_failure_threshold", &PipelineCheck::exporter_failure_threshold,
            "Read and ignored, as upstream."),
  };
  static const config::Table<Config> table(
      {
          config::Squash(&Config::server, endpoint::HttpServerTable()),
          Field("path", &Config::path,
                "Where the answer is; with a slash at its end a whole tree."),
          Field("allowed_hosts", &Config::allowed_hosts,
                "More names that the Host header may have; \"*\": all."),
          Field("response_body", &Config::response_body, body, "In place of the default bodies."),
          Field("check_collector_pipeline", &Config::check_collector_pipeline, pipeline,
                "Read and ignored, as upstream."),
      },
      Check);
  return table;
}

}  // namespace gapless::extension::health_check
