#include "processor/memory_limiter/factory.h"

#include "base/mutex.h"
#include "base/retry_delay.h"
#include "io/machine.h"
#include "io/posix_file_system.h"
#include "processor/memory_limiter/memory_limiter.h"

#include <algorithm>
#include <map>
#include <memory>

namespace gapless::processor::memory_limiter {
namespace {

// A watch with the configuration that it is known by, which it keeps alive.
struct SharedWatch {
  SharedWatch(pipeline::ComponentConfigPtr of, const Config& config, const pipeline::Settings& by)
      : key(std::move(of)),
        watch(config, LimitsOf(config, io::MachineMemoryLimit(io::PosixFileSystem())),
              ProcessMemory(), *by.workers.front(), by.log) {}

  const pipeline::ComponentConfigPtr key;
  Watch watch;
};

// The watch of a configured memory_limiter: every pipeline that uses it gets the same
// configuration, and so the same watch.
std::shared_ptr<Watch> WatchFor(const pipeline::Settings& settings,
                                const pipeline::ComponentConfigPtr& config) {
  static Mutex mu;
  static std::map<const pipeline::ComponentConfig*, std::weak_ptr<SharedWatch>> watches;
  MutexLock lock(mu);
  std::erase_if(watches, [](const auto& entry) { return entry.second.expired(); });
  std::weak_ptr<SharedWatch>& known = watches[config.get()];
  auto shared = known.lock();
  if (!shared) {
    shared = std::make_shared<SharedWatch>(config, pipeline::ValueOf<Config>(*config), settings);
    known = shared;
  }
  return {shared, &shared->watch};
}

}  // namespace

pipeline::ProcessorFactory Factory() {
  return {.info = {.type = "memory_limiter", .config = pipeline::SpecOf<Config, ConfigTable>()},
          .create = [](pipeline::Settings settings, pipeline::ComponentConfigPtr config,
                       otlp::Signal signal) -> std::unique_ptr<pipeline::Processor> {
            const Duration interval = pipeline::ValueOf<Config>(*config).check_interval;
            return std::make_unique<MemoryLimiter>(settings, signal, WatchFor(settings, config),
                                                   std::max<Duration>(interval, kClientRetryDelay));
          },
          .only_before_journals = true};
}

}  // namespace gapless::processor::memory_limiter
