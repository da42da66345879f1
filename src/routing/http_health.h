// HttpHealth: a health page asked over HTTP. Well is what answers 2xx.
#pragma once

#include "net/dial/client_channel.h"
#include "routing/health_check.h"

#include <memory>
#include <string_view>

namespace gapless::net {
class Worker;
}

namespace gapless::routing {

class HttpHealth final : public HealthAsker {
 public:
  // `url`: http or https, verified against the system's certificates. Where that cannot be prepared
  // every answer says why. Lives on `home`, which outlives it; made on any thread.
  HttpHealth(net::Worker& home, std::string_view url);

  void Ask(Duration timeout, Answer done) override;

 private:
  Status Prepare(std::string_view url);

  net::Worker& home_;
  net::ClientChannelOptions options_;
  net::SharedRequest request_;
  const Status prepared_;
  // A new one for each question: a connection from before proves nothing, and nobody dials between.
  std::unique_ptr<net::ClientChannel> channel_;
  Timer refusal_;
};

}  // namespace gapless::routing
