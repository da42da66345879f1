// The admin API: what an operator asks of the running process over HTTP.
//
//   GET  /status                          everything: pipelines, queues, levels
//   GET  /failover/status[?connector=]    the failover connectors
//   POST /failover/VERB?connector=ID[&signal=][&level=]   VERB: switch, drain, force, auto, probe,
//                                         drill (&outage= &for=)
//   POST /replay?to=EXPORTER&since=10m[&signal=]   what was delivered is sent again
//   POST /-/reload                        reads the configuration again
//
// Answers are JSON, or text for people with `Accept: text/plain`. A web page must not operate a
// collector that listens on localhost: what changes something wants a header that none can send
// (X-Gapless-Request, or a content type of JSON), and HttpService refuses what comes from other
// sites or under foreign names. docs/admin.md.
#pragma once

#include "net/http/http_handler.h"
#include "pipeline/status.h"
#include "service/graph/context.h"
#include "service/graph/operator.h"

#include <functional>
#include <memory>

namespace gapless::service {

// What the API does with the process. Control worker; `done` comes there too, at once or later.
class AdminActions {
 public:
  virtual ~AdminActions() = default;
  virtual void Reload(std::move_only_function<void(const Result<ReloadReport>&)> done) = 0;
  // A fresh reading.
  virtual std::shared_ptr<const pipeline::ServiceStatus> Read() = 0;
  // Errors: NOT_FOUND, INVALID_ARGUMENT.
  virtual void Operate(const OperatorWish& wish,
                       std::move_only_function<void(const Result<OperatorAnswer>&)> done) = 0;
  // Errors: NOT_FOUND.
  virtual Result<ReplayAnswer> Replay(const ReplayWish& wish) = 0;
};

// `actions` outlives the handler.
std::shared_ptr<net::HttpHandler> MakeAdminHandler(AdminActions& actions);

}  // namespace gapless::service
