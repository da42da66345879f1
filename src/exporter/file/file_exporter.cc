#include "exporter/file/file_exporter.h"

#include "config/permissions.h"
#include "exporter/file/encode.h"
#include "net/loop/worker.h"

#include <atomic>
#include <unordered_map>
#include <utility>
#include <vector>

namespace gapless::exporter::file {
namespace {

using sending::AttemptCallback;
using sending::AttemptId;
using sending::AttemptResult;

using Reply = std::move_only_function<void(AttemptResult)>;

AttemptResult ResultOf(const Status& status) {
  return status.ok() ? AttemptResult() : sending::LocalFailure(status);
}

void WriteBatch(const otlp::Batch& batch, const Config& config, FileWriter& writer, WallTime now,
                Reply reply) {
  const auto message = Encode(batch, config);
  if (!message.ok()) {
    return reply(sending::ClassifyGrpc(message.status()));
  }
  std::vector<ByteSpan> pieces;
  for (const Slice& slice : message->slices()) {
    pieces.push_back(slice.span());
  }
  writer.Write(pieces, now,
               [reply = std::move(reply)](Status status) mutable { reply(ResultOf(status)); });
}

class FileTransport final : public sending::Transport {
 public:
  FileTransport(const Config& config, Loop& home, std::shared_ptr<FileWriter> writer,
                io::Executor& disk)
      : config_(std::make_shared<const Config>(config)),
        loop_(home),
        writer_(std::move(writer)),
        disk_(disk) {}
  ~FileTransport() override {
    for (auto& [id, attempt] : waiting_) {
      attempt.withdrawn->store(true, std::memory_order_relaxed);
    }
  }

  // There is no connection, hence no news of it.
  void SetObserver(sending::TransportObserver* /*observer*/) override {}
  void Start() override {}
  void Stop() override {}

  AttemptId Attempt(const otlp::Batch& batch, Duration /*timeout*/, AttemptCallback done) override {
    return Run(std::move(done), [batch, config = config_, writer = writer_, now = loop_.WallNow(),
                                 &disk = disk_](Reply reply) {
      WriteBatch(batch, *config, *writer, now, std::move(reply));
      if (writer->waiting() == 1) {
        // Behind everything that has piled up: one sync for all of it.
        disk.Post([writer] { writer->Commit(); });
      }
    });
  }

  void Cancel(AttemptId id) override {
    if (const auto node = waiting_.extract(id)) {
      node.mapped().withdrawn->store(true, std::memory_order_relaxed);
    }
  }

  void Probe(Duration timeout, AttemptCallback done) override {
    const AttemptId id =
        Run(std::move(done), [writer = writer_](Reply reply) { reply(ResultOf(writer->Probe())); });
    if (timeout > Duration(0)) {
      // A disk that hangs does not answer at all.
      waiting_.at(id).timer = loop_.RunAfter(timeout, [this, id] {
        Finish(id, sending::LocalFailure(DeadlineExceeded("the disk did not answer in time")));
      });
    }
  }

 private:
  struct Waiting {
    AttemptCallback done;
    // Told to the disk thread: what it has not begun yet need not be done.
    std::shared_ptr<std::atomic<bool>> withdrawn;
    Timer timer = {};
  };

  // Runs `work` on the disk's thread; what it replies, then or later, comes back on a later turn of
  // the loop, unless the attempt was cancelled or the transport is gone by then.
  template <typename Work>
  AttemptId Run(AttemptCallback done, Work work) {
    const AttemptId id = next_id_++;
    auto withdrawn = std::make_shared<std::atomic<bool>>(false);
    waiting_.emplace(id, Waiting{.done = std::move(done), .withdrawn = withdrawn});
    disk_.Post([this, id, withdrawn, &loop = loop_, alive = std::weak_ptr(alive_),
                work = std::move(work)]() mutable {
      if (withdrawn->load(std::memory_order_relaxed)) {
        return;
      }
      work([this, id, &loop, alive = std::move(alive)](AttemptResult result) mutable {
        loop.Post([this, id, alive = std::move(alive), result = std::move(result)]() mutable {
          if (!alive.expired()) {
            Finish(id, std::move(result));
          }
        });
      });
    });
    return id;
  }

  void Finish(AttemptId id, AttemptResult result) {
    if (auto node = waiting_.extract(id)) {
      node.mapped().withdrawn->store(true, std::memory_order_relaxed);
      node.mapped().done(std::move(result));
    }
  }

  const std::shared_ptr<const Config> config_;
  Loop& loop_;
  const std::shared_ptr<FileWriter> writer_;
  io::Executor& disk_;
  std::unordered_map<AttemptId, Waiting> waiting_;
  AttemptId next_id_ = 1;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace

FileWriter::Options WriterOptions(const Config& config) {
  FileWriter::Options options;
  options.path = config.path;
  options.keep_content = config.append || config.rotation;
  options.sync = config.fsync;
  if (config.rotation) {
    options.rotation = *config.rotation;
  }
  const auto mode = config::ParsePermissions(config.directory_permissions);
  if (config.create_directory && mode.ok()) {
    options.make_directory = mode.value();
  }
  return options;
}

FileExporter::FileExporter(const pipeline::Settings& settings, Config config, io::FileSystem& fs)
    : config_(std::move(config)),
      log_(settings.log),
      control_(*settings.workers.front()),
      writer_(std::make_shared<FileWriter>(fs, WriterOptions(config_))) {}

FileExporter::~FileExporter() = default;

Status FileExporter::Start() {
  ASSIGN_OR_RETURN(const uint64_t lost, writer_->Open());
  if (lost > 0) {
    log_.Warn("The file was emptied; `append: true` or `rotation` keeps what it holds",
              {{"path", config_.path}, {"bytes", lost}});
  }
  disk_ = std::make_unique<io::ServiceThread>("file");
  return OkStatus();
}

void FileExporter::Shutdown(TimePoint /*deadline*/, std::move_only_function<void()> done) {
  if (!disk_) {
    done();
    return;
  }
  disk_->Post([writer = writer_, &control = control_, done = std::move(done)]() mutable {
    writer->Commit();
    control.Post(std::move(done));
  });
}

std::unique_ptr<sending::Transport> FileExporter::CreateTransport(otlp::Signal /*signal*/,
                                                                  net::Worker& home,
                                                                  Duration /*suspect_after*/) {
  return MakeTransport(config_, home, writer_, *disk_);
}

std::unique_ptr<sending::Transport> MakeTransport(const Config& config, Loop& home,
                                                  std::shared_ptr<FileWriter> writer,
                                                  io::Executor& disk) {
  return std::make_unique<FileTransport>(config, home, std::move(writer), disk);
}

}  // namespace gapless::exporter::file
