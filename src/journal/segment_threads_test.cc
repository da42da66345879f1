// The segment journal with its real threads and the real disk.
#include "base/timer_queue.h"
#include "io/posix_file_system.h"
#include "journal/journal_harness.h"
#include "journal/segment_journal.h"

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <functional>
#include <mutex>

#include <gtest/gtest.h>

namespace gapless::journal {
namespace {

// A loop whose Post may be called from any thread; the test runs it.
class TestLoop final : public Loop {
 public:
  void Post(Task task) override {
    const std::lock_guard lock(mu_);
    tasks_.push_back(std::move(task));
    wake_.notify_one();
  }
  bool InThread() const override { return true; }
  TimePoint Now() const override {
    return TimePoint(std::chrono::steady_clock::now().time_since_epoch());
  }
  WallTime WallNow() const override {
    return WallTime(std::chrono::system_clock::now().time_since_epoch());
  }
  Timer RunAt(TimePoint when, Task task) override { return timers_.Add(when, std::move(task)); }

  // Runs tasks and timers until `done` or ten seconds have passed.
  bool RunUntil(const std::function<bool()>& done) {
    const TimePoint deadline = Now() + std::chrono::seconds(10);
    while (!done()) {
      if (Now() > deadline) {
        return false;
      }
      std::deque<Task> tasks;
      {
        std::unique_lock lock(mu_);
        wake_.wait_for(lock, std::chrono::milliseconds(20), [&] { return !tasks_.empty(); });
        tasks.swap(tasks_);
      }
      for (Task& task : tasks) {
        task();
      }
      timers_.RunDue(Now());
    }
    return true;
  }

 private:
  std::mutex mu_;
  std::condition_variable wake_;
  std::deque<Task> tasks_;
  TimerQueue timers_;
};

class SegmentThreadsTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "gapless_jr_XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::unique_ptr<SegmentJournal> Open() {
    auto opened = SegmentJournal::Open({.directory = directory_ + "/j",
                                        .name = "exporter_test_traces",
                                        .segment_size = 1 << 20,
                                        .cache_size = 64 * 1024},
                                       io::PosixFileSystem(), loop_);
    EXPECT_TRUE(opened.ok()) << opened.status().ToString();
    return std::move(*opened);
  }
  void Close(std::unique_ptr<SegmentJournal> journal) {
    bool closed = false;
    journal->Close([&] { closed = true; });
    EXPECT_TRUE(loop_.RunUntil([&] { return closed; }));
  }

  TestLoop loop_;
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
      journal->Read(info->position, [&, position = info->position](Result<otlp::Batch>&& batch) {
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

TEST_F(SegmentThreadsTest, IsGoneWithoutATraceInMemoryWhileReadsAreUnderWay) {
  auto journal = Open();
  int stored = 0;
  for (int i = 0; i < 200; ++i) {
    journal->Append(MakeBatch(std::string(5000, 'z')), [&](Result<Position>&&) { ++stored; });
  }
  ASSERT_TRUE(loop_.RunUntil([&] { return stored == 200; }));
  int answers = 0;
  for (Position position = 1; position < 100; ++position) {
    journal->Read(position, [&](Result<otlp::Batch>&&) { ++answers; });
  }
  journal.reset();
  loop_.RunUntil([&] { return true; });
  EXPECT_LT(answers, 100);
}

}  // namespace
}  // namespace gapless::journal
