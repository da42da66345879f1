#include "extension/zpages/zpages.h"

#include "endpoint/user_agent.h"
#include "extension/zpages/pages.h"
#include "net/server/serve_mux.h"

#include <memory>
#include <utility>

namespace gapless::extension::zpages {

class Zpages::Handler final : public net::HttpHandler {
 public:
  explicit Handler(const pipeline::StatusSource& source) : source_(source) {}

  void Handle(net::HttpCall call) override {
    if (auto elsewhere = mux_.Redirect(call.request)) {
      return call.responder.Send(*std::move(elsewhere));
    }
    net::HttpResponse response;
    const auto page = RenderPage(call.request.path(),
                                 {.build = endpoint::DefaultUserAgent(),
                                  .ready = source_.ready(),
                                  .up_since = source_.up_since(),
                                  .now = call.worker->WallNow()},
                                 *source_.status());
    // The pages have no scripts: nothing in them may ever run one.
    response.headers = {
        {.name = "content-type", .value = "text/html; charset=utf-8"},
        {.name = "content-security-policy",
         .value = "default-src 'none'; style-src 'unsafe-inline'"},
        {.name = "x-content-type-options", .value = "nosniff"},
        {.name = "cache-control", .value = "no-store"},
    };
    if (call.request.method != "GET" && call.request.method != "HEAD") {
      response.status = 405;
      response.headers.Add("allow", "GET, HEAD");
    } else if (page) {
      response.body = Rope::CopyOf(*page);
    } else {
      response.status = 404;
      response.body = Rope::CopyOf("No such page; see <a href=\"/debug/servicez\">the list</a>.\n");
    }
    call.responder.Send(std::move(response));
  }

 private:
  const pipeline::StatusSource& source_;
  const net::ServeMux mux_{{"/debug/"}};
};

Zpages::Zpages(pipeline::Settings settings, Config config, const pipeline::StatusSource& status)
    : settings_(std::move(settings)), config_(std::move(config)), source_(status) {}

Status Zpages::Start() {
  ASSIGN_OR_RETURN(auto options, endpoint::MakeServerOptions(config_.server));
  const endpoint::ListenConfig& listen = config_.server.listen;
  RETURN_IF_ERROR(service_.Start(*settings_.workers.front(), listen.transport, listen.endpoint,
                                 std::move(options), std::make_shared<Handler>(source_),
                                 {.allowed_hosts = config_.allowed_hosts}));
  settings_.log.Info("Starting zPages extension", {{"endpoint", service_.address()}});
  return OkStatus();
}

void Zpages::Shutdown(TimePoint deadline, std::move_only_function<void()> done) {
  service_.Shutdown(deadline, std::move(done));
}

}  // namespace gapless::extension::zpages
