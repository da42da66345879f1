#include "exporter/debug/debug_exporter.h"

#include "exporter/debug/sampler.h"
#include "exporter/debug/text.h"
#include "net/loop/worker.h"
#include "otlp/scan.h"
#include "sending/later_answers.h"

#include <utility>

namespace gapless::exporter::debug {
namespace {

using sending::AttemptCallback;
using sending::AttemptId;
using sending::AttemptResult;

class DebugTransport final : public sending::Transport {
 public:
  DebugTransport(const Config& config, otlp::Signal signal, Loop& home, telemetry::Logger log)
      : verbosity_(config.verbosity),
        signal_(signal),
        loop_(home),
        log_(std::move(log)),
        sampler_(config.sampling_initial, config.sampling_thereafter),
        answers_(home) {}

  // There is no connection, hence no news of it.
  void SetObserver(sending::TransportObserver* /*observer*/) override {}
  void Start() override {}
  void Stop() override {}

  AttemptId Attempt(const otlp::Batch& batch, Duration /*timeout*/, AttemptCallback done) override {
    const Status status = Write(batch);
    return answers_.Answer(status.ok() ? AttemptResult() : sending::ClassifyGrpc(status),
                           std::move(done));
  }
  void Cancel(AttemptId id) override { answers_.Cancel(id); }
  void Probe(Duration /*timeout*/, AttemptCallback done) override {
    answers_.Answer({}, std::move(done));
  }

 private:
  Status Write(const otlp::Batch& batch) {
    ASSIGN_OR_RETURN(const otlp::Batch plain, otlp::Inflate(batch));
    ASSIGN_OR_RETURN(const otlp::ScanResult counts, otlp::Scan(plain.body, signal_));
    WriteCounts(counts);
    if (verbosity_ == Verbosity::kBasic) {
      return OkStatus();
    }
    const Slice body = plain.body.Flatten();
    const std::string text = verbosity_ == Verbosity::kNormal ? NormalText(signal_, body.span())
                                                              : DetailedText(signal_, body.span());
    if (sampler_.Admit(text, loop_.Now())) {
      log_.Info(text);
    }
    return OkStatus();
  }

  void WriteCounts(const otlp::ScanResult& counts) {
    const std::string_view title = otlp::Names(signal_).title;
    if (!sampler_.Admit(title, loop_.Now())) {
      return;
    }
    switch (signal_) {
      case otlp::Signal::kTraces:
        log_.Info(title, {{"resource spans", counts.resources}, {"spans", counts.items}});
        return;
      case otlp::Signal::kMetrics:
        log_.Info(title, {{"resource metrics", counts.resources},
                          {"metrics", counts.metrics},
                          {"data points", counts.items}});
        return;
      case otlp::Signal::kLogs:
        log_.Info(title, {{"resource logs", counts.resources}, {"log records", counts.items}});
        return;
    }
  }

  const Verbosity verbosity_;
  const otlp::Signal signal_;
  Loop& loop_;
  const telemetry::Logger log_;
  Sampler sampler_;
  sending::LaterAnswers answers_;
};

}  // namespace

DebugExporter::DebugExporter(const pipeline::Settings& settings, Config config)
    : config_(std::move(config)), log_(settings.log) {}

Status DebugExporter::Start() {
  if (config_.use_internal_logger) {
    return OkStatus();
  }
  telemetry::LogOptions options;
  options.output_paths = config_.output_paths;
  options.message_only = true;
  options.sampling.enabled = false;  // the transport's own
  auto core = std::make_shared<telemetry::LogCore>();
  RETURN_IF_ERROR(core->Configure(std::move(options)));
  log_ = telemetry::Logger(std::move(core));
  return OkStatus();
}

void DebugExporter::Shutdown(TimePoint /*deadline*/, std::move_only_function<void()> done) {
  done();
}

std::unique_ptr<sending::Transport> DebugExporter::CreateTransport(otlp::Signal signal,
                                                                   net::Worker& home,
                                                                   Duration /*suspect_after*/) {
  return MakeTransport(config_, signal, home, log_);
}

std::unique_ptr<sending::Transport> MakeTransport(const Config& config, otlp::Signal signal,
                                                  Loop& home, telemetry::Logger log) {
  return std::make_unique<DebugTransport>(config, signal, home, std::move(log));
}

}  // namespace gapless::exporter::debug
