#include "cli/config/feature_gates.h"

#include "config/nearest.h"

#include <algorithm>

namespace gapless::cli {
namespace {

// The gates of Collector v0.159.
constexpr FeatureGate kGates[] = {
    {kMergeAppendGate, false, "Alpha",
     "Joins the component lists under service when several configurations are merged, instead of "
     "taking the last one."},
    {"pdata.useProtoPooling", false, "Alpha", "No effect: gapless has no object model to pool."},
    {"pkg.exporterhelper.queueBatchEnabled", false, "Alpha",
     "No effect: merging is on where sending_queue::batch or a batch processor asks for it."},
    {"receiverhelper.newReceiverMetrics", false, "Alpha",
     "No effect: refused counts every request that was not accepted."},
    {"service.AllowNoPipelines", false, "Alpha", "No effect: a pipeline is required."},
    {"service.partialReload", false, "Alpha",
     "No effect: a reload always keeps what did not change."},
    {"service.partialReloadReceivers", true, "Beta",
     "No effect: a reload always keeps what did not change."},
    {"service.profilesSupport", false, "Alpha",
     "No effect: gapless carries traces, metrics and logs."},
    {"telemetry.newPipelineTelemetry", false, "Alpha", "No effect."},
};

}  // namespace

FeatureGates::FeatureGates() : gates_(std::begin(kGates), std::end(kGates)) {}

void FeatureGates::Apply(std::string_view flag) {
  for (size_t begin = 0; begin < flag.size();) {
    const size_t end = std::min(flag.find(',', begin), flag.size());
    std::string_view id = flag.substr(begin, end - begin);
    begin = end + 1;
    const bool enabled = !id.starts_with('-');
    if (id.starts_with('-') || id.starts_with('+')) {
      id.remove_prefix(1);
    }
    const auto gate = std::ranges::find(gates_, id, &FeatureGate::id);
    if (gate != gates_.end()) {
      gate->enabled = enabled;
    } else if (!id.empty()) {
      unknown_.emplace_back(id);
    }
  }
}

const FeatureGate* FeatureGates::Find(std::string_view id) const {
  const auto gate = std::ranges::find(gates_, id, &FeatureGate::id);
  return gate != gates_.end() ? &*gate : nullptr;
}

bool FeatureGates::IsEnabled(std::string_view id) const {
  const FeatureGate* gate = Find(id);
  return gate != nullptr && gate->enabled;
}

std::string FeatureGates::Hint(std::string_view id) const {
  std::vector<std::string> names;
  for (const FeatureGate& gate : gates_) {
    names.emplace_back(gate.id);
  }
  return config::NearestHint(id, names);
}

}  // namespace gapless::cli
