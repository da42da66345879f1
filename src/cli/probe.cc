#include "cli/probe.h"

#include "net/worker.h"
#include "telemetry/metrics.h"

#include <algorithm>
#include <map>
#include <memory>

#include <fmt/format.h>

namespace gapless::cli {
namespace {

constexpr Duration kGrace = std::chrono::seconds(1);

// What was configured as destination for a signal; empty: no such key.
std::string EndpointOf(const service::ComponentDef& def, std::string_view signal) {
  const config::Node printed = def.config->Print(config::Secrets::kRedacted);
  for (const std::string& key : {fmt::format("{}_endpoint", signal), std::string("endpoint")}) {
    const config::Node* node = printed.Find(key);
    if (node != nullptr && node->is_string() && !node->text().empty()) {
      return node->text();
    }
  }
  return "";
}

bool HasEndpoint(const service::ComponentDef& def) {
  return def.info->config.table().Find("endpoint") != nullptr;
}

// All probes of one call, on one worker.
class Prober {
 public:
  Prober(const service::Config& config, const service::Factories& factories)
      : config_(config), factories_(factories), workers_{&worker_} {}

  std::vector<ProbeResult> Run(const service::Plan& plan, Duration timeout) {
    results_.reserve(plan.senders.size());
    for (const auto& [key, suspect_after] : plan.senders) {
      results_.push_back(Begin(key, suspect_after, timeout));
    }
    worker_.RunUntil([this] { return open_ == 0; }, timeout + kGrace);
    for (const auto& transport : transports_) {
      transport->Stop();
    }
    transports_.clear();
    size_t stopping = exporters_.size();
    for (const auto& [id, exporter] : exporters_) {
      exporter->Shutdown(worker_.Now(), [&stopping] { --stopping; });
    }
    worker_.RunUntil([&stopping] { return stopping == 0; }, kGrace);
    return std::move(results_);
  }

 private:
  ProbeResult Begin(const service::SenderKey& key, Duration suspect_after, Duration timeout) {
    const service::ComponentDef& def = config_.exporters.at(key.exporter);
    const std::string_view signal = otlp::Names(key.signal).name;
    ProbeResult result{.exporter = key.exporter.ToString(),
                       .signal = std::string(signal),
                       .endpoint = EndpointOf(def, signal)};
    if (!HasEndpoint(def)) {
      result.verdict = ProbeResult::Verdict::kSkipped;
      result.detail = "it has no endpoint to ask";
      return result;
    }
    auto exporter = Exporter(def);
    if (!exporter.ok()) {
      result.detail = exporter.status().message();
      return result;
    }
    auto transport = (*exporter)->CreateTransport(key.signal, worker_, suspect_after);
    if (transport == nullptr) {
      result.detail = "it has no endpoint for this signal";
      return result;
    }
    transports_.push_back(std::move(transport));
    transports_.back()->Start();
    ++open_;
    result.detail = "no answer";
    transports_.back()->Probe(
        timeout, [this, index = results_.size(), since = worker_.Now()](
                     delivery::AttemptResult answer) { End(results_[index], since, answer); });
    return result;
  }

  void End(ProbeResult& result, TimePoint since, const delivery::AttemptResult& answer) {
    --open_;
    result.time = worker_.Now() - since;
    const bool ok = answer.outcome == delivery::OutcomeClass::kOk;
    result.verdict = ok ? ProbeResult::Verdict::kOk : ProbeResult::Verdict::kFailed;
    result.detail = ok ? answer.warning : answer.status.ToString();
  }

  // One instance per ID, started once.
  Result<delivery::Exporter*> Exporter(const service::ComponentDef& def) {
    if (const auto it = exporters_.find(def.id); it != exporters_.end()) {
      return it->second.get();
    }
    auto exporter =
        factories_.Exporter(def.id.type)
            ->create({.id = def.id, .log = {}, .metrics = metrics_, .workers = workers_},
                     def.config);
    RETURN_IF_ERROR(exporter->Start());
    return exporters_.emplace(def.id, std::move(exporter)).first->second.get();
  }

  const service::Config& config_;
  const service::Factories& factories_;
  net::Worker worker_{"probe"};
  const std::vector<net::Worker*> workers_;
  telemetry::Registry metrics_;
  std::map<ComponentId, std::unique_ptr<delivery::Exporter>> exporters_;
  std::vector<std::unique_ptr<delivery::Transport>> transports_;
  std::vector<ProbeResult> results_;
  size_t open_ = 0;
};

std::string_view Word(ProbeResult::Verdict verdict) {
  switch (verdict) {
    case ProbeResult::Verdict::kOk:
      return "ok";
    case ProbeResult::Verdict::kSkipped:
      return "skipped";
    case ProbeResult::Verdict::kFailed:
      return "FAILED";
  }
  return "";
}

}  // namespace

std::vector<ProbeResult> ProbeExporters(const service::Config& config, const service::Plan& plan,
                                        const service::Factories& factories, Duration timeout) {
  return Prober(config, factories).Run(plan, timeout);
}

std::string ProbeTable(const std::vector<ProbeResult>& results) {
  size_t exporter = 8;
  size_t endpoint = 8;
  for (const ProbeResult& result : results) {
    exporter = std::max(exporter, result.exporter.size());
    endpoint = std::max(endpoint, result.endpoint.size());
  }
  std::string table;
  const auto line = [&](std::string_view id, std::string_view signal, std::string_view where,
                        std::string_view verdict, std::string_view time, std::string_view detail) {
    std::string text = fmt::format("{:<{}}  {:<7}  {:<{}}  {:<7}  {:>7}  {}", id, exporter, signal,
                                   where, endpoint, verdict, time, detail);
    table += text.substr(0, text.find_last_not_of(' ') + 1) + "\n";
  };
  line("EXPORTER", "SIGNAL", "ENDPOINT", "RESULT", "TIME", "DETAIL");
  for (const ProbeResult& result : results) {
    const bool asked = result.time > Duration::zero();
    line(result.exporter, result.signal, result.endpoint, Word(result.verdict),
         asked ? fmt::format("{} ms",
                             std::chrono::ceil<std::chrono::milliseconds>(result.time).count())
               : "",
         result.detail);
  }
  return table;
}

}  // namespace gapless::cli
