// Pprof: serves profiles.h where the Collector serves Go's profiles, so that configurations with
// this extension work.
#pragma once

#include "extension/pprof/config.h"
#include "net/server/http_service.h"
#include "pipeline/factory.h"

namespace gapless::extension::pprof {

class Pprof final : public pipeline::Component {
 public:
  Pprof(pipeline::Settings settings, Config config);

  Status Start() override;
  void Shutdown(TimePoint deadline, std::move_only_function<void()> done) override;

 private:
  const pipeline::Settings settings_;
  const Config config_;
  net::HttpService service_;
};

}  // namespace gapless::extension::pprof
