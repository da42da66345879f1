#include "service/factories.h"

#include <algorithm>

namespace gapless::service {
namespace {

bool Is(const pipeline::TypeInfo& info, std::string_view type) {
  return info.type == type || (!info.alias.empty() && info.alias == type);
}

template <typename F>
const F* FindIn(const std::vector<F>& factories, std::string_view type) {
  const auto it = std::ranges::find_if(factories, [&](const F& f) { return Is(f.info, type); });
  return it == factories.end() ? nullptr : &*it;
}

template <typename F>
void Collect(const std::vector<F>& factories, std::vector<const pipeline::TypeInfo*>& out) {
  for (const F& factory : factories) {
    out.push_back(&factory.info);
  }
}

struct UpstreamType {
  Kind kind;
  std::string_view type;
  std::string_view advice;
};

constexpr std::string_view kAgent =
    "gapless receives OTLP: run this receiver in a Collector agent that exports otlp to gapless";
constexpr std::string_view kOttl =
    "needs OTTL, which gapless does not have yet: run it in a Collector in front of gapless";
constexpr std::string_view kBackend =
    "gapless exports OTLP: send to the vendor's OTLP endpoint with otlp or otlp_http, or to a "
    "Collector that has this exporter";

constexpr UpstreamType kUpstreamTypes[] = {
    {Kind::kReceiver, "jaeger", kAgent},
    {Kind::kReceiver, "zipkin", kAgent},
    {Kind::kReceiver, "prometheus", kAgent},
    {Kind::kReceiver, "hostmetrics", kAgent},
    {Kind::kReceiver, "filelog", kAgent},
    {Kind::kReceiver, "kafka", kAgent},
    {Kind::kReceiver, "opencensus", kAgent},
    {Kind::kReceiver, "k8s_cluster", kAgent},
    {Kind::kReceiver, "kubeletstats", kAgent},
    {Kind::kReceiver, "nop", "leave the pipeline out"},
    {Kind::kProcessor, "filter", kOttl},
    {Kind::kProcessor, "transform", kOttl},
    {Kind::kProcessor, "tail_sampling", kOttl},
    {Kind::kProcessor, "probabilistic_sampler",
     "gapless does not sample yet: sample in the SDK or in a Collector in front of gapless"},
    {Kind::kProcessor, "resourcedetection", "set the attributes in the SDK or in an agent"},
    {Kind::kProcessor, "k8sattributes", "run it in a Collector agent in front of gapless"},
    {Kind::kProcessor, "k8s_attributes", "run it in a Collector agent in front of gapless"},
    {Kind::kProcessor, "groupbyattrs", kOttl},
    {Kind::kProcessor, "memory_limiter",
     "gapless bounds memory by itself (queue_size and the common budget): remove it"},
    {Kind::kProcessor, "resource", "set the attributes in the SDK or in an agent"},
    {Kind::kProcessor, "attributes", "set the attributes in the SDK or in an agent"},
    {Kind::kExporter, "logging", "the logging exporter has been replaced: use debug"},
    {Kind::kExporter, "prometheus", kBackend},
    {Kind::kExporter, "prometheusremotewrite", kBackend},
    {Kind::kExporter, "kafka", kBackend},
    {Kind::kExporter, "loadbalancing", "use failover, or several exporters in one level"},
    {Kind::kExporter, "datadog", kBackend},
    {Kind::kExporter, "elasticsearch", kBackend},
    {Kind::kExporter, "splunk_hec", kBackend},
    {Kind::kExporter, "zipkin", kBackend},
    {Kind::kConnector, "routing", kOttl},
    {Kind::kConnector, "count", kOttl},
    {Kind::kConnector, "spanmetrics", "run it in a Collector in front of gapless"},
    {Kind::kConnector, "servicegraph", "run it in a Collector in front of gapless"},
    {Kind::kConnector, "roundrobin", "list several exporters in one pipeline"},
    {Kind::kExtension, "zpages", "the metrics on localhost:8888 tell the same: remove it"},
    {Kind::kExtension, "pprof", "profile with perf: remove it"},
    {Kind::kExtension, "basicauth", "not there yet: use mTLS, or headers for a token"},
    {Kind::kExtension, "bearertokenauth", "not there yet: put the token in `headers`"},
    {Kind::kExtension, "headers_setter", "not there yet: put fixed headers in `headers`"},
    {Kind::kExtension, "oauth2client", "not there yet: put the token in `headers`"},
    {Kind::kExtension, "opamp", "not there yet"},
    {Kind::kExtension, "healthcheckv2", "use health_check"},
    {Kind::kExtension, "memory_limiter", "gapless bounds memory by itself: remove it"},
};

}  // namespace

std::string_view NameOf(Kind kind) {
  switch (kind) {
    case Kind::kReceiver:
      return "receiver";
    case Kind::kProcessor:
      return "processor";
    case Kind::kExporter:
      return "exporter";
    case Kind::kConnector:
      return "connector";
    case Kind::kExtension:
      return "extension";
  }
  return "component";
}

std::string_view SectionOf(Kind kind) {
  switch (kind) {
    case Kind::kReceiver:
      return "receivers";
    case Kind::kProcessor:
      return "processors";
    case Kind::kExporter:
      return "exporters";
    case Kind::kConnector:
      return "connectors";
    case Kind::kExtension:
      return "extensions";
  }
  return "components";
}

std::vector<const pipeline::TypeInfo*> Factories::All(Kind kind) const {
  std::vector<const pipeline::TypeInfo*> all;
  switch (kind) {
    case Kind::kReceiver:
      Collect(receivers, all);
      break;
    case Kind::kProcessor:
      Collect(processors, all);
      break;
    case Kind::kExporter:
      Collect(exporters, all);
      break;
    case Kind::kConnector:
      Collect(connectors, all);
      break;
    case Kind::kExtension:
      Collect(extensions, all);
      Collect(storages, all);
      break;
  }
  return all;
}

const pipeline::TypeInfo* Factories::Find(Kind kind, std::string_view type) const {
  for (const pipeline::TypeInfo* info : All(kind)) {
    if (Is(*info, type)) {
      return info;
    }
  }
  return nullptr;
}

const pipeline::ReceiverFactory* Factories::Receiver(std::string_view type) const {
  return FindIn(receivers, type);
}
const pipeline::ProcessorFactory* Factories::Processor(std::string_view type) const {
  return FindIn(processors, type);
}
const delivery::ExporterFactory* Factories::Exporter(std::string_view type) const {
  return FindIn(exporters, type);
}
const delivery::ConnectorFactory* Factories::Connector(std::string_view type) const {
  return FindIn(connectors, type);
}
const pipeline::ExtensionFactory* Factories::Extension(std::string_view type) const {
  return FindIn(extensions, type);
}
const delivery::StorageFactory* Factories::Storage(std::string_view type) const {
  return FindIn(storages, type);
}
const delivery::MergingProcessor* Factories::Merging(std::string_view type) const {
  const auto it = std::ranges::find(merging, type, &delivery::MergingProcessor::type);
  return it == merging.end() ? nullptr : &*it;
}

std::string_view AdviceForUpstreamType(Kind kind, std::string_view type) {
  for (const UpstreamType& known : kUpstreamTypes) {
    if (known.kind == kind && known.type == type) {
      return known.advice;
    }
  }
  return {};
}

}  // namespace gapless::service
