#include "base/bytes.h"
#include "base/component_id.h"
#include "base/sim_loop.h"
#include "base/status.h"

#include <gtest/gtest.h>

namespace gapless {
namespace {

TEST(StatusTest, OkIsFalseForEveryFailureFact) {
  const Status ok;
  EXPECT_TRUE(ok.ok());
  EXPECT_FALSE(ok.retryable());
  EXPECT_EQ(ok.ToString(), "OK");
}

TEST(StatusTest, RetryabilityFollowsTheCodeUntilAPeerAsksForADelay) {
  EXPECT_TRUE(Unavailable("x").retryable());
  EXPECT_FALSE(ResourceExhausted("x").retryable());
  EXPECT_TRUE(ResourceExhausted("x").WithRetryAfter(std::chrono::seconds(1)).retryable());
}

TEST(StatusTest, AnnotatePrependsContextAndKeepsFacts) {
  const Status status = Unavailable("refused").FromPeer().Annotate("exporter otlp/b");
  EXPECT_EQ(status.message(), "exporter otlp/b: refused");
  EXPECT_EQ(status.origin(), Origin::kPeer);
  EXPECT_EQ(status.code(), Code::kUnavailable);
}

TEST(RopeTest, AppendJoinsNeighboursOfOneSlab) {
  const Slice whole = Slice::CopyOf("abcdef");
  Rope rope(whole.Sub(0, 3));
  rope.Append(whole.Sub(3, 3));
  EXPECT_EQ(rope.slices().size(), 1u);
  EXPECT_EQ(rope.ToString(), "abcdef");
}

TEST(RopeTest, AppendingARopeToItselfDoublesIt) {
  Rope rope = Rope::CopyOf("ab");
  rope.Append(Slice::CopyOf("cd"));
  rope.Append(rope);
  EXPECT_EQ(rope.ToString(), "abcdabcd");
}

TEST(RopeTest, SubCrossesSlices) {
  Rope rope = Rope::CopyOf("abc");
  rope.Append(Slice::CopyOf("defg"));
  EXPECT_EQ(rope.Sub(2, 3).ToString(), "cde");
  EXPECT_EQ(rope.Sub(7, 0).ToString(), "");
}

TEST(SimLoopTest, TimersFireInOrderOfTimeThenCreation) {
  SimLoop loop;
  std::string order;
  const Timer b = loop.RunAfter(Duration(20), [&] { order += 'b'; });
  const Timer a = loop.RunAfter(Duration(10), [&] { order += 'a'; });
  const Timer c = loop.RunAfter(Duration(20), [&] { order += 'c'; });
  loop.AdvanceBy(Duration(15));
  EXPECT_EQ(order, "a");
  loop.AdvanceBy(Duration(15));
  EXPECT_EQ(order, "abc");
}

TEST(SimLoopTest, ADestroyedTimerNeverFires) {
  SimLoop loop;
  bool fired = false;
  {
    const Timer timer = loop.RunAfter(Duration(1), [&] { fired = true; });
  }
  loop.AdvanceBy(Duration(10));
  EXPECT_FALSE(fired);
}

TEST(ComponentIdTest, SplitsAtTheFirstSlashAndTrims) {
  const auto id = ComponentId::Parse(" otlp / a/b ");
  ASSERT_TRUE(id.ok());
  EXPECT_EQ(id->type, "otlp");
  EXPECT_EQ(id->name, "a/b");
}

TEST(ComponentIdTest, RefusesBadTypesAndNames) {
  for (const char* text : {"", "/x", "1a", "a-b", "otlp/", "otlp/a=b", "otlp/a b"}) {
    EXPECT_FALSE(ComponentId::Parse(text).ok()) << text;
  }
}

}  // namespace
}  // namespace gapless
