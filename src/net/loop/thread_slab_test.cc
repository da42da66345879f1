#include "net/loop/thread_slab.h"

#include <gtest/gtest.h>

namespace gapless::net {
namespace {

TEST(ThreadSlabTest, StartsOverWhileNobodyKeepsABytes) {
  ThreadSlab memory(100);
  const std::byte* front = memory.Room(10, 100).data();
  memory.Take(60);
  EXPECT_EQ(memory.Room(10, 100).data(), front);
}

TEST(ThreadSlabTest, PacksWhatIsKeptAndBeginsANewSlabWhenTheOldIsFull) {
  ThreadSlab memory(100);
  const Slice first = memory.Copy(AsBytes("first"));
  const Slice second = memory.Copy(AsBytes("second"));
  EXPECT_EQ(second.data(), first.data() + first.size());
  EXPECT_EQ(memory.Room(10, 20).size(), 20u);
  const Slice third = memory.Copy(AsBytes(std::string(95, 'x')));
  EXPECT_NE(third.slab().get(), first.slab().get());
  EXPECT_EQ(first.text(), "first");
  EXPECT_EQ(second.text(), "second");
  EXPECT_EQ(memory.Copy(AsBytes(std::string(500, 'y'))).size(), 500u) << "more than the capacity";
}

}  // namespace
}  // namespace gapless::net
