#include "cli/traffic/replay.h"

#include "exporter/otlp_grpc/factory.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace gapless::cli {
namespace {

constexpr size_t kInFlight = 16;
constexpr Duration kAttemptTimeout = std::chrono::seconds(30);
constexpr Duration kFirstPause = std::chrono::milliseconds(200);
constexpr Duration kLongestPause = std::chrono::seconds(5);
constexpr Duration kSuspectAfter = std::chrono::seconds(1);
constexpr size_t kComplaintsMax = 10;
// Longer than any replay: it ends by itself.
constexpr Duration kForever = std::chrono::hours(24 * 365);

Result<pipeline::ComponentConfigPtr> MakeConfig(const pipeline::TypeInfo& info,
                                                const ReplayOptions& options) {
  config::Node tls = config::Node::Map();
  tls.Set("insecure", config::Node::Bool(options.ca_file.empty()));
  if (!options.ca_file.empty()) {
    tls.Set("ca_file", config::Node::String(options.ca_file));
  }
  config::Node headers = config::Node::Map();
  for (const std::string& header : options.headers) {
    const size_t split = header.find('=');
    if (split == std::string::npos || split == 0) {
      return InvalidArgument(fmt::format("--header \"{}\": expected name=value", header));
    }
    headers.Set(header.substr(0, split), config::Node::String(header.substr(split + 1)));
  }
  config::Node node = config::Node::Map();
  node.Set("endpoint", config::Node::String(options.endpoint));
  node.Set("tls", std::move(tls));
  node.Set("headers", std::move(headers));
  config::Errors errors;
  pipeline::ComponentConfigPtr config = info.config.decode(node, "replay", errors);
  if (!errors.ok()) {
    return InvalidArgument(errors.ToString());
  }
  return config;
}

}  // namespace

Replay::Replay(net::Worker& worker, const ReplayOptions& options)
    : worker_(worker), options_(options), workers_{&worker} {}

Result<std::unique_ptr<Replay>> Replay::Create(net::Worker& worker, const ReplayOptions& options) {
  const queue::ExporterFactory factory = exporter::otlp_grpc::Factory();
  ASSIGN_OR_RETURN(pipeline::ComponentConfigPtr config, MakeConfig(factory.info, options));
  std::unique_ptr<Replay> replay(new Replay(worker, options));
  replay->exporter_ = factory.create(
      {.id = {}, .log = {}, .metrics = replay->metrics_, .workers = replay->workers_},
      std::move(config));
  RETURN_IF_ERROR(replay->exporter_->Start());
  replay->last_success_ = worker.Now();
  return replay;
}

sending::Transport& Replay::TransportOf(otlp::Signal signal) {
  auto& transport = transports_[static_cast<size_t>(signal)];
  if (!transport) {
    transport = exporter_->CreateTransport(signal, worker_, kSuspectAfter);
    transport->Start();
  }
  return *transport;
}

Status Replay::Send(const journal::RecordInfo& info, otlp::Batch batch) {
  RETURN_IF_ERROR(Await(kInFlight - 1));
  Open& open = open_[info.position];
  open.info = info;
  open.batch = std::move(batch);
  Attempt(info.position);
  return OkStatus();
}

Status Replay::Finish() { return Await(0); }

Status Replay::Await(size_t open_at_most) {
  const auto ready = [&] { return stopped_ || !failure_.ok() || open_.size() <= open_at_most; };
  const bool in_time = worker_.RunUntil(ready, kForever);
  if (!failure_.ok()) {
    return failure_;
  }
  return stopped_ || !in_time ? Status(Code::kCancelled, "stopped") : OkStatus();
}

void Replay::Attempt(journal::Position position) {
  Open& open = open_.at(position);
  sending::Transport& transport = TransportOf(open.batch.signal);
  open.attempt = transport.Attempt(
      open.batch, kAttemptTimeout,
      [this, position](sending::AttemptResult result) { OnResult(position, result); });
  open.timer = worker_.RunAfter(kAttemptTimeout, [this, position] {
    Open& late = open_.at(position);
    TransportOf(late.batch.signal).Cancel(late.attempt);
    TryAgain(late, DeadlineExceeded("no answer within 30 s"));
  });
}

void Replay::OnResult(journal::Position position, const sending::AttemptResult& result) {
  Open& open = open_.at(position);
  switch (result.outcome) {
    case sending::OutcomeClass::kOk:
      ++counts_.requests;
      counts_.items += open.info.items - std::min<uint64_t>(open.info.items, result.rejected_items);
      counts_.rejected_items += result.rejected_items;
      last_success_ = worker_.Now();
      open_.erase(position);
      return;
    case sending::OutcomeClass::kRejected:
      Reject(open, result);
      last_success_ = worker_.Now();
      open_.erase(position);
      return;
    case sending::OutcomeClass::kDenied:
      failure_ = result.status.Annotate(fmt::format("{} refuses us", options_.endpoint));
      return;
    default:
      TryAgain(open, result.status);
  }
}

void Replay::Reject(const Open& open, const sending::AttemptResult& result) {
  ++counts_.rejected;
  counts_.rejected_items += open.info.items;
  if (complaints_.size() < kComplaintsMax) {
    complaints_.push_back(
        fmt::format("record {} was rejected: {}", open.info.position, result.status.message()));
  }
}

void Replay::TryAgain(Open& open, const Status& status) {
  if (worker_.Now() - last_success_ > options_.patience) {
    failure_ = status.Annotate(fmt::format("{} takes nothing", options_.endpoint));
    return;
  }
  open.pause = std::clamp(2 * open.pause, kFirstPause, kLongestPause);
  open.timer = worker_.RunAfter(std::max(open.pause, status.retry_after().value_or(Duration(0))),
                                [this, position = open.info.position] { Attempt(position); });
}

std::optional<WallTime> Replay::oldest_open() const {
  std::optional<WallTime> oldest;
  for (const auto& [position, open] : open_) {
    oldest = std::min(oldest.value_or(open.info.arrival), open.info.arrival);
  }
  return oldest;
}

}  // namespace gapless::cli
