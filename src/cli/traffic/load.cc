#include "cli/traffic/load.h"

#include "net/grpc/grpc_client.h"
#include "otlp/service.h"
#include "otlp/status_map.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

namespace gapless::cli {
namespace {

constexpr Duration kTick = std::chrono::milliseconds(5);
constexpr Duration kRepeatDelay = std::chrono::milliseconds(200);
constexpr size_t kResponseMax = size_t{4} << 20;
constexpr size_t kOpenMax = 2000;

}  // namespace

Load::Load(net::Worker& worker, LoadOptions options, Task done)
    : worker_(worker), options_(std::move(options)), done_(std::move(done)) {}

Load::~Load() {
  if (log_ != nullptr) {
    std::fclose(log_);
  }
}

Result<std::unique_ptr<Load>> Load::Start(net::Worker& worker, LoadOptions options, Task done) {
  std::unique_ptr<Load> load(new Load(worker, std::move(options), std::move(done)));
  const LoadOptions& of = load->options_;
  if (!of.log_file.empty()) {
    load->log_ = std::fopen(of.log_file.c_str(), "ae");
    if (load->log_ == nullptr) {
      return NotFound(fmt::format("{}: {}", of.log_file, std::strerror(errno)));
    }
  }
  if (!of.grpc.empty()) {
    RETURN_IF_ERROR(load->AddPeer(true, of.grpc));
  }
  if (!of.http.empty()) {
    RETURN_IF_ERROR(load->AddPeer(false, of.http));
  }
  if (load->peers_.empty() || of.signals.empty()) {
    return InvalidArgument("nowhere to send to: give --grpc or --http, and a signal");
  }
  load->begin_ = worker.Now();
  load->Tick();
  return load;
}

Status Load::AddPeer(bool grpc, const std::string& address) {
  ASSIGN_OR_RETURN(net::HostPort target, net::HostPort::Parse(address));
  net::ClientChannelOptions options;
  options.target = target;
  options.connection.protocol = grpc ? net::ClientProtocol::kHttp2 : net::ClientProtocol::kHttp1;
  options.wait_for_ready = true;
  auto channel = std::make_unique<net::ClientChannel>(worker_, std::move(options), nullptr);
  channel->Start();
  peers_.push_back({.grpc = grpc, .authority = address, .channel = std::move(channel)});
  return OkStatus();
}

// Sends what is due since the beginning: a late tick catches up, so the rate holds on average.
void Load::Tick() {
  const Duration elapsed = worker_.Now() - begin_;
  if (options_.duration > Duration::zero() && elapsed >= options_.duration) {
    Stop();
    return;
  }
  const auto due =
      static_cast<uint64_t>(options_.rate * std::chrono::duration<double>(elapsed).count()) + 1;
  while (counts_.sent_requests < due && open_ < kOpenMax) {
    SendNext();
  }
  tick_ = worker_.RunAfter(kTick, [this] { Tick(); });
}

void Load::SendNext() {
  const uint64_t turn = counts_.sent_requests++;
  const otlp::Signal signal = options_.signals[turn % options_.signals.size()];
  uint64_t& next = next_[static_cast<size_t>(signal)];
  auto request =
      std::make_shared<Request>(Request{.signal = signal,
                                        .range = {.first = next, .last = next + options_.items - 1},
                                        .peer = (turn / options_.signals.size()) % peers_.size(),
                                        .body = {}});
  next += options_.items;
  request->body = Rope::CopyOf(MakeRequest(
      signal, request->range,
      static_cast<uint64_t>(worker_.WallNow().time_since_epoch() / std::chrono::nanoseconds(1))));
  ++open_;
  SendRequest(std::move(request));
}

void Load::SendRequest(std::shared_ptr<Request> request) {
  const Peer& peer = peers_[request->peer];
  const otlp::SignalNames& names = otlp::Names(request->signal);
  net::HttpRequest http;
  if (peer.grpc) {
    http = net::MakeGrpcRequest({.path = std::string(names.grpc_path),
                                 .authority = peer.authority,
                                 .user_agent = "gapless-send",
                                 .message = request->body});
  } else {
    http.method = "POST";
    http.scheme = "http";
    http.authority = peer.authority;
    http.target = names.http_path;
    http.headers = {{.name = "content-type", .value = "application/x-protobuf"}};
    http.body = request->body;
  }
  peer.channel->Send(std::make_shared<const net::HttpRequest>(std::move(http)),
                     [this, request](net::ExchangeResult result) { OnAnswer(request, result); });
}

void Load::OnAnswer(std::shared_ptr<Request> request, const net::ExchangeResult& result) {
  Code code = Code::kUnavailable;
  std::optional<Duration> delay;
  if (result.status.ok() && peers_[request->peer].grpc) {
    const net::GrpcAnswer answer = net::ReadGrpcAnswer(result.response, kResponseMax);
    code = static_cast<Code>(answer.status.value_or(static_cast<uint32_t>(Code::kUnavailable)));
    const auto details = otlp::DecodeStatus(AsBytes(answer.details));
    delay = details ? details->retry_after() : std::nullopt;
  } else if (result.status.ok()) {
    const int status = result.response.status;
    code = status / 100 == 2 ? Code::kOk
                             : (otlp::RetryableHttp(status) ? Code::kUnavailable : Code::kInternal);
    const auto wait = result.response.headers.Find("retry-after");
    delay = wait ? otlp::ParseRetryAfter(*wait, worker_.WallNow()) : std::nullopt;
  }
  if (code == Code::kOk) {
    Acknowledge(*request);
  } else if (code == Code::kUnavailable || code == Code::kResourceExhausted ||
             code == Code::kDeadlineExceeded || code == Code::kAborted) {
    ++counts_.refused_answers;
    Repeat(std::move(request), std::max(delay.value_or(Duration::zero()), kRepeatDelay));
    return;
  } else {
    ++counts_.failed_requests;
  }
  --open_;
  CheckDone();
}

void Load::Acknowledge(const Request& request) {
  ++counts_.acknowledged_requests;
  counts_.acknowledged_items += request.range.last - request.range.first + 1;
  acknowledged_[static_cast<size_t>(request.signal)].push_back(request.range);
  if (log_ != nullptr) {
    const std::string line =
        FormatLine({.at_ns = worker_.Now().time_since_epoch() / std::chrono::nanoseconds(1),
                    .signal = request.signal,
                    .what = "ok",
                    .ranges = {request.range}});
    std::fwrite(line.data(), 1, line.size(), log_);
    std::fflush(log_);
  }
}

void Load::Repeat(std::shared_ptr<Request> request, Duration delay) {
  while (!repeats_.empty() && !repeats_.front().armed()) {
    repeats_.pop_front();
  }
  repeats_.push_back(
      worker_.RunAfter(delay, [this, request = std::move(request)] { SendRequest(request); }));
}

void Load::Stop() {
  if (stopped_) {
    return;
  }
  stopped_ = true;
  tick_.Cancel();
  end_ = worker_.RunAfter(options_.patience, [this] {
    if (done_) {
      std::exchange(done_, nullptr)();
    }
  });
  CheckDone();
}

void Load::CheckDone() {
  if (stopped_ && open_ == 0 && done_) {
    worker_.Post(std::exchange(done_, nullptr));
  }
}

LoadCounts Load::counts() const {
  LoadCounts counts = counts_;
  counts.unanswered_requests = open_;
  return counts;
}

}  // namespace gapless::cli
