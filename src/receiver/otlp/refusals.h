// Refusals: counts what the receiver's servers turn away, and says it in the log, a line per cause
// and interval.
//
// Thread-safe; called on every worker, also very often.
#pragma once

#include "base/mutex.h"
#include "net/http/server_watch.h"
#include "pipeline/component.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

#include <array>
#include <string_view>

namespace gapless::otlp_receiver {

class Refusals final : public net::ServerWatch {
 public:
  // `transport`: "grpc" or "http", a label.
  Refusals(const pipeline::Settings& settings, std::string_view transport);

  void OnRefused(net::RefusedRequest reason, const net::SocketAddress& client) override;
  void OnRefused(net::RefusedConnection reason, const net::SocketAddress& client,
                 std::string_view detail) override;
  // A body that is small as sent and costs far more: `why` says what.
  void OnInflated(std::string_view why);

 private:
  void Log(std::string_view message, const net::SocketAddress* client, std::string_view detail);

  const telemetry::Logger log_;
  std::array<telemetry::Counter, net::kRefusedRequests> requests_;
  std::array<telemetry::Counter, net::kRefusedConnections> connections_;
  telemetry::Counter inflated_;
  Mutex mu_;
  telemetry::Sampled sampled_ GAPLESS_GUARDED_BY(mu_);
};

}  // namespace gapless::otlp_receiver
