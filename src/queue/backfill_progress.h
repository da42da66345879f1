// BackfillProgress: how far one level's backfill is: its metrics, and the log of a run, which lasts
// from the first unit until nothing is owed any more. Home loop.
#pragma once

#include "base/loop.h"
#include "journal/journal.h"
#include "queue/queue_stats.h"
#include "telemetry/log.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gapless::queue {

class BackfillProgress {
 public:
  // All references outlive it. `name`: of the level.
  BackfillProgress(Loop& loop, const journal::Journal& journal, QueueStats& stats,
                   const telemetry::Logger& log, std::string_view name)
      : loop_(loop), journal_(journal), stats_(stats), log_(log), name_(name) {}

  // The level's index in its queue.
  void SetLevel(size_t level) { level_ = level; }
  // A unit is sent.
  void Begin();
  void Delivered(uint64_t items);
  void GivenUp(uint64_t items, std::string_view reason);
  // Nothing is owed.
  void End();
  // One path of the level has taken so many.
  void Sent(size_t path, uint64_t items) { stats_.Sent(level_, path, items); }
  void Failed(std::string_view outcome, const Status& cause);
  void Skipped(uint64_t items, const Status& cause);

  uint64_t delivered_items() const { return delivered_items_; }

 private:
  struct Run {
    TimePoint began{};
    uint64_t items = 0;
    uint64_t given_up = 0;
  };

  Loop& loop_;
  const journal::Journal& journal_;
  QueueStats& stats_;
  const telemetry::Logger& log_;
  const std::string name_;
  size_t level_ = 0;
  uint64_t delivered_items_ = 0;
  std::optional<Run> run_;
  telemetry::Sampled progress_log_{1, std::chrono::seconds(30)};
  telemetry::Sampled failures_log_{1, std::chrono::seconds(30)};
};

}  // namespace gapless::queue
