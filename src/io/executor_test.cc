#include "io/executor.h"

#include "io/inbox.h"

#include <algorithm>
#include <memory>

#include <gtest/gtest.h>

namespace gapless::io {
namespace {

TEST(ServiceThreadTest, RunsTasksInOrderAndAllOfThemBeforeItEnds) {
  std::vector<int> seen;
  {
    ServiceThread thread("io-test");
    for (int i = 0; i < 1000; ++i) {
      thread.Post([&seen, i] { seen.push_back(i); });
    }
  }
  ASSERT_EQ(seen.size(), 1000U);
  EXPECT_TRUE(std::ranges::is_sorted(seen));
}

TEST(ServiceThreadTest, ATaskMayPostAnother) {
  bool ran = false;
  {
    ServiceThread thread("io-test");
    thread.Post([&] { thread.Post([&] { ran = true; }); });
  }
  EXPECT_TRUE(ran);
}

TEST(InboxTest, WakesTheConsumerOncePerTake) {
  Inbox<std::unique_ptr<int>> inbox;
  EXPECT_TRUE(inbox.Push(std::make_unique<int>(1)));
  EXPECT_FALSE(inbox.Push(std::make_unique<int>(2)));
  EXPECT_EQ(inbox.TakeAll().size(), 2U);
  EXPECT_TRUE(inbox.Push(std::make_unique<int>(3)));
}

}  // namespace
}  // namespace gapless::io
