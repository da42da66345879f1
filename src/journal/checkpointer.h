// Checkpointer: when a durable journal writes its checkpoints, and that one is written at a time.
// Home loop.
#pragma once

#include "base/loop.h"
#include "journal/segment_options.h"
#include "journal/write_queue.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace gapless::journal {

// When the next one is due. Pure. Each call that returns a duration sets the one timer to it.
class CheckpointSchedule {
 public:
  static constexpr Duration kInterval = std::chrono::milliseconds(100);
  // After a failed one: the disk is in trouble, writing more often does not help it.
  static constexpr Duration kRetry = std::chrono::milliseconds(200);
  // Files kept for a burst go when nothing follows for so long.
  static constexpr Duration kTrimAfter = std::chrono::seconds(2);

  std::optional<Duration> Changed();
  // It is written now. `due`: the time has come; else somebody waits for it. True: files kept for
  // a burst may go.
  bool Begin(bool due);
  std::optional<Duration> End(bool ok, bool keeps_many);
  // None is due any more.
  void Stop() { stopped_ = true; }

  bool dirty() const { return dirty_; }
  bool in_flight() const { return in_flight_; }

 private:
  enum class Next : uint8_t { kNone, kChange, kTrim };

  bool dirty_ = false;  // there is something that no checkpoint says
  bool in_flight_ = false;
  bool stopped_ = false;
  Next next_ = Next::kNone;
};

class Checkpointer {
 public:
  class Host {
   public:
    virtual ~Host() = default;
    // The journal as it is now, encoded with this sequence.
    virtual std::string Snapshot(uint64_t sequence) = 0;
    // Segments that nobody needs if that is written.
    virtual std::vector<uint64_t> Releasable() = 0;
    virtual void OnCheckpoint(const CheckpointResult& result) = 0;
  };

  // `next`: the sequence of the next one. All references outlive it.
  Checkpointer(const SegmentJournalOptions& options, Host& host, WriteQueue& queue, Loop& home,
               uint64_t next)
      : options_(options), host_(host), queue_(queue), home_(home), next_(next) {}

  // The journal changed: to be written soon.
  void Changed() { Schedule(schedule_.Changed()); }
  // Writes one now, unless one is on its way.
  void Write() { Begin(/*due=*/false); }
  // Only Write from now on.
  void Stop();

  // The first checkpoint that says all that has happened until now.
  uint64_t covering() const { return next_ + (schedule_.in_flight() ? 1 : 0); }
  bool IsWritten(uint64_t sequence) const { return sequence < next_; }
  bool dirty() const { return schedule_.dirty(); }
  bool in_flight() const { return schedule_.in_flight(); }

 private:
  void Begin(bool due);
  void OnWritten(const CheckpointResult& result);
  void Schedule(std::optional<Duration> delay);

  const SegmentJournalOptions& options_;
  Host& host_;
  WriteQueue& queue_;
  Loop& home_;
  uint64_t next_;
  CheckpointSchedule schedule_;
  Timer timer_;
  telemetry::Sampled log_{1, std::chrono::seconds(10)};
};

}  // namespace gapless::journal
