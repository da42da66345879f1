// The durable journal next to raw file calls, in one run on one disk.
//
//   journal_bench [DIRECTORY [MIB [RECORD_KIB]]]     default: the current directory, 1024, 64
//
// For each row: MB/s of payload, and what part of the raw figure that is. "Raw" writes the same
// bytes in groups of the same size into files that were written before, with the same syncs.
#include "io/posix_file_system.h"
#include "journal/segment_journal.h"
#include "journal/thread_loop_test.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace gapless::journal {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kInFlight = 64;

struct Counters {
  std::atomic<uint64_t> written{0};
  std::atomic<uint64_t> writes{0};
};

class CountingFile final : public io::File {
 public:
  CountingFile(std::unique_ptr<io::File> file, Counters& counters)
      : file_(std::move(file)), counters_(counters) {}
  Status WriteAt(uint64_t offset, std::span<const ByteSpan> pieces) override {
    for (const ByteSpan piece : pieces) {
      counters_.written += piece.size();
    }
    ++counters_.writes;
    return file_->WriteAt(offset, pieces);
  }
  Result<size_t> ReadAt(uint64_t offset, std::span<std::byte> out) override {
    return file_->ReadAt(offset, out);
  }
  Status Sync() override { return file_->Sync(); }
  void WillRead(uint64_t offset, uint64_t size) override { file_->WillRead(offset, size); }
  Status Allocate(uint64_t size) override { return file_->Allocate(size); }
  Status Truncate(uint64_t size) override { return file_->Truncate(size); }
  Result<uint64_t> Size() override { return file_->Size(); }

 private:
  std::unique_ptr<io::File> file_;
  Counters& counters_;
};

class CountingFileSystem final : public io::FileSystem {
 public:
  Result<std::unique_ptr<io::File>> Open(const std::string& path, io::OpenMode mode) override {
    ASSIGN_OR_RETURN(std::unique_ptr<io::File> file, fs_.Open(path, mode));
    return std::unique_ptr<io::File>(std::make_unique<CountingFile>(std::move(file), counters));
  }
  Status Rename(const std::string& from, const std::string& to) override {
    return fs_.Rename(from, to);
  }
  Status Remove(const std::string& path) override { return fs_.Remove(path); }
  Status RemoveDirectory(const std::string& path) override { return fs_.RemoveDirectory(path); }
  Result<std::vector<io::DirectoryEntry>> List(const std::string& directory) override {
    return fs_.List(directory);
  }
  Result<bool> IsDirectory(const std::string& path) override { return fs_.IsDirectory(path); }
  Status MakeDirectory(const std::string& path, uint32_t mode) override {
    return fs_.MakeDirectory(path, mode);
  }
  Status SyncDirectory(const std::string& path) override { return fs_.SyncDirectory(path); }
  Result<uint64_t> FreeSpace(const std::string& directory) override {
    return fs_.FreeSpace(directory);
  }
  Result<std::unique_ptr<io::FileLock>> Lock(const std::string& path, Duration timeout,
                                             std::string_view owner) override {
    return fs_.Lock(path, timeout, owner);
  }

  Counters counters;

 private:
  io::FileSystem& fs_ = io::PosixFileSystem();
};

struct Setting {
  std::string directory;
  uint64_t bytes = uint64_t{1} << 30;
  uint64_t record = 64 * 1024;
};

double MegabytesPerSecond(uint64_t bytes, Clock::time_point start) {
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return static_cast<double>(bytes) / 1e6 / seconds;
}

void Print(std::string_view what, double value, double raw, const std::string& note = {}) {
  fmt::print("{:44} {:8.0f} MB/s   raw {:8.0f} MB/s   {:5.1f} %   {}\n", what, value, raw,
             100 * value / raw, note);
}

otlp::Batch MakeRecord(uint64_t size) {
  SlabRef slab(Slab::New(size));
  std::memset(slab->data(), 'x', size);
  const std::byte* data = slab->data();
  otlp::Batch batch;
  batch.items = 512;
  batch.raw_size = size;
  batch.body = Rope(Slice(std::move(slab), data, size));
  return batch;
}

class Run {
 public:
  Run(const Setting& setting, bool sync) : setting_(setting), sync_(sync) { Open(); }

