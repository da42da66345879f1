#include "service/config/config_check.h"

#include "config/nearest.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace gapless::service {
namespace {

using config::Errors;
using config::JoinPath;
using config::Stage;

std::string PathOf(const PipelineDef& pipeline) {
  return JoinPath("service::pipelines", pipeline.id.ToString());
}

class ReferenceChecker {
 public:
  ReferenceChecker(const Config& config, const Declarations& declared, Errors& errors)
      : config_(config), declared_(declared), errors_(errors) {}

  void Run() {
    for (const Reference& extension : config_.service_extensions) {
      Check("service::extensions", Kind::kExtension, extension);
    }
    for (const PipelineDef& pipeline : config_.pipelines) {
      CheckPipeline(pipeline);
    }
    for (const auto& [id, connector] : config_.connectors) {
      CheckAmbiguity(connector, Kind::kExporter);
      CheckAmbiguity(connector, Kind::kReceiver);
    }
  }

 private:
  const Declared& In(Kind kind) const { return declared_[static_cast<size_t>(kind)]; }

  // The IDs that a list of this kind may name.
  std::vector<std::string> Names(Kind kind) const {
    std::vector<std::string> names;
    for (const ComponentId& id : In(kind).ids) {
      names.push_back(id.ToString());
    }
    if (kind == Kind::kReceiver || kind == Kind::kExporter) {
      for (const ComponentId& id : In(Kind::kConnector).ids) {
        names.push_back(id.ToString());
      }
    }
    return names;
  }

  void Check(const std::string& path, Kind kind, const Reference& reference) {
    const bool connects = kind == Kind::kReceiver || kind == Kind::kExporter;
    const auto known = [&](Kind section) {
      return In(section).broken || In(section).ids.contains(reference.id);
    };
    if (known(kind) || (connects && known(Kind::kConnector))) {
      return;
    }
    const std::string id = reference.id.ToString();
    errors_.Add(path, reference.mark,
                fmt::format("references {} \"{}\" which is not configured{}", NameOf(kind), id,
                            config::NearestHint(id, Names(kind))));
  }

  void CheckPipeline(const PipelineDef& pipeline) {
    const std::string path = PathOf(pipeline);
    for (const Reference& receiver : pipeline.receivers) {
      Check(path, Kind::kReceiver, receiver);
    }
    std::set<ComponentId> seen;
    std::set<ComponentId> told;
    for (const Reference& processor : pipeline.processors) {
      if (!seen.insert(processor.id).second && told.insert(processor.id).second) {
        errors_.Add(
            path, processor.mark,
            fmt::format("references processor \"{}\" multiple times", processor.id.ToString()));
      } else if (!told.contains(processor.id)) {
        Check(path, Kind::kProcessor, processor);
      }
    }
    for (const Reference& exporter : pipeline.exporters) {
      Check(path, Kind::kExporter, exporter);
    }
  }

  void CheckAmbiguity(const ComponentDef& connector, Kind kind) {
    if (!In(kind).ids.contains(connector.id)) {
      return;
    }
    const std::string name = connector.id.ToString();
    errors_.Add(JoinPath("connectors", name), connector.mark,
                fmt::format("ambiguous ID: Found both \"{0}\" {1} and \"{0}\" connector. Change "
                            "one of the components' IDs to eliminate ambiguity (e.g. rename "
                            "connector \"{0}\" to \"{0}/connector\")",
                            name, NameOf(kind)));
  }

