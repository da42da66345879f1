// WriteQueue: what goes to the journal's writer thread, and what comes back from it.
//
// What piles up while the writer works goes out together (segment_writer.h). Home loop, but for
// WriterSide.
#pragma once

#include "base/lifetime.h"
#include "base/loop.h"
#include "io/executor.h"
#include "io/inbox.h"
#include "journal/checkpoint.h"
#include "journal/segment_writer.h"

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gapless::journal {

struct CheckpointRequest {
  uint64_t sequence = 0;
  std::string encoded;
  std::vector<uint64_t> released;  // segments that it says nobody needs
  bool quiet = false;              // as of SegmentWriter::Release
};
struct CheckpointResult {
  Status status;
  std::vector<uint64_t> released;
  uint64_t disk_bytes = 0;
  bool keeps_many = false;  // files; give some back when it is quiet
};

// What the writer's thread works on. Outlives the queue while a task runs.
class WriterSide {
 public:
  WriterSide(SegmentWriter segments, std::unique_ptr<CheckpointWriter> checkpoints)
      : segments_(std::move(segments)), checkpoints_(std::move(checkpoints)) {}

  // Any thread. True if the writer must be woken.
  bool Push(WriteRequest request) { return inbox_.Push(std::move(request)); }
  // Any thread: nothing is written any more.
  void Abandon() { abandoned_.store(true); }

  // Writer's thread. One group of what waits; none: nothing does.
  std::optional<GroupResult> WriteGroup();
  bool busy() const { return !waiting_.empty(); }
  // None: it was abandoned.
  std::optional<CheckpointResult> WriteCheckpoint(CheckpointRequest request);
  void ReleaseAll();

 private:
  SegmentWriter segments_;
  const std::unique_ptr<CheckpointWriter> checkpoints_;
  io::Inbox<WriteRequest> inbox_;
  std::vector<WriteRequest> waiting_;  // out of the inbox, not yet written
  std::atomic<bool> abandoned_ = false;
};

class WriteQueue {
 public:
  using OnGroup = std::function<void(GroupResult)>;

  // `home` and `writer` outlive it.
  WriteQueue(std::shared_ptr<WriterSide> side, Loop& home, io::Executor& writer, OnGroup on_group);
  // What is under way may or may not be written; nobody is told.
  ~WriteQueue();

  void Push(WriteRequest request);
  // `done` is not called once the queue is gone.
  void WriteCheckpoint(CheckpointRequest request,
                       std::move_only_function<void(CheckpointResult)> done);
  // When everything before is done. `release`: removes all files, as nobody needs them.
  void Finish(bool release, std::move_only_function<void()> done);

 private:
  // One group; then whoever else waits for this thread has a turn. Writer's thread.
  static void Write(const std::shared_ptr<WriterSide>& side, Loop& home, io::Executor& writer,
                    const OnGroup& on_group);

  const std::shared_ptr<WriterSide> side_;
  Loop& home_;
  io::Executor& writer_;
  OnGroup on_group_;
  Lifetime lifetime_;
};

}  // namespace gapless::journal
