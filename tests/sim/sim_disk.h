// SimDisk: the disk of a simulated machine, and the threads of the process that uses it. What a
// journal has left there outlives the process. It may be slow, be full, fail, and lose with the
// power what was not synced.
#pragma once

#include "base/loop.h"
#include "base/rng.h"
#include "io/executor.h"
#include "io/memory_file_system.h"
#include "journal/segment_journal.h"

#include <array>
#include <deque>
#include <memory>
#include <optional>

namespace gapless::sim {

// A service thread in virtual time: tasks run one after the other, and each takes a while.
class SimThread final : public io::Executor {
 public:
  // `delay`: how long the next task takes. `stopped`: the process is dead.
  SimThread(Loop& loop, std::move_only_function<Duration()> delay,
            std::move_only_function<bool()> stopped)
      : loop_(loop), delay_(std::move(delay)), stopped_(std::move(stopped)) {}

  void Post(Task task) override;
  // Nothing of what was posted happens any more.
  void Kill();
  // Does at once what was posted.
  void Finish();
  bool idle() const { return tasks_.empty(); }

 private:
  void RunNext();

  Loop& loop_;
  std::move_only_function<Duration()> delay_;
  std::move_only_function<bool()> stopped_;
  std::deque<Task> tasks_;
  Timer next_;
};

class SimDisk {
 public:
  // `loop` outlives it.
  SimDisk(Loop& loop, uint64_t seed);
  SimDisk(const SimDisk&) = delete;
  SimDisk& operator=(const SimDisk&) = delete;

  // A process starts: what the disk says of its journal. Directory, executors and seed are filled
  // in. The journal ends before EndProcess or Crash.
  Result<std::unique_ptr<journal::SegmentJournal>> Open(journal::SegmentJournalOptions options,
                                                        Loop& home);
  // The process has ended in good order.
  void EndProcess();
  // The process dies, or the machine with it.
  void Crash(io::CrashKind kind);
  // The process dies in the n-th call from now, perhaps in the middle of a write.
  void DieInCall(uint64_t n);
  bool dead() const { return die_at_ != 0 && fs_.calls() >= die_at_; }

  // Troubles; Mend ends them all.
  void BeSlow(Duration each_task);
  void BeFull(uint64_t bytes_left);
  void FailWrites();
  void FailReads();
  void FailCall(uint64_t n, Status error);
  void Mend();

  // Reads may take long or fail now.
  bool hinders_reads() const { return slow_ > Duration::zero() || fails_reads_; }
  bool in_trouble() const { return trouble_since_ && !mended_at_; }
  // What the journal was told until then it has written down, checkpoints included.
  TimePoint WrittenDownUntil() const;
  // Bytes of all files.
  uint64_t used() const { return fs_.used(); }

 private:
  void BeginTrouble();
  bool recovered() const;

  Loop& loop_;
  Rng rng_;
  io::MemoryFileSystem fs_;
  std::array<std::unique_ptr<SimThread>, 3> threads_;
  Duration slow_{};
  bool fails_reads_ = false;
  uint64_t die_at_ = 0;  // call
  std::optional<TimePoint> trouble_since_;
  std::optional<TimePoint> mended_at_;
};

}  // namespace gapless::sim