  const Config& config_;
  const Declarations& declared_;
  Errors& errors_;
};

// Whether a component, as it is configured, serves a signal.
Status FitOf(const ComponentDef& def, otlp::Signal signal) {
  if (!def.info->signals.Has(signal)) {
    return InvalidArgument("telemetry type is not supported");
  }
  return def.info->check != nullptr ? def.info->check(*def.config, signal) : OkStatus();
}

void CheckSignals(const Config& config, Errors& errors) {
  for (const PipelineDef& pipeline : config.pipelines) {
    const auto check = [&](Kind kind, const std::vector<Reference>& references) {
      for (const Reference& reference : references) {
        const auto it = config.Section(kind).find(reference.id);
        if (it == config.Section(kind).end()) {
          continue;
        }
        const Status status = FitOf(it->second, pipeline.signal);
        if (!status.ok()) {
          errors.Add(PathOf(pipeline), reference.mark,
                     fmt::format("failed to create \"{}\" {} for data type \"{}\": {}",
                                 reference.id.ToString(), NameOf(kind),
                                 otlp::Names(pipeline.signal).name, status.message()),
                     Stage::kBuild);
        }
      }
    };
    check(Kind::kReceiver, pipeline.receivers);
    check(Kind::kProcessor, pipeline.processors);
    check(Kind::kExporter, pipeline.exporters);
  }
}

// A connector joins an exporting and a receiving pipeline of each signal that it is used for.
void CheckConnector(const Config& config, const ComponentDef& connector, Errors& errors) {
  const std::string name = connector.id.ToString();
  for (const otlp::Signal signal : otlp::kSignals) {
    std::vector<std::string> in;
    std::vector<std::string> out;
    for (const PipelineDef& pipeline : config.pipelines) {
      if (pipeline.signal != signal) {
        continue;
      }
      if (pipeline.Exports(connector.id)) {
        in.push_back(pipeline.id.ToString());
      }
      if (pipeline.Receives(connector.id)) {
        out.push_back(pipeline.id.ToString());
      }
    }
    if (in.empty() == out.empty()) {
      continue;
    }
    errors.Add(
        JoinPath("connectors", name), connector.mark,
        fmt::format("connector \"{}\" used as {} in [{}] pipeline but not used in any "
                    "supported {} pipeline",
                    name, in.empty() ? "receiver" : "exporter",
                    fmt::join(in.empty() ? out : in, " "), in.empty() ? "exporter" : "receiver"),
        Stage::kBuild);
  }
}

// Follows connectors from pipeline to pipeline; one that is met again on the way closes a cycle.
class CycleFinder {
 public:
  explicit CycleFinder(const Config& config) : config_(config) {}

  // The first cycle as a sentence; empty: there is none.
  std::string Find() {
    for (const PipelineDef& pipeline : config_.pipelines) {
      if (Visit(pipeline)) {
        return fmt::format("cycle detected: {}", fmt::join(cycle_, " -> "));
      }
    }
    return "";
  }

 private:
  struct Step {
    const PipelineDef* pipeline;
    const ComponentId* connector;  // by which it is left
  };

  bool Visit(const PipelineDef& pipeline) {
    if (done_.contains(&pipeline)) {
      return false;
    }
    const auto first = std::ranges::find(way_, &pipeline, &Step::pipeline);
    if (first != way_.end()) {
      Tell(static_cast<size_t>(first - way_.begin()));
      return true;
    }
    for (const Reference& exporter : pipeline.exporters) {
      if (!config_.connectors.contains(exporter.id)) {
        continue;
      }
      way_.push_back({.pipeline = &pipeline, .connector = &exporter.id});
      for (const PipelineDef& next : config_.pipelines) {
        if (next.signal == pipeline.signal && next.Receives(exporter.id) && Visit(next)) {
          return true;
        }
      }
      way_.pop_back();
    }
    done_.insert(&pipeline);
    return false;
  }

  void TellConnector(const Step& step) {
    const std::string_view signal = otlp::Names(step.pipeline->signal).name;
    cycle_.push_back(
        fmt::format("connector \"{}\" ({} to {})", step.connector->ToString(), signal, signal));
  }

  // From the connector into pipeline `first` of the way and round to it again.
  void Tell(size_t first) {
    TellConnector(way_.back());
    for (size_t i = first; i < way_.size(); ++i) {
      for (const Reference& processor : way_[i].pipeline->processors) {
        cycle_.push_back(fmt::format("processor \"{}\" in pipeline \"{}\"", processor.id.ToString(),
                                     way_[i].pipeline->id.ToString()));
      }
      TellConnector(way_[i]);
    }
  }

  const Config& config_;
  std::vector<Step> way_;
  std::set<const PipelineDef*> done_;
  std::vector<std::string> cycle_;
};

}  // namespace

void CheckConfig(const Config& config, const Declarations& declared, bool service_ok,
                 Errors& errors) {
  Errors own;
  ReferenceChecker(config, declared, own).Run();
  const bool whole = std::ranges::none_of(declared, &Declared::broken);
  if (service_ok && whole && own.ok()) {
    CheckSignals(config, own);
    for (const auto& [id, connector] : config.connectors) {
      CheckConnector(config, connector, own);
    }
    if (const std::string cycle = CycleFinder(config).Find(); !cycle.empty()) {
      own.Add("", config.pipelines.front().mark, cycle, Stage::kBuild);
    }
  }
  errors.Append(own);
}

}  // namespace gapless::service
