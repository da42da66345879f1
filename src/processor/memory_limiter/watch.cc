#include "processor/memory_limiter/watch.h"

#include "io/machine.h"
#include "telemetry/process_metrics.h"

#include <utility>

namespace gapless::processor::memory_limiter {
namespace {

class RealMemory final : public Memory {
 public:
  uint64_t Used() override { return static_cast<uint64_t>(telemetry::ProcessResidentBytes()); }
  void Trim() override { io::ReturnFreeMemory(0); }
};

uint64_t Mebibytes(uint64_t bytes) { return bytes >> 20; }

}  // namespace

Memory& ProcessMemory() {
  static RealMemory memory;
  return memory;
}

Watch::Watch(const Config& config, Limits limits, Memory& memory, Loop& loop, telemetry::Logger log)
    : config_(config), memory_(memory), loop_(loop), log_(std::move(log)), gauge_(config, limits) {
  log_.Info("Memory limiter configured", {{"limit_mib", Mebibytes(limits.hard)},
                                          {"spike_limit_mib", Mebibytes(limits.hard - limits.soft)},
                                          {"check_interval", config.check_interval}});
}

void Watch::Start() {
  if (users_++ == 0) {
    Check();
  }
}

void Watch::Stop() {
  if (--users_ == 0) {
    timer_.Cancel();
  }
}

void Watch::Arm() {
  timer_ = loop_.RunAfter(config_.check_interval, [this] { Check(); });
}

// The lines are upstream's: scripts look for them.
void Watch::Check() {
  uint64_t used = memory_.Used();
  if (gauge_.WantsTrim(used, loop_.Now())) {
    Trim(used);
  }
  switch (gauge_.Decide(used)) {
    case Gauge::Change::kRefuse:
      log_.Warn("Memory usage is above soft limit. Refusing data.",
                {{"cur_mem_mib", Mebibytes(used)}});
      break;
    case Gauge::Change::kResume:
      log_.Info("Memory usage back within limits. Resuming normal operation.",
                {{"cur_mem_mib", Mebibytes(used)}});
      break;
    case Gauge::Change::kNone:
      break;
  }
  refusing_.store(gauge_.refusing(), std::memory_order_relaxed);
  Arm();
}

void Watch::Trim(uint64_t& used) {
  if (gauge_.LevelOf(used) == Gauge::Level::kHard) {
    log_.Warn("Memory usage is above hard limit. Forcing a GC.",
              {{"cur_mem_mib", Mebibytes(used)}});
  } else {
    log_.Info("Memory usage is above soft limit. Forcing a GC.",
              {{"cur_mem_mib", Mebibytes(used)}});
  }
  memory_.Trim();
  used = memory_.Used();
  gauge_.Trimmed(used, loop_.Now());
  log_.Info("Memory usage after GC.", {{"cur_mem_mib", Mebibytes(used)}});
}

}  // namespace gapless::processor::memory_limiter
