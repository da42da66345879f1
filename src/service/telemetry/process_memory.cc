#include "service/telemetry/process_memory.h"

#include "io/machine.h"
#include "io/posix_file_system.h"
#include "telemetry/inventory.h"

#include <chrono>
#include <string>

namespace gapless::service {
namespace {

constexpr Duration kInterval = std::chrono::seconds(10);
constexpr uint64_t kMuchMemory = uint64_t{64} << 20;

}  // namespace

ProcessMemory::ProcessMemory(telemetry::Registry& registry)
    : limit_(std::make_shared<MemoryLimit>(kLeastMemory)) {
  for (size_t i = 0; i < kMemoryUses; ++i) {
    const auto use = static_cast<MemoryUse>(i);
    const telemetry::Labels labels = {{"use", std::string(ToString(use))}};
    metrics_.push_back(registry.AddCallback(
        telemetry::Metric("gapless_memory_held_bytes"), labels,
        [limit = limit_, use] { return static_cast<double>(limit->used(use)); }));
    metrics_.push_back(registry.AddCallback(
        telemetry::Metric("gapless_memory_limit_bytes"), labels,
        [limit = limit_, use] { return static_cast<double>(limit->PartOf(use)); }));
  }
}

void ProcessMemory::Configure(const LimitsConfig& config, const telemetry::Logger& log) {
  const uint64_t bytes = config.MemoryOf(io::MachineMemoryLimit(io::PosixFileSystem()));
  if (bytes == limit_->limit()) {
    return;
  }
  limit_->SetLimit(bytes);
  log.Info("Memory for what clients send", {{"limit", config::FormatByteSize({bytes})}});
}

void ProcessMemory::Watch(net::Worker& control) {
  io::ReturnFreeMemory(kMuchMemory);
  timer_ = control.RunAfter(kInterval, [this, &control] { Watch(control); });
}

}  // namespace gapless::service
