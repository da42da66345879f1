// The segment journal with its real threads and the real disk.
#include "io/posix_file_system.h"
#include "journal/journal_harness.h"
#include "journal/segment_journal.h"
#include "journal/thread_loop_test.h"

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <thread>

#include <gtest/gtest.h>

namespace gapless::journal {
namespace {

class SegmentThreadsTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "gapless_jr_XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  SegmentJournalOptions Options() const {
    return {.directory = directory_ + "/j",
            .name = "exporter_test_traces",
            .segment_size = 1 << 20,
            .cache_size = 64 * 1024};
  }
  std::unique_ptr<SegmentJournal> Open() {
    auto opened = SegmentJournal::Open(Options(), io::PosixFileSystem(), loop_);
    EXPECT_TRUE(opened.ok()) << opened.status().ToString();
    return std::move(*opened);
  }
  void Close(std::unique_ptr<SegmentJournal> journal) {
    bool closed = false;
    journal->Close([&] { closed = true; });
    EXPECT_TRUE(loop_.RunUntil([&] { return closed; }));
  }

  ThreadLoop loop_;
  std::string directory_;
};

TEST_F(SegmentThreadsTest, StoresReadsSettlesAndReturnsSpace) {
  constexpr int kRecords = 2000;
  auto journal = Open();
  int stored = 0;
  for (int i = 0; i < kRecords; ++i) {
    journal->Append(MakeBatch("record " + std::to_string(i) + std::string(3000, 'x')),
                    [&](Result<Position>&& position) { stored += position.ok() ? 1 : 0; });
  }
  ASSERT_TRUE(loop_.RunUntil([&] { return stored == kRecords; }));
  EXPECT_GT(journal->stats().disk_bytes, 5U << 20);
  int delivered = 0;
  int in_flight = 0;
  Position next = 0;
  ASSERT_TRUE(loop_.RunUntil([&] {
    while (in_flight < 10) {
      const auto info = journal->NextPending(next);
      if (!info) {
        break;
      }
      next = info->position + 1;
      ++in_flight;
      journal->Read({info->position}, [&, position = info->position](auto batches) {
        const Result<otlp::Batch>& batch = batches.front();
        ASSERT_TRUE(batch.ok()) << batch.status().ToString();
        ASSERT_TRUE(batch->body.ToString().starts_with("record " + std::to_string(delivered)));
        --in_flight;
        ++delivered;
        journal->Settle(position, Delivered(1), {});
      });
    }
    return delivered == kRecords;
  }));
  EXPECT_TRUE(loop_.RunUntil([&] { return journal->stats().disk_bytes <= 3U << 20; }));
  EXPECT_EQ(journal->ledger().delivered.requests, static_cast<uint64_t>(kRecords));
  Close(std::move(journal));
}

TEST_F(SegmentThreadsTest, AppendsThatComeTogetherShareTheirWritesAndSurviveAnAbruptEnd) {
  auto journal = Open();
  std::vector<Position> stored;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 50; ++i) {
      journal->Append(MakeBatch(std::string(200, 'y')),
                      [&](Result<Position>&& position) { stored.push_back(*position); });
    }
  }
  ASSERT_TRUE(loop_.RunUntil([&] { return stored.size() >= 500; }));
  const size_t acknowledged = stored.size();
  journal.reset();  // as it stands: what is in flight may or may not be there
  journal = Open();
  EXPECT_GE(journal->ledger().pending.requests, acknowledged);
  EXPECT_LE(journal->ledger().pending.requests, 1000U);
  for (size_t i = 0; i < acknowledged; ++i) {
    ASSERT_EQ(journal->NextPending(stored[i])->position, stored[i]);
  }
  Close(std::move(journal));
}

TEST_F(SegmentThreadsTest, IsRecoveredOnAnyThreadAndThenPutOnItsLoop) {
  auto journal = Open();
  std::vector<Position> stored;
  for (int i = 0; i < 300; ++i) {
    journal->Append(MakeBatch("record " + std::to_string(i) + std::string(5000, 'x')),
                    [&](Result<Position>&& position) { stored.push_back(*position); });
  }
  ASSERT_TRUE(loop_.RunUntil([&] { return stored.size() == 300; }));
  Close(std::move(journal));
  std::optional<RecoveredJournal> recovered;
  std::jthread([&] {
    auto found = RecoverSegmentJournal(Options(), io::PosixFileSystem());
    ASSERT_TRUE(found.ok()) << found.status().ToString();
    recovered.emplace(std::move(*found));
  }).join();
  ASSERT_TRUE(recovered.has_value());
  EXPECT_EQ(RecoverSegmentJournal(Options(), io::PosixFileSystem()).status().code(),
            Code::kFailedPrecondition)
      << "it is locked";
  journal = std::make_unique<SegmentJournal>(std::move(*recovered), loop_);
  EXPECT_EQ(journal->ledger().pending.requests, 300U);
  std::string body;
  journal->Read({stored.back()}, [&](auto batches) { body = batches.front()->body.ToString(); });
  ASSERT_TRUE(loop_.RunUntil([&] { return !body.empty(); }));
  EXPECT_TRUE(body.starts_with("record 299"));
  Close(std::move(journal));
}

TEST_F(SegmentThreadsTest, IsGoneWithoutATraceInMemoryWhileReadsAreUnderWay) {
  auto journal = Open();
  int stored = 0;
  for (int i = 0; i < 200; ++i) {
    journal->Append(MakeBatch(std::string(5000, 'z')), [&](Result<Position>&&) { ++stored; });
  }
  ASSERT_TRUE(loop_.RunUntil([&] { return stored == 200; }));
  int answers = 0;
  for (Position position = 1; position < 100; ++position) {
    journal->Read({position}, [&](auto) { ++answers; });
  }
  journal.reset();
  loop_.RunUntil([&] { return true; });
  EXPECT_LT(answers, 100);
}

}  // namespace
}  // namespace gapless::journal