  void Open() {
    auto opened = SegmentJournal::Open({.directory = setting_.directory + "/journal",
                                        .name = "bench",
                                        .sync = sync_,
                                        .cache_size = 0},
                                       fs_, loop_);
    if (!opened.ok()) {
      fmt::print(stderr, "{}\n", opened.status().ToString());
      std::exit(1);
    }
    journal_ = std::move(*opened);
  }

  // Appends with a bounded number in flight; settles at once if asked to.
  double Append(uint64_t bytes, bool settle) {
    const otlp::Batch record = MakeRecord(setting_.record);
    const uint64_t total = bytes / setting_.record;
    uint64_t sent = 0;
    uint64_t done = 0;
    const auto start = Clock::now();
    loop_.RunUntil(
        [&] {
          while (sent < total && sent - done < kInFlight) {
            ++sent;
            journal_->Append(record, [&, settle](Result<Position>&& position) {
              if (!position.ok()) {
                fmt::print(stderr, "{}\n", position.status().ToString());
                std::exit(1);
              }
              ++done;
              if (settle) {
                journal_->Settle(*position, {.delivered = 512}, {});
              }
            });
          }
          return done == total;
        },
        std::chrono::minutes(10));
    return MegabytesPerSecond(done * setting_.record, start);
  }

  double Drain() {
    uint64_t bytes = 0;
    int in_flight = 0;
    Position next = 0;
    const auto start = Clock::now();
    loop_.RunUntil(
        [&] {
          while (in_flight < 10) {
            const auto info = journal_->NextPending(next);
            if (!info) {
              break;
            }
            next = info->position + 1;
            ++in_flight;
            journal_->Read({info->position}, [&, position = info->position](auto batches) {
              bytes += batches.front().ok() ? batches.front()->body.size() : 0;
              --in_flight;
              journal_->Settle(position, {.delivered = 512}, {});
            });
          }
          return in_flight == 0 && journal_->ledger().pending.requests == 0;
        },
        std::chrono::minutes(10));
    return MegabytesPerSecond(bytes, start);
  }

  void CloseAbruptly() { journal_.reset(); }
  void Clear() {
    journal_.reset();
    std::filesystem::remove_all(setting_.directory + "/journal");
  }
  Counters& counters() { return fs_.counters; }
  uint64_t disk_bytes() const { return journal_->stats().disk_bytes; }

 private:
  const Setting setting_;
  const bool sync_;
  ThreadLoop loop_;
  CountingFileSystem fs_;
  std::unique_ptr<SegmentJournal> journal_;
};

// The same bytes without a journal: as many files of a segment's size as the journal goes round in,
// preallocated and written once before, one after the other, in groups of the same size from a
// buffer that is as warm as the records are.
double RawWrite(const Setting& setting, uint64_t group, bool sync) {
  constexpr uint64_t kFile = uint64_t{64} << 20;
  constexpr size_t kFiles = 4;
  const std::string block(setting.record, 'x');
  const std::vector<ByteSpan> pieces(std::max<uint64_t>(1, group / setting.record), AsBytes(block));
  const uint64_t size = pieces.size() * setting.record;
  std::vector<std::unique_ptr<io::File>> files;
  std::vector<std::string> paths;
  const auto check = [](const Status& status) {
    if (!status.ok()) {
      fmt::print(stderr, "{}\n", status.ToString());
      std::exit(1);
    }
  };
  for (size_t i = 0; i < kFiles; ++i) {
    paths.push_back(fmt::format("{}/raw{}", setting.directory, i));
    files.push_back(
        std::move(io::PosixFileSystem().Open(paths.back(), io::OpenMode::kCreate)).value());
    check(files.back()->Allocate(kFile));
  }
  const auto pass = [&](uint64_t bytes) {
    uint64_t at = 0;
    size_t file = 0;
    for (uint64_t done = 0; done < bytes; done += size) {
      if (at + size > kFile) {
        at = 0;
        file = (file + 1) % kFiles;
      }
      check(files[file]->WriteAt(at, pieces));
      if (sync) {
        check(files[file]->Sync());
      }
      at += size;
    }
  };
  pass(kFile * kFiles);
  const auto start = Clock::now();
  pass(setting.bytes);
  const double speed = MegabytesPerSecond(setting.bytes, start);
  for (const std::string& path : paths) {
    std::filesystem::remove(path);
  }
  return speed;
}

