// HealthCheck: answers whether the process is ready, and with `?verbose` which queue is not on its
// first level.
#pragma once

#include "extension/health_check/config.h"
#include "net/server/http_service.h"
#include "pipeline/factory.h"

#include <string>

namespace gapless::extension::health_check {

class HealthCheck final : public pipeline::Component {
 public:
  // `health` outlives the extension.
  HealthCheck(pipeline::Settings settings, Config config, const pipeline::StatusSource& health);

  Status Start() override;
  void Shutdown(TimePoint deadline, std::move_only_function<void()> done) override;

 private:
  class Handler;

  const pipeline::Settings settings_;
  const Config config_;
  const pipeline::StatusSource& health_;
  net::HttpService service_;
};

// The body of an answer without configured bodies: upstream's fields, and `degraded` when asked.
std::string StatusBody(const pipeline::StatusSource& health, WallTime now, bool verbose);

}  // namespace gapless::extension::health_check
