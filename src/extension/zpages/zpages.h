// Zpages: serves the pages of pages.h.
#pragma once

#include "extension/zpages/config.h"
#include "net/server/http_service.h"
#include "pipeline/factory.h"

namespace gapless::extension::zpages {

class Zpages final : public pipeline::Component {
 public:
  // `status` outlives the extension.
  Zpages(pipeline::Settings settings, Config config, const pipeline::StatusSource& status);

  Status Start() override;
  void Shutdown(TimePoint deadline, std::move_only_function<void()> done) override;

 private:
  class Handler;

  const pipeline::Settings settings_;
  const Config config_;
  const pipeline::StatusSource& source_;
  net::HttpService service_;
};

}  // namespace gapless::extension::zpages
