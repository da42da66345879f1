// `gapless sink` and `gapless send`: a backend and a client to try things with.
#include "cli/commands/commands.h"
#include "cli/process/signals.h"

#include <cstdio>

#include <fmt/format.h>
#include <signal.h>

namespace gapless::cli {

int SinkCommand(const SinkOptions& options) {
  net::Worker worker("sink");
  auto signals = SignalWatch::Open({SIGTERM, SIGINT, SIGUSR1});
  if (!signals.ok()) {
    return Fail(signals.status());
  }
  auto sink = Sink::Open(worker, options);
  if (!sink.ok()) {
    return Fail(sink.status());
  }
  fmt::print("sink: OTLP on {} (gRPC) and {} (HTTP)\n", (*sink)->grpc_address(),
             (*sink)->http_address());
  std::fflush(stdout);
  signals->Start(worker, [&](int number) {
    if (number == SIGUSR1) {
      (*sink)->ToggleUnavailable();
      return;
    }
    worker.Stop();
  });
  worker.Run();
  fmt::print("sink: {} requests, {} numbered items\n", (*sink)->requests(), (*sink)->items());
  return 0;
}

int SendCommand(const LoadOptions& options) {
  net::Worker worker("send");
  auto signals = SignalWatch::Open({SIGTERM, SIGINT});
  if (!signals.ok()) {
    return Fail(signals.status());
  }
  auto load = Load::Start(worker, options, [&worker] { worker.Stop(); });
  if (!load.ok()) {
    return Fail(load.status());
  }
  signals->Start(worker, [&](int) { (*load)->Stop(); });
  worker.Run();
  const LoadCounts counts = (*load)->counts();
  fmt::print(
      "send: {} requests, {} acknowledged ({} items), {} retryable refusals, {} failed, {} "
      "unanswered\n",
      counts.sent_requests, counts.acknowledged_requests, counts.acknowledged_items,
      counts.refused_answers, counts.failed_requests, counts.unanswered_requests);
  return counts.failed_requests + counts.unanswered_requests > 0 ? 1 : 0;
}

}  // namespace gapless::cli