// Every segment file from its beginning to its end.
double RawRead(const Setting& setting) {
  std::vector<std::byte> block(1 << 20);
  uint64_t bytes = 0;
  const auto start = Clock::now();
  for (const auto& entry : std::filesystem::directory_iterator(setting.directory + "/journal")) {
    if (entry.path().extension() != ".seg") {
      continue;
    }
    auto file =
        std::move(io::PosixFileSystem().Open(entry.path().string(), io::OpenMode::kRead)).value();
    for (uint64_t at = 0;; at += block.size()) {
      const Result<size_t> got = file->ReadAt(at, block);
      if (!got.ok() || *got == 0) {
        break;
      }
      bytes += *got;
    }
  }
  return MegabytesPerSecond(bytes, start);
}

// Rounds of the journal and of raw writes in turn, because disks have moods; the median round
// counts.
void BenchAppend(const Setting& setting, bool sync) {
  constexpr size_t kRounds = 15;
  struct Round {
    double speed;
    double raw;
    double group;
    double amplification;
  };
  std::vector<Round> rounds;
  Run run(setting, sync);
  run.Append(setting.bytes / 2, true);  // so that the segments are recycled ones
  Counters& counters = run.counters();
  for (size_t i = 0; i < kRounds; ++i) {
    counters.written = 0;
    counters.writes = 0;
    const double speed = run.Append(setting.bytes, true);
    const double group = static_cast<double>(setting.bytes) /
                         static_cast<double>(std::max<uint64_t>(1, counters.writes.load()));
    const uint64_t raw_group =
        std::max<uint64_t>(setting.record, static_cast<uint64_t>(group) / 4096 * 4096);
    rounds.push_back({.speed = speed,
                      .raw = RawWrite(setting, raw_group, sync),
                      .group = group,
                      .amplification = static_cast<double>(counters.written.load()) /
                                       static_cast<double>(setting.bytes)});
  }
  run.Clear();
  std::ranges::sort(rounds, {}, [](const Round& round) { return round.speed / round.raw; });
  const Round& median = rounds[kRounds / 2];
  const auto part = [](const Round& round) { return 100 * round.speed / round.raw; };
  Print(sync ? "append with sync" : "append without sync", median.speed, median.raw,
        fmt::format("rounds {:.0f}-{:.0f} %, group {:.0f} KiB, written {:.3f} x payload",
                    part(rounds.front()), part(rounds.back()), median.group / 1024,
                    median.amplification));
}

void BenchDrain(const Setting& setting) {
  Run run(setting, false);
  run.Append(setting.bytes, false);
  const double raw = RawRead(setting);
  run.CloseAbruptly();
  const auto start = Clock::now();
  run.Open();
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  fmt::print("{:44} {:8.3f} s for {} MiB of pending records\n", "recovery scan", seconds,
             setting.bytes >> 20);
  Print("sequential drain (from the page cache)", run.Drain(), raw);
  run.Clear();
}

int Main(int argc, char** argv) {
  Setting setting;
  setting.directory = (argc > 1 ? std::string(argv[1]) : ".") + "/journal_bench_data";
  const auto number = [&](int index, uint64_t fallback) {
    uint64_t value = fallback;
    if (argc > index) {
      std::from_chars(argv[index], argv[index] + std::strlen(argv[index]), value);
    }
    return std::max<uint64_t>(1, value);
  };
  setting.bytes = number(2, 1024) << 20;
  setting.record = number(3, 64) << 10;
  std::filesystem::create_directories(setting.directory);
  fmt::print("records of {} KiB, {} in flight, {} MiB\n", setting.record >> 10, kInFlight,
             setting.bytes >> 20);
  BenchAppend(setting, true);
  BenchAppend(setting, false);
  BenchDrain(setting);
  std::filesystem::remove_all(setting.directory);
  return 0;
}

}  // namespace
}  // namespace gapless::journal

int main(int argc, char** argv) { return gapless::journal::Main(argc, argv); }
