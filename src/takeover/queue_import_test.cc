#include "takeover/queue_import.h"

#include "io/memory_file_system.h"
#include "journal/segment_journal.h"
#include "net/loop/worker.h"
#include "takeover/import_progress.h"
#include "takeover/test_queue_file.h"
#include "tests/support/otlp_builder.h"

#include <map>

#include <gtest/gtest.h>

namespace gapless::takeover {
namespace {

const std::string kFile = "/data/exporter_otlp_a_traces";

class QueueImportTest : public ::testing::Test {
 protected:
  QueueImportTest() {
    EXPECT_TRUE(fs_.MakeDirectory("/data", 0700).ok());
    for (int i = 0; i < 1300; ++i) {
      values_.push_back(testing::BuildTraces({.prefix = std::to_string(i)}));
    }
  }

  journal::SegmentJournalOptions Journal() const {
    return {.directory = "/data/journal", .name = "exporter_otlp_a_traces"};
  }
  Result<ImportReport> Import(std::stop_token stop = {}) {
    return ImportQueue({.file = kFile, .signal = otlp::Signal::kTraces, .journal = Journal()}, fs_,
                       std::move(stop));
  }
  // What the journal holds, in its order.
  std::vector<std::string> Held() {
    net::Worker loop;
    auto journal = *journal::SegmentJournal::Open(Journal(), fs_, loop);
    std::vector<std::string> bodies;
    for (auto info = journal->NextPending(0); info;
         info = journal->NextPending(info->position + 1)) {
      bool read = false;
      journal->Read({info->position}, [&](std::vector<Result<otlp::Batch>> batches) {
        read = true;
        EXPECT_TRUE(batches.front().ok());
        bodies.push_back(otlp::Inflate(*std::move(batches.front()))->body.ToString());
      });
      EXPECT_TRUE(loop.RunUntil([&read] { return read; }, std::chrono::seconds(10)));
    }
    return bodies;
  }
  bool Exists(const std::string& path) { return fs_.IsDirectory(path).ok(); }

  io::MemoryFileSystem fs_;
  std::vector<std::string> values_;
};

TEST_F(QueueImportTest, EverythingComesInOrderAndTheFileIsPutAside) {
  WriteTestFile(fs_, kFile, TestQueueFile::Of(values_, 4).Bytes());
  const auto report = Import();
  ASSERT_TRUE(report.ok()) << report.status().ToString();
  EXPECT_EQ(report->requests, 1300u);
  EXPECT_EQ(report->items, 1300u);
  EXPECT_EQ(report->dispatched, 4u);
  EXPECT_EQ(report->left, 0u);
  EXPECT_EQ(report->moved, kFile + ".imported");
  EXPECT_FALSE(Exists(kFile));
  EXPECT_TRUE(Exists(kFile + ".imported"));
  EXPECT_FALSE(Exists(ProgressPath(kFile)));
  EXPECT_EQ(Held(), values_);
  EXPECT_EQ(Import().status().code(), Code::kNotFound) << "once";
}

TEST_F(QueueImportTest, AnEarlierFileThatWasPutAsideStays) {
  WriteTestFile(fs_, kFile + ".imported", "of last year");
  WriteTestFile(fs_, kFile, TestQueueFile::Of({values_[0]}).Bytes());
  EXPECT_EQ(Import()->moved, kFile + ".imported.2");
}

TEST_F(QueueImportTest, WhatIsNoOtlpDataIsCountedAndPassedOver) {
  WriteTestFile(fs_, kFile,
                TestQueueFile::Of({values_[0], "rubbish", values_[1], "", values_[2]}).Bytes());
  const auto report = Import();
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->requests, 3u);
  EXPECT_EQ(report->unreadable, 1u) << "an empty request is nothing that could be lost";
  EXPECT_EQ(Held(), (std::vector<std::string>{values_[0], values_[1], values_[2]}));
}

TEST_F(QueueImportTest, AFileThatACollectorHoldsIsLeftAlone) {
  WriteTestFile(fs_, kFile, TestQueueFile::Of(values_).Bytes());
  const auto lock = fs_.LockForeign(kFile);
  EXPECT_EQ(Import().status().code(), Code::kFailedPrecondition);
  EXPECT_TRUE(Exists(kFile));
}

TEST_F(QueueImportTest, WhatFindsNoRoomIsImportedTheNextTime) {
  std::vector<std::string> values;
  for (int i = 0; i < 40; ++i) {
    values.push_back(testing::BuildTraces({.items = 2000, .prefix = std::to_string(i)}));
  }
  WriteTestFile(fs_, kFile, TestQueueFile::Of(values).Bytes());
  const uint64_t needed = fs_.used();
  fs_.SetCapacity(fs_.used() + needed / 2);
  auto first = Journal();
  first.segment_size = uint64_t{1} << 20;
  const auto some =
      ImportQueue({.file = kFile, .signal = otlp::Signal::kTraces, .journal = first}, fs_, {});
  ASSERT_TRUE(some.ok()) << some.status().ToString();
  EXPECT_GT(some->left, 0u);
  EXPECT_FALSE(some->no_room.ok());
  EXPECT_TRUE(some->moved.empty());
  EXPECT_TRUE(Exists(kFile));
  fs_.SetCapacity(needed * 10);
  const auto rest = Import();
  ASSERT_TRUE(rest.ok()) << rest.status().ToString();
  EXPECT_EQ(rest->left, 0u);
  EXPECT_EQ(rest->before + rest->left + some->left, 40u);
  std::vector<std::string> held = Held();
  std::ranges::sort(held);
  held.erase(std::ranges::unique(held).begin(), held.end());
  std::ranges::sort(values);
  EXPECT_EQ(held, values);
}

TEST_F(QueueImportTest, ProgressOfAnotherContentDoesNotCount) {
  ASSERT_TRUE(WriteProgress(fs_, kFile, {.transaction = 3, .size = 4096, .done = 1}).ok());
  WriteTestFile(fs_, kFile, TestQueueFile::Of({values_[0], values_[1]}).Bytes());
  EXPECT_EQ(Import()->requests, 2u);
}

// Whenever the process dies, the next import brings the rest: nothing is lost, and no more than one
// group comes twice.
TEST_F(QueueImportTest, AnImportThatWasKilledGoesOn) {
  const std::string bytes = TestQueueFile::Of(values_).Bytes();
  for (const uint64_t stop_at : {6U, 11U, 16U, 22U, 30U, 45U, 70U}) {
    for (const io::CrashKind kind : {io::CrashKind::kProcess, io::CrashKind::kPower}) {
      io::MemoryFileSystem fs;
      ASSERT_TRUE(fs.MakeDirectory("/data", 0700).ok());
      ASSERT_TRUE(fs.SyncDirectory("/").ok());
      WriteTestFile(fs, kFile, bytes);
      const QueueImport import{
          .file = kFile, .signal = otlp::Signal::kTraces, .journal = Journal()};
      Rng rng(stop_at);
      fs.StopAt(stop_at);
      static_cast<void>(ImportQueue(import, fs, {}));
      fs.Crash(kind, rng);
      const auto rest = ImportQueue(import, fs, {});
      ASSERT_TRUE(rest.ok() || rest.status().code() == Code::kNotFound)
          << stop_at << ": " << rest.status().ToString();
      net::Worker loop;
      auto journal = *journal::SegmentJournal::Open(Journal(), fs, loop);
      EXPECT_GE(journal->ledger().pending.requests, values_.size()) << stop_at;
      EXPECT_LE(journal->ledger().pending.requests, values_.size() + 1000) << stop_at;
    }
  }
}

}  // namespace
}  // namespace gapless::takeover
