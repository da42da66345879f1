#include "base/bytes.h"
#include "base/component_id.h"
#include "base/sim_loop.h"
#include "base/status.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
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

TEST(RopeTest, GrowsFromOneSliceToManyAndIsEmptyOnceItsBytesMovedOn) {
  Rope rope = Rope::CopyOf("ab");
  rope.Append(rope);
  EXPECT_EQ(rope.ToString(), "abab");
  Rope one = Rope::CopyOf("c");
  rope.Append(std::move(one));
  EXPECT_EQ(rope.slices().size(), 3u);
  EXPECT_EQ(rope.ToString(), "ababc");
  Rope taker;
  taker.Append(std::move(rope));
  EXPECT_EQ(taker.ToString(), "ababc");
  taker.Clear();
  EXPECT_TRUE(taker.slices().empty());
  taker.Append(Slice::CopyOf("d"));
  EXPECT_EQ(taker.ToString(), "d");
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

std::string Repeat(std::string_view text, size_t times) {
  std::string all;
  for (size_t i = 0; i < times; ++i) {
    all += text;
  }
  return all;
}

TEST(ComponentIdTest, SplitsAtTheFirstSlashAndTrims) {
  const auto id = ComponentId::Parse(" otlp / a/b ");
  ASSERT_TRUE(id.ok());
  EXPECT_EQ(id->type, "otlp");
  EXPECT_EQ(id->name, "a/b");
}

TEST(ComponentIdTest, RefusesBadTypesAndNamesInUpstreamsWords) {
  struct Case {
    const char* situation;
    std::string text;
    std::string want;  // beginning of the message; empty: good
  };
  const auto type = [](std::string_view bad) {
    return fmt::format("in \"{0}\" id: invalid character(s) in type \"{0}\"", bad);
  };
  const auto name = [](std::string_view bad) {
    return fmt::format("in \"otlp/{0}\" id: invalid character(s) in name \"{0}\"", bad);
  };
  const Case cases[] = {
      {"a type", "otlp", ""},
      {"a name", "otlp/a", ""},
      {"a slash in the name", "otlp/a/b", ""},
      {"only a slash as name", "otlp//", ""},
      {"letters of any script in the name", "otlp/né中", ""},
      {"punctuation in the name", "otlp/a.b-c_d:e@f#1", ""},
      {"the longest type", std::string(63, 'a'), ""},
      {"the longest name, in characters", "otlp/" + Repeat("é", 1024), ""},
      {"nothing", "", "id must not be empty"},
      {"only spaces", "  ", "id must not be empty"},
      {"no type", "/x", "in \"/x\" id: the part before / should not be empty"},
      {"no name", "otlp/", "in \"otlp/\" id: the part after / should not be empty"},
      {"a name of spaces", "otlp/ ", "in \"otlp/ \" id: the part after / should not be empty"},
      {"a type that begins with a digit", "1a", type("1a")},
      {"a type with a hyphen", "a-b", type("a-b")},
      {"a type with a letter that is not ASCII", "né", type("né")},
      {"a type that is too long", std::string(64, 'a'), type(std::string(64, 'a'))},
      {"a symbol in the name", "otlp/a=b", name("a=b")},
      {"a currency symbol", "otlp/€", name("€")},
      {"a space in the name", "otlp/a b", name("a b")},
      {"a control character", "otlp/a\tb", name("a\tb")},
      {"an invisible character", "otlp/\u00ad", name("\u00ad")},
      {"a separator of Unicode", "otlp/a\u2028b", name("a\u2028b")},
      {"bytes that are no UTF-8", "otlp/\xff", name("\xff")},
      {"a name that is too long", "otlp/" + std::string(1025, 'a'),
       "in \"otlp…\" id: the part after / is longer than 1024 characters"},
  };
  for (const Case& c : cases) {
    const auto id = ComponentId::Parse(c.text);
    EXPECT_EQ(id.ok(), c.want.empty()) << c.situation;
    if (!id.ok()) {
      EXPECT_THAT(id.status().message(), testing::StartsWith(c.want)) << c.situation;
    }
  }
}

}  // namespace
}  // namespace gapless
