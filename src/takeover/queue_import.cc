#include "takeover/queue_import.h"

#include "journal/segment_journal.h"
#include "net/loop/worker.h"
#include "takeover/import_progress.h"
#include "takeover/queue_content.h"
#include "takeover/queue_item.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace gapless::takeover {
namespace {

// Of a group, which is durable as a whole.
constexpr size_t kGroupRequests = 1000;
constexpr size_t kGroupBytes = size_t{16} << 20;
// A larger value is nothing that a receiver has let in.
constexpr uint64_t kMaxValue = uint64_t{256} << 20;
// For a disk that stands still.
constexpr auto kPatience = std::chrono::minutes(5);

class Import {
 public:
  Import(QueueImport import, io::FileSystem& fs, std::stop_token stop)
      : import_(std::move(import)), fs_(fs), stop_(std::move(stop)) {
    import_.journal.sync = true;
  }

  Result<ImportReport> Run() {
    ASSIGN_OR_RETURN(const auto lock, fs_.LockForeign(import_.file));
    ASSIGN_OR_RETURN(file_, fs_.Open(import_.file, io::OpenMode::kRead));
    ASSIGN_OR_RETURN(content_, ReadQueueContent(*file_));
    ASSIGN_OR_RETURN(progress_.size, file_->Size());
    progress_.transaction = content_.transaction;
    progress_.done =
        std::min<uint64_t>(ReadProgress(fs_, import_.file, progress_), content_.pending.size());
    report_.before = progress_.done;
    report_.dispatched = content_.dispatched;
    report_.missing = content_.missing;
    report_.damaged_pages = content_.damaged_pages;
    if (progress_.done < content_.pending.size()) {
      RETURN_IF_ERROR(Fill());
    }
    if (report_.left == 0) {
      RETURN_IF_ERROR(PutAside());
    }
    return std::move(report_);
  }

 private:
  struct Group {
    std::vector<Status> answers;  // by place in the group
    size_t answered = 0;
    size_t bytes = 0;
  };

  Status Fill() {
    net::Worker loop("import");
    ASSIGN_OR_RETURN(auto recovered, journal::RecoverSegmentJournal(import_.journal, fs_, stop_));
    journal::SegmentJournal journal(std::move(recovered), loop);
    Status status;
    while (status.ok() && progress_.done < content_.pending.size() && report_.no_room.ok()) {
      status =
          stop_.stop_requested() ? Cancelled("the import was stopped") : ImportGroup(journal, loop);
    }
    report_.left = content_.pending.size() - progress_.done;
    bool closed = false;
    journal.Close([&closed] { closed = true; });
    const bool in_time = loop.RunUntil([&closed] { return closed; }, kPatience);
    RETURN_IF_ERROR(status);
    return in_time ? OkStatus() : Unavailable("the journal cannot be closed");
  }

  // Values that are not imported because there was no room, or that come after such a one, count
  // as left: the journal may hold one of those twice afterwards, and none is lost.
  Status ImportGroup(journal::SegmentJournal& journal, net::Worker& loop) {
    Group group;
    std::vector<uint64_t> ends;  // `done` once the value in that place is in
    uint64_t next = progress_.done;
    while (next < content_.pending.size() && ends.size() < kGroupRequests &&
           group.bytes < kGroupBytes) {
      ASSIGN_OR_RETURN(std::optional<otlp::Batch> batch, Load(content_.pending[next++]));
      if (batch) {
        Append(journal, *std::move(batch), group);
        ends.push_back(next);
      }
    }
    if (!loop.RunUntil([&group] { return group.answered == group.answers.size(); }, kPatience)) {
      return Unavailable("the disk does not answer");
    }
    const auto failed = std::ranges::find_if_not(group.answers, &Status::ok);
    if (failed != group.answers.end()) {
      report_.no_room = *failed;
      const auto good = static_cast<size_t>(failed - group.answers.begin());
      next = good == 0 ? progress_.done : ends[good - 1];
    }
    progress_.done = next;
    return WriteProgress(fs_, import_.file, progress_);
  }

  // None: it is passed over.
  Result<std::optional<otlp::Batch>> Load(const QueueItem& item) {
    if (item.size > kMaxValue) {
      ++report_.unreadable;
      return std::optional<otlp::Batch>();
    }
    Result<Slice> value = ReadQueueItem(*file_, item);
    if (!value.ok() && value.status().code() != Code::kDataLoss) {
      return value.status();
    }
    Result<otlp::Batch> batch =
        value.ok() ? DecodeQueueItem(*std::move(value), import_.signal) : value.status();
    if (!batch.ok()) {
      ++report_.unreadable;
      return std::optional<otlp::Batch>();
    }
    return batch->items == 0 ? std::optional<otlp::Batch>() : std::optional(*std::move(batch));
  }

  void Append(journal::SegmentJournal& journal, otlp::Batch batch, Group& group) {
    const size_t place = group.answers.size();
    const uint64_t items = batch.items;
    const uint64_t bytes = batch.raw_size;
    group.answers.emplace_back();
    group.bytes += bytes;
    journal.Append(std::move(batch),
                   [this, &group, place, items, bytes](const Result<journal::Position>& position) {
                     ++group.answered;
                     group.answers[place] = position.status();
                     report_.requests += position.ok() ? 1 : 0;
                     report_.items += position.ok() ? items : 0;
                     report_.bytes += position.ok() ? bytes : 0;
                   });
  }

  Status PutAside() {
    std::string target = import_.file + ".imported";
    for (int number = 2; fs_.IsDirectory(target).ok(); ++number) {
      target = fmt::format("{}.imported.{}", import_.file, number);
    }
    RETURN_IF_ERROR(fs_.Rename(import_.file, target));
    RETURN_IF_ERROR(fs_.SyncDirectory(io::ParentPath(target)));
    report_.moved = std::move(target);
    const Status removed = fs_.Remove(ProgressPath(import_.file));
    return removed.code() == Code::kNotFound ? OkStatus() : removed;
  }

  QueueImport import_;
  io::FileSystem& fs_;
  const std::stop_token stop_;
  std::unique_ptr<io::File> file_;
  QueueContent content_;
  ImportProgress progress_;
  ImportReport report_;
};

}  // namespace

Result<ImportReport> ImportQueue(QueueImport import, io::FileSystem& fs, std::stop_token stop) {
  return Import(std::move(import), fs, std::move(stop)).Run();
}

}  // namespace gapless::takeover
