#include "extension/pprof/pprof.h"

#include "extension/pprof/profiles.h"
#include "net/server/serve_mux.h"

#include <memory>
#include <utility>

#include <unistd.h>

namespace gapless::extension::pprof {
namespace {

class Handler final : public net::HttpHandler {
 public:
  void Handle(net::HttpCall call) override {
    if (auto elsewhere = mux_.Redirect(call.request)) {
      return call.responder.Send(*std::move(elsewhere));
    }
    Answer answer = AnswerTo(call.request.path(), getpid());
    net::HttpResponse response;
    response.status = answer.status;
    response.headers = {
        {.name = "content-type", .value = std::string(answer.content_type)},
        {.name = "x-content-type-options", .value = "nosniff"},
    };
    response.body = Rope::CopyOf(answer.body);
    call.responder.Send(std::move(response));
  }

 private:
  const net::ServeMux mux_{{"/debug/pprof/"}};
};

}  // namespace

Pprof::Pprof(pipeline::Settings settings, Config config)
    : settings_(std::move(settings)), config_(std::move(config)) {}

Status Pprof::Start() {
  RETURN_IF_ERROR(service_.Start(*settings_.workers.front(), "tcp", config_.endpoint, {},
                                 std::make_shared<Handler>(),
                                 {.allowed_hosts = config_.allowed_hosts}));
  settings_.log.Info("Starting pprof extension", {{"endpoint", service_.address()}});
  return OkStatus();
}

void Pprof::Shutdown(TimePoint deadline, std::move_only_function<void()> done) {
  service_.Shutdown(deadline, std::move(done));
}

}  // namespace gapless::extension::pprof
