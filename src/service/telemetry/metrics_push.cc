#include "service/telemetry/metrics_push.h"

#include "otlp/metrics_request.h"

#include <utility>

#include <fmt/format.h>

namespace gapless::service {
namespace {

using config::Node;
using std::chrono::milliseconds;

constexpr Duration kSuspectAfter = std::chrono::seconds(1);

Duration TimeoutOf(const PeriodicReader& reader) {
  const Duration whole = milliseconds(reader.timeout);
  const Duration one = milliseconds(reader.exporter.otlp->timeout);
  return one > Duration::zero() ? std::min(whole, one) : whole;
}

}  // namespace

PushTarget TargetOf(const OtlpReaderConfig& otlp) {
  std::string url = otlp.endpoint;
  if (!url.contains("://")) {
    url.insert(0, otlp.insecure ? "http://" : "https://");
  }
  const bool plain = url.starts_with("http://");
  const size_t host = url.find("://") + 3;
  const size_t path = url.find('/', host);
  Node section = Node::Map();
  if (otlp.protocol == OtlpProtocol::kGrpc) {
    section.Set("endpoint", Node::String(url.substr(host, path - host)));
  } else {
    // A path is used as it is; without one the standard path is appended.
    const bool bare = path == std::string::npos || path + 1 == url.size();
    section.Set(bare ? "endpoint" : "metrics_endpoint", Node::String(url));
  }
  Node tls = Node::Map();
  tls.Set("insecure", Node::Bool(plain));
  for (const auto& [key, file] :
       {std::pair("ca_file", &otlp.certificate), std::pair("cert_file", &otlp.client_certificate),
        std::pair("key_file", &otlp.client_key)}) {
    if (!file->empty()) {
      tls.Set(key, Node::String(*file));
    }
  }
  section.Set("tls", std::move(tls));
  Node headers = Node::Map();
  for (const config::Header& header : otlp.headers.items) {
    headers.Set(header.name, Node::String(header.value.Reveal()));
  }
  section.Set("headers", std::move(headers));
  section.Set("compression", Node::String(otlp.compression));
  return {.type = otlp.protocol == OtlpProtocol::kGrpc ? "otlp_grpc" : "otlp_http",
          .section = std::move(section)};
}

Result<std::unique_ptr<MetricsPush>> MetricsPush::Start(Options options,
                                                        const PeriodicReader& reader) {
  const PushTarget target = TargetOf(*reader.exporter.otlp);
  const queue::ExporterFactory* factory = options.factories.Exporter(target.type);
  if (factory == nullptr) {
    return Unimplemented(fmt::format("this binary has no {} exporter", target.type));
  }
  config::Errors errors;
  const auto config =
      factory->info.config.decode(target.section, "service::telemetry::metrics::readers", errors);
  RETURN_IF_ERROR(errors.ToStatus());
  auto exporter = factory->create({.id = {std::string(target.type), "own_metrics"},
                                   .log = options.log,
                                   .metrics = options.registry,
                                   .workers = options.workers},
                                  config);
  RETURN_IF_ERROR(exporter->Start());
  return std::unique_ptr<MetricsPush>(
      new MetricsPush(std::move(options), reader, std::move(exporter)));
}

MetricsPush::MetricsPush(Options options, const PeriodicReader& reader,
                         std::unique_ptr<sending::Exporter> exporter)
    : options_(std::move(options)),
      control_(*options_.workers.front()),
      endpoint_(reader.exporter.otlp->endpoint),
      interval_(milliseconds(reader.interval)),
      timeout_(TimeoutOf(reader)),
      exporter_(std::move(exporter)),
      transport_(exporter_->CreateTransport(otlp::Signal::kMetrics, control_, kSuspectAfter)) {
  transport_->Start();
  tick_ = control_.RunAfter(interval_, [this] { Tick(); });
}

MetricsPush::~MetricsPush() = default;

void MetricsPush::Tick() {
  tick_ = control_.RunAfter(interval_, [this] { Tick(); });
  if (!attempt_) {
    Push(timeout_);
  }
}

void MetricsPush::Push(Duration timeout) {
  const otlp::Batch batch = otlp::EncodeMetrics(options_.registry.Collect(), options_.resource,
                                                options_.start, control_.WallNow());
  attempt_ = transport_->Attempt(
      batch, timeout, [this](const sending::AttemptResult& result) { OnResult(result); });
  deadline_ = control_.RunAfter(timeout, [this] {
    transport_->Cancel(*attempt_);
    OnResult(sending::LocalFailure(DeadlineExceeded("no answer in time")));
  });
}

void MetricsPush::OnResult(const sending::AttemptResult& result) {
  attempt_.reset();
  deadline_.Cancel();
  if (result.outcome != sending::OutcomeClass::kOk) {
    failures_log_.Log(options_.log, telemetry::LogLevel::kWarn, control_.Now(),
                      "Own metrics were not taken; the next push carries them",
                      {{"endpoint", endpoint_}, {"cause", result.status.ToString()}});
  }
  if (flushed_) {
    control_.Post(std::exchange(flushed_, nullptr));
  }
}

void MetricsPush::Flush(Duration limit, std::move_only_function<void()> done) {
  tick_.Cancel();
  if (attempt_) {
    transport_->Cancel(*attempt_);
  }
  flushed_ = std::move(done);
  Push(std::min(limit, timeout_));
}

}  // namespace gapless::service
