// Configuration of the `health_check` extension.
#pragma once

#include "config/fields.h"
#include "endpoint/server.h"

#include <string>
#include <vector>

namespace gapless::extension::health_check {

struct ResponseBody {
  std::string healthy;
  std::string unhealthy;
};

// Never worked upstream and was removed there; read, without effect.
struct PipelineCheck {
  bool enabled = false;
  Duration interval = std::chrono::minutes(5);
  uint32_t exporter_failure_threshold = 5;
};

struct Config {
  Config() { server.listen.endpoint = "localhost:13133"; }

  endpoint::HttpServerConfig server;
  std::string path = "/";
  std::vector<std::string> allowed_hosts;
  config::Section<ResponseBody> response_body;
  PipelineCheck check_collector_pipeline;
};

const config::Table<Config>& ConfigTable();

}  // namespace gapless::extension::health_check
