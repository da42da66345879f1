#include "cli/config/probe.h"

#include "net/loop/worker.h"
#include "telemetry/metrics.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <tuple>

#include <fmt/format.h>

namespace gapless::cli {
namespace {

constexpr Duration kGrace = std::chrono::seconds(1);
constexpr int kQuestions = 3;  // of one exporter, one after the other

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
    timeout_ = timeout;
    results_.reserve(plan.senders.size());
    asked_.resize(plan.senders.size());
    for (const auto& [key, suspect_after] : plan.senders) {
      results_.push_back(Begin(key, suspect_after));
    }
    worker_.RunUntil([this] { return open_ == 0; }, kQuestions * timeout + kGrace);
    for (Asked& asked : asked_) {
      if (asked.transport) {
        asked.transport->Stop();
        asked.transport.reset();
      }
    }
    size_t stopping = exporters_.size();
    for (const auto& [id, exporter] : exporters_) {
      exporter->Shutdown(worker_.Now(), [&stopping] { --stopping; });
    }
    worker_.RunUntil([&stopping] { return stopping == 0; }, kGrace);
    return std::move(results_);
  }

 private:
  struct Asked {
    std::unique_ptr<sending::Transport> transport;
    TimePoint since{};
    ProbeAnswers answers;
  };

  ProbeResult Begin(const service::SenderKey& key, Duration suspect_after) {
    const service::ComponentDef& def = config_.exporters.at(key.exporter);
    const std::string_view signal = otlp::Names(key.signal).name;
    ProbeResult result{.exporter = key.exporter.ToString(),
                       .signal = std::string(signal),
                       .endpoint = EndpointOf(def, signal),
                       .form = {},
                       .verdict = {}};
    if (!HasEndpoint(def)) {
      result.skipped = true;
      result.verdict.says = "it has no endpoint to ask";
      return result;
    }
    auto exporter = Exporter(def);
    if (!exporter.ok()) {
      result.verdict.says = exporter.status().message();
      return result;
    }
    auto transport = (*exporter)->CreateTransport(key.signal, worker_, suspect_after);
    if (transport == nullptr) {
      result.verdict.says = "it has no endpoint for this signal";
      return result;
    }
    result.form = transport->form();
    result.verdict.says = "no answer";
    const size_t index = results_.size();
    Asked& asked = asked_[index];
    asked.since = worker_.Now();
    asked.transport = std::move(transport);
    asked.transport->Start();
    ++open_;
    asked.transport->Probe(timeout_, [this, index](sending::AttemptResult answer) {
      results_[index].time = worker_.Now() - asked_[index].since;
      asked_[index].answers.plain = std::move(answer);
      AskAsConfigured(index);
    });
    return result;
  }

  void AskAsConfigured(size_t index) {
    Asked& asked = asked_[index];
    const std::string& codec = results_[index].form.codec;
    if (codec.empty() || codec == "none" || !WorthConfigured(asked.answers.plain)) {
      AskOtherEncoding(index);
      return;
    }
    asked.transport->ProbeAsConfigured(timeout_, [this, index](sending::AttemptResult answer) {
      asked_[index].answers.configured = std::move(answer);
      AskOtherEncoding(index);
    });
  }

  void AskOtherEncoding(size_t index) {
    Asked& asked = asked_[index];
    const bool asking =
        WorthOther(asked.answers.plain) &&
        asked.transport->ProbeOtherEncoding(timeout_, [this, index](sending::AttemptResult answer) {
          asked_[index].answers.other = std::move(answer);
          End(index);
        });
    if (!asking) {
      End(index);
    }
  }

  void End(size_t index) {
    results_[index].verdict = JudgeProbe(results_[index].form, asked_[index].answers);
    --open_;
  }

  // One instance per ID, started once.
  Result<sending::Exporter*> Exporter(const service::ComponentDef& def) {
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
  std::map<ComponentId, std::unique_ptr<sending::Exporter>> exporters_;
  std::vector<Asked> asked_;  // by the place in results_
  std::vector<ProbeResult> results_;
  Duration timeout_{};
  size_t open_ = 0;
};

std::string_view Word(const ProbeResult& result) {
  if (result.skipped) {
    return "skipped";
  }
  switch (result.verdict.kind) {
    case ProbeVerdict::Kind::kOk:
      return "ok";
    case ProbeVerdict::Kind::kAlive:
      return "alive";
    case ProbeVerdict::Kind::kFailed:
      return "FAILED";
  }
  return "";
}

// "gzip: yes"; "?" if it is not proved.
std::string Word(Proof proof, std::string_view what = "") {
  const std::string_view word = proof == Proof::kYes ? "yes" : proof == Proof::kNo ? "no" : "?";
  return what.empty() ? std::string(word) : fmt::format("{}: {}", what, word);
}

using Row = std::array<std::string, 10>;

Row RowOf(const ProbeResult& result) {
  Row row = {result.exporter, result.signal, result.endpoint};
  if (!result.skipped) {
    const ProbeVerdict& verdict = result.verdict;
    const std::string& codec = result.form.codec;
    row[3] = Word(verdict.reachable);
    row[4] = Word(verdict.authenticated);
    row[5] = Word(verdict.encoding, result.form.encoding);
    row[6] = codec == "none" ? codec : Word(verdict.codec, codec);
  }
  row[7] = Word(result);
  if (result.time > Duration::zero()) {
    row[8] =
        fmt::format("{} ms", std::chrono::ceil<std::chrono::milliseconds>(result.time).count());
  }
  row[9] = result.verdict.says;
  return row;
}

}  // namespace

std::vector<ProbeResult> ProbeExporters(const service::Config& config, const service::Plan& plan,
                                        const service::Factories& factories, Duration timeout) {
  return Prober(config, factories).Run(plan, timeout);
}

std::string ProbeTable(const std::vector<ProbeResult>& results) {
  std::vector<Row> rows = {{"EXPORTER", "SIGNAL", "ENDPOINT", "REACHABLE", "AUTHENTICATED",
                            "ENCODING", "CODEC", "RESULT", "TIME", "SAYS"}};
  for (const ProbeResult& result : results) {
    rows.push_back(RowOf(result));
  }
  std::array<size_t, std::tuple_size_v<Row>> widths = {};
  for (const Row& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::string table;
  for (const Row& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      line += fmt::format("{:<{}}  ", row[i], widths[i]);
    }
    table += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  const bool any_well = std::ranges::any_of(
      results, [](const ProbeResult& result) { return !result.skipped && !result.failed(); });
  if (any_well) {
    table += "An empty export leaves nothing behind: whether data is stored is not proved by it.\n";
  }
  return table;
}

Status ProbeStatus(const std::vector<ProbeResult>& results) {
  const auto failed = std::ranges::count_if(results, &ProbeResult::failed);
  if (failed == 0) {
    return OkStatus();
  }
  const bool all_silent = std::ranges::all_of(results, [](const ProbeResult& result) {
    return !result.failed() || result.verdict.reachable != Proof::kYes;
  });
  return Unavailable(fmt::format("{} of {} exporters did not answer{}", failed, results.size(),
                                 all_silent ? "" : ", or not as the configuration needs it"));
}

}  // namespace gapless::cli
