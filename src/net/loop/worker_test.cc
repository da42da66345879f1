#include "net/loop/worker.h"

#include "net/loop/fd.h"

#include <atomic>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace gapless::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(WorkerTest, RunsPostedTasksInOrder) {
  Worker worker;
  std::vector<int> seen;
  for (int i = 0; i < 5; ++i) {
    worker.Post([&, i] { seen.push_back(i); });
  }
  EXPECT_TRUE(worker.RunUntil([&] { return seen.size() == 5; }, seconds(5)));
  EXPECT_EQ(seen, (std::vector{0, 1, 2, 3, 4}));
}

TEST(WorkerTest, WakesUpForTasksOfOtherThreads) {
  Worker worker;
  worker.Start();
  std::atomic<int> ran = 0;
  constexpr int kPerThread = 1000;
  {
    std::vector<std::jthread> posters;
    for (int t = 0; t < 4; ++t) {
      posters.emplace_back([&] {
        for (int i = 0; i < kPerThread; ++i) {
          worker.Post([&] {
            EXPECT_TRUE(worker.InThread());
            ++ran;
          });
        }
      });
    }
  }
  worker.Stop();
  worker.Join();
  EXPECT_EQ(ran, 4 * kPerThread) << "Stop runs what is in the mailbox";
}

TEST(WorkerTest, TimersFireInOrderAndNotEarly) {
  Worker worker;
  std::vector<int> seen;
  const TimePoint begin = worker.Now();
  Timer late = worker.RunAfter(milliseconds(20), [&] {
    seen.push_back(2);
    EXPECT_GE(worker.Now() - begin, milliseconds(20));
  });
  Timer early = worker.RunAfter(milliseconds(5), [&] { seen.push_back(1); });
  Timer cancelled = worker.RunAfter(milliseconds(1), [&] { seen.push_back(0); });
  cancelled.Cancel();
  EXPECT_TRUE(worker.RunUntil([&] { return seen.size() == 2; }, seconds(5)));
  EXPECT_EQ(seen, (std::vector{1, 2}));
}

TEST(WorkerTest, AWatchMayEndItselfAndOthersOfTheSameTurn) {
  Worker worker;
  int pair_a[2];
  int pair_b[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair_a), 0);
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair_b), 0);
  Fd fds[] = {Fd(pair_a[0]), Fd(pair_a[1]), Fd(pair_b[0]), Fd(pair_b[1])};
  int calls = 0;
  IoWatch first;
  IoWatch second;
  auto callback = [&](uint32_t events) {
    EXPECT_TRUE(events & kIoRead);
    ++calls;
    first.Reset();
    second.Reset();
  };
  first = worker.Watch(pair_a[0], kIoRead, callback);
  second = worker.Watch(pair_b[0], kIoRead, callback);
  ASSERT_EQ(write(pair_a[1], "x", 1), 1);
  ASSERT_EQ(write(pair_b[1], "x", 1), 1);
  EXPECT_TRUE(worker.RunUntil([&] { return calls > 0; }, seconds(5)));
  EXPECT_FALSE(worker.RunUntil([&] { return calls > 1; }, milliseconds(20)));
}

TEST(WorkerTest, DestroysTasksThatNeverRan) {
  auto token = std::make_shared<int>(1);
  {
    Worker worker;
    worker.Post([token] {});
    EXPECT_EQ(token.use_count(), 2);
  }
  EXPECT_EQ(token.use_count(), 1);
}

}  // namespace
}  // namespace gapless::net
