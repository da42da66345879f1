// Replay: sends the records of a stopped journal to an endpoint by OTLP/gRPC, several at a time.
//
// On one worker, which runs only inside the calls of this class. What the peer cannot take now is
// sent again with a growing pause; when nothing gets through for the patience, the replay ends.
#pragma once

#include "journal/inspect.h"
#include "net/loop/worker.h"
#include "sending/exporter.h"

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gapless::cli {

struct ReplayOptions {
  std::string endpoint;              // host:port; https:// before it: TLS
  std::string ca_file;               // of the peer's authority; empty: the system's
  std::vector<std::string> headers;  // name=value
  Duration patience = std::chrono::seconds(60);
};

struct ReplayCounts {
  uint64_t requests = 0;  // confirmed
  uint64_t items = 0;
  uint64_t rejected = 0;        // requests that the peer will never take
  uint64_t rejected_items = 0;  // of them, and those refused by a partial success
};

class Replay {
 public:
  // `worker` outlives it. Errors: INVALID_ARGUMENT, files that cannot be read.
  static Result<std::unique_ptr<Replay>> Create(net::Worker& worker, const ReplayOptions& options);

  // Returns when the record is on its way; an error ends the replay.
  Status Send(const journal::RecordInfo& info, otlp::Batch batch);
  // Returns when every record has its answer.
  Status Finish();
  // Ends it early: Send and Finish return CANCELLED.
  void Stop() { stopped_ = true; }

  const ReplayCounts& counts() const { return counts_; }
  // The first reasons for rejections.
  const std::vector<std::string>& complaints() const { return complaints_; }
  // Arrival of the oldest record that is not confirmed: where another replay would go on.
  std::optional<WallTime> oldest_open() const;

 private:
  struct Open {
    journal::RecordInfo info;
    otlp::Batch batch;
    Duration pause{};
    sending::AttemptId attempt = 0;
    Timer timer;  // of the attempt, or until the next one
  };

  Replay(net::Worker& worker, const ReplayOptions& options);
  sending::Transport& TransportOf(otlp::Signal signal);
  Status Await(size_t open_at_most);
  void Attempt(journal::Position position);
  void OnResult(journal::Position position, const sending::AttemptResult& result);
  void Reject(const Open& open, const sending::AttemptResult& result);
  void TryAgain(Open& open, const Status& status);

  net::Worker& worker_;
  const ReplayOptions options_;
  const std::vector<net::Worker*> workers_;
  telemetry::Registry metrics_;
  std::unique_ptr<sending::Exporter> exporter_;
  std::array<std::unique_ptr<sending::Transport>, 3> transports_;
  std::map<journal::Position, Open> open_;
  ReplayCounts counts_;
  std::vector<std::string> complaints_;
  TimePoint last_success_{};
  Status failure_;
  bool stopped_ = false;
};

}  // namespace gapless::cli
