#include "tests/sim/sim_disk.h"

#include <algorithm>
#include <utility>

namespace gapless::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kRoot = "/data";
constexpr const char* kDirectory = "/data/journal";
// A journal writes a checkpoint 100 ms after something changed, and the one after that as late.
constexpr Duration kCheckpointsTake = milliseconds(500);
// After a trouble: what has piled up is written, failed checkpoints are made again.
constexpr Duration kRecoveryTakes = seconds(2);

}  // namespace

void SimThread::Post(Task task) {
  if (stopped_()) {
    return;
  }
  tasks_.push_back(std::move(task));
  if (!next_.armed()) {
    next_ = loop_.RunAfter(delay_(), [this] { RunNext(); });
  }
}

void SimThread::RunNext() {
  if (stopped_()) {
    tasks_.clear();
    return;
  }
  Task task = std::move(tasks_.front());
  tasks_.pop_front();
  task();
  if (!tasks_.empty() && !next_.armed()) {
    next_ = loop_.RunAfter(delay_(), [this] { RunNext(); });
  }
}

void SimThread::Kill() {
  next_.Cancel();
  tasks_.clear();
}

void SimThread::Finish() {
  next_.Cancel();
  while (!tasks_.empty()) {
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    task();
  }
}

SimDisk::SimDisk(Loop& loop, uint64_t seed) : loop_(loop), rng_(seed) {
  const Status made = fs_.MakeDirectory(kRoot, 0700);
  const auto delay = [this] {
    const Duration usual = microseconds(50 + rng_.Below(2000));
    return slow_ > Duration::zero() ? slow_ / 2 + usual : usual;
  };
  for (auto& thread : threads_) {
    thread = std::make_unique<SimThread>(loop, delay, [this] { return dead(); });
  }
}

Result<std::unique_ptr<journal::SegmentJournal>> SimDisk::Open(
    journal::SegmentJournalOptions options, Loop& home) {
  options.directory = kDirectory;
  options.recover_at_once = 1;
  options.executors = {
      .writer = threads_[0].get(), .reader = threads_[1].get(), .closer = threads_[2].get()};
  options.seed = rng_.Next() | 1;
  return journal::SegmentJournal::Open(std::move(options), fs_, home);
}

void SimDisk::EndProcess() {
  for (auto& thread : threads_) {
    thread->Finish();
  }
}

void SimDisk::Crash(io::CrashKind kind) {
  for (auto& thread : threads_) {
    thread->Kill();
  }
  die_at_ = 0;
  fs_.Crash(kind, rng_);
}

void SimDisk::DieInCall(uint64_t n) {
  die_at_ = fs_.calls() + n;
  fs_.StopAt(n);
}

void SimDisk::BeginTrouble() {
  trouble_since_ = trouble_since_ && !recovered() ? *trouble_since_ : loop_.Now();
  mended_at_.reset();
}

void SimDisk::BeSlow(Duration each_task) {
  slow_ = each_task;
  BeginTrouble();
}

void SimDisk::BeFull(uint64_t bytes_left) {
  fs_.SetCapacity(fs_.used() + bytes_left);
  BeginTrouble();
}

void SimDisk::FailWrites() {
  fs_.FailWrites(Unavailable("write: Input/output error"));
  BeginTrouble();
}

void SimDisk::FailReads() {
  fs_.FailReads(Unavailable("read: Input/output error"));
  fails_reads_ = true;
  BeginTrouble();
}

void SimDisk::FailCall(uint64_t n, Status error) {
  fs_.FailCall(n, std::move(error));
  BeginTrouble();
}

void SimDisk::Mend() {
  slow_ = {};
  fails_reads_ = false;
  fs_.FailCall(0, OkStatus());
  fs_.FailWrites(OkStatus());
  fs_.FailReads(OkStatus());
  fs_.SetCapacity(UINT64_MAX);
  mended_at_ = mended_at_.value_or(loop_.Now());
}

bool SimDisk::recovered() const {
  return mended_at_ && loop_.Now() >= *mended_at_ + kRecoveryTakes;
}

TimePoint SimDisk::WrittenDownUntil() const {
  const TimePoint since = trouble_since_ && !recovered() ? *trouble_since_ : loop_.Now();
  return since - kCheckpointsTake;
}

}  // namespace gapless::sim
