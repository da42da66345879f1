#include "journal/write_queue.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <utility>

namespace gapless::journal {

std::optional<GroupResult> WriterSide::WriteGroup() {
  std::ranges::move(inbox_.TakeAll(), std::back_inserter(waiting_));
  if (abandoned_.load() || waiting_.empty()) {
    return std::nullopt;
  }
  const size_t count = segments_.NextGroup(waiting_);
  GroupResult result = segments_.Write(std::span(waiting_).first(count));
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
  return result;
}

std::optional<CheckpointResult> WriterSide::WriteCheckpoint(CheckpointRequest request) {
  if (abandoned_.load()) {
    return std::nullopt;
  }
  CheckpointResult result{.status = checkpoints_->Write(request.sequence, request.encoded),
                          .released = std::move(request.released)};
  // Only now does the disk say that nobody needs these segments.
  result.disk_bytes = result.status.ok() ? segments_.Release(result.released, request.quiet)
                                         : segments_.disk_bytes();
  result.keeps_many = segments_.keeps_many();
  return result;
}

void WriterSide::ReleaseAll() {
  if (!abandoned_.load()) {
    segments_.ReleaseAll();
  }
}

WriteQueue::WriteQueue(std::shared_ptr<WriterSide> side, Loop& home, io::Executor& writer,
                       OnGroup on_group)
    : side_(std::move(side)), home_(home), writer_(writer) {
  on_group_ = lifetime_.Guard(std::move(on_group));
}

WriteQueue::~WriteQueue() { side_->Abandon(); }

void WriteQueue::Push(WriteRequest request) {
  if (!side_->Push(std::move(request))) {
    return;
  }
  // At the end of this turn: what else it brings shares the write and the sync.
  home_.Post(lifetime_.Guard([this] {
    writer_.Post([side = side_, &home = home_, &writer = writer_, on_group = on_group_] {
      if (!side->busy()) {  // else the next turn is on its way
        Write(side, home, writer, on_group);
      }
    });
  }));
}

void WriteQueue::Write(const std::shared_ptr<WriterSide>& side, Loop& home, io::Executor& writer,
                       const OnGroup& on_group) {
  std::optional<GroupResult> result = side->WriteGroup();
  if (!result) {
    return;
  }
  home.Post([on_group, result = std::move(*result)]() mutable { on_group(std::move(result)); });
  if (side->busy()) {
    writer.Post([side, &home, &writer, on_group] { Write(side, home, writer, on_group); });
  }
}

void WriteQueue::WriteCheckpoint(CheckpointRequest request,
                                 std::move_only_function<void(CheckpointResult)> done) {
  writer_.Post([side = side_, &home = home_, request = std::move(request),
                done = lifetime_.Guard(std::move(done))]() mutable {
    if (auto result = side->WriteCheckpoint(std::move(request))) {
      home.Post([done = std::move(done), result = std::move(*result)]() mutable {
        done(std::move(result));
      });
    }
  });
}

void WriteQueue::Finish(bool release, std::move_only_function<void()> done) {
  writer_.Post(
      [side = side_, &home = home_, release, done = lifetime_.Guard(std::move(done))]() mutable {
        if (release) {
          side->ReleaseAll();
        }
        home.Post(std::move(done));
      });
}

}  // namespace gapless::journal
