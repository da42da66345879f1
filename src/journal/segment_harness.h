// A SegmentJournal on a simulated disk and a simulated loop: what the tests of durability share.
#pragma once

#include "base/rng.h"
#include "io/executor.h"
#include "io/memory_file_system.h"
#include "journal/journal_harness.h"
#include "journal/segment_journal.h"

#include <map>
#include <memory>
#include <utility>

namespace gapless::journal {

class SegmentHarness final : public JournalHarness {
 public:
  static constexpr const char* kDirectory = "/data/journal";

  explicit SegmentHarness(SegmentJournalOptions options, uint64_t seed = 1)
      : options_(std::move(options)), rng_(seed) {
    options_.directory = kDirectory;
    options_.name = "exporter_test_traces";
    options_.recover_at_once = 1;
    options_.executors = {.writer = &executor_, .reader = &executor_, .closer = &executor_};
    const Status made = fs_.MakeDirectory("/data", 0700);
    EXPECT_TRUE(made.ok());
  }

  Journal& journal() override {
    if (!journal_) {
      EXPECT_TRUE(Open().ok());
    }
    return *journal_;
  }

  Status Open() {
    options_.seed = rng_.Next() | 1;
    auto opened = SegmentJournal::Open(options_, fs_, loop_);
    if (opened.ok()) {
      journal_ = std::move(*opened);
    }
    return opened.status();
  }

  // True if the journal said that it is closed.
  bool Close() {
    bool closed = false;
    journal().Close([&] { closed = true; });
    loop_.RunPosted();
    journal_.reset();
    loop_.RunPosted();
    return closed;
  }

  void Crash(io::CrashKind kind) {
    journal_.reset();
    loop_.RunPosted();
    fs_.Crash(kind, rng_);
  }

  bool Reopen(bool crash) override {
    if (crash) {
      Crash(options_.sync ? static_cast<io::CrashKind>(rng_.Below(3)) : io::CrashKind::kProcess);
    } else {
      EXPECT_TRUE(Close());
    }
    EXPECT_TRUE(Open().ok());
    return true;
  }

  // Long enough for a checkpoint.
  void Settle() { loop_.AdvanceBy(std::chrono::milliseconds(400)); }

  std::vector<std::string> SegmentPaths() {
    std::vector<std::string> paths;
    const auto entries = fs_.List(kDirectory);
    for (const io::DirectoryEntry& entry : *entries) {
      if (entry.name.ends_with(".seg")) {
        paths.push_back(io::JoinPath(kDirectory, entry.name));
      }
    }
    return paths;
  }

  // Everything in the directory, to damage one thing at a time.
  std::map<std::string, std::string> Files() {
    std::map<std::string, std::string> files;
    const auto entries = fs_.List(kDirectory);
    for (const io::DirectoryEntry& entry : *entries) {
      if (!entry.is_directory) {
        const std::string path = io::JoinPath(kDirectory, entry.name);
        files[path] = fs_.Content(path);
      }
    }
    return files;
  }
  void RestoreFiles(const std::map<std::string, std::string>& files) {
    for (const auto& [path, content] : Files()) {
      if (!files.contains(path)) {
        const Status removed = fs_.Remove(path);
        EXPECT_TRUE(removed.ok());
      }
    }
    for (const auto& [path, content] : files) {
      fs_.SetContent(path, content);
    }
  }

  io::MemoryFileSystem& fs() { return fs_; }
  SegmentJournalOptions& options() { return options_; }
  Rng& rng() { return rng_; }

 private:
  io::MemoryFileSystem fs_;
  io::LoopExecutor executor_{loop_};
  SegmentJournalOptions options_;
  Rng rng_;
  std::unique_ptr<SegmentJournal> journal_;
};

}  // namespace gapless::journal
