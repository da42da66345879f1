// Watch: measures memory at every interval and says whether data is refused. One for all pipelines
// that use the same memory_limiter.
#pragma once

#include "net/loop/worker.h"
#include "processor/memory_limiter/gauge.h"
#include "telemetry/log.h"

#include <atomic>
#include <cstdint>

namespace gapless::processor::memory_limiter {

// The memory of the process; injected, for tests.
class Memory {
 public:
  virtual ~Memory() = default;
  // Bytes that the process holds.
  virtual uint64_t Used() = 0;
  // Gives what is free back to the system; takes milliseconds.
  virtual void Trim() = 0;
};

// Resident memory, and malloc_trim. Lives as long as the process.
Memory& ProcessMemory();

// Start, Stop and the checks on the loop's thread; refusing() on any. Destroyed on the loop's
// thread, or, after the last Stop, on any: a batch on its way may hold the last reference.
class Watch {
 public:
  // `loop` and `memory` outlive the watch.
  Watch(const Config& config, Limits limits, Memory& memory, Loop& loop, telemetry::Logger log);
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // Once per pipeline; the first one starts measuring, at once.
  void Start();
  void Stop();
  bool refusing() const { return refusing_.load(std::memory_order_relaxed); }

 private:
  void Check();
  void Trim(uint64_t& used);
  void Arm();

  const Config config_;
  Memory& memory_;
  Loop& loop_;
  const telemetry::Logger log_;
  Gauge gauge_;
  std::atomic<bool> refusing_ = false;
  size_t users_ = 0;
  Timer timer_;
};

}  // namespace gapless::processor::memory_limiter
