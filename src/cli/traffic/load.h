// Load: a client that behaves as a good OTLP SDK: it numbers its items, repeats what is refused as
// retryable, and knows at the end what was acknowledged.
#pragma once

#include "cli/traffic/sequence.h"
#include "net/dial/client_channel.h"
#include "net/loop/worker.h"

#include <array>
#include <cstdio>
#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace gapless::cli {

struct LoadOptions {
  std::string grpc = "localhost:4317";  // empty: no gRPC
  std::string http = "localhost:4318";  // empty: no HTTP
  std::vector<otlp::Signal> signals = {otlp::Signal::kTraces, otlp::Signal::kMetrics,
                                       otlp::Signal::kLogs};
  double rate = 100;     // requests per second, all signals and protocols together
  uint64_t items = 100;  // per request
  Duration duration = std::chrono::seconds(10);  // 0: until stopped
  Duration patience = std::chrono::seconds(10);  // for the repeats after the end
  std::string log_file;                          // what was acknowledged when; empty: none
};

struct LoadCounts {
  uint64_t sent_requests = 0;
  uint64_t acknowledged_requests = 0;
  uint64_t acknowledged_items = 0;
  uint64_t refused_answers = 0;  // retryable: repeated
  uint64_t failed_requests = 0;  // permanent errors
  uint64_t unanswered_requests = 0;
};

// On one worker.
class Load {
 public:
  // `done` fires once, after the last answer or when patience ran out.
  static Result<std::unique_ptr<Load>> Start(net::Worker& worker, LoadOptions options, Task done);
  ~Load();

  // No new requests; answers and repeats go on for `patience`.
  void Stop();
  LoadCounts counts() const;
  // What was acknowledged, per signal.
  const std::vector<SequenceRange>& acknowledged(otlp::Signal signal) const {
    return acknowledged_[static_cast<size_t>(signal)];
  }

 private:
  struct Peer {
    bool grpc = false;
    std::string authority;
    std::unique_ptr<net::ClientChannel> channel;
  };
  struct Request {
    otlp::Signal signal;
    SequenceRange range;
    size_t peer;
    Rope body;
  };

  Load(net::Worker& worker, LoadOptions options, Task done);
  Status AddPeer(bool grpc, const std::string& address);
  void Tick();
  void SendNext();
  void SendRequest(std::shared_ptr<Request> request);
  void OnAnswer(std::shared_ptr<Request> request, const net::ExchangeResult& result);
  void Acknowledge(const Request& request);
  void Repeat(std::shared_ptr<Request> request, Duration delay);
  void CheckDone();

  net::Worker& worker_;
  const LoadOptions options_;
  Task done_;
  std::FILE* log_ = nullptr;
  std::vector<Peer> peers_;
  std::array<uint64_t, 3> next_{1, 1, 1};
  std::array<std::vector<SequenceRange>, 3> acknowledged_;
  LoadCounts counts_;
  TimePoint begin_{};
  bool stopped_ = false;
  size_t open_ = 0;
  std::deque<Timer> repeats_;
  Timer tick_;
  Timer end_;
};

}  // namespace gapless::cli
