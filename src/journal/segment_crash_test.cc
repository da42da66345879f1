// The process dies in every disk call in turn; nothing that was acknowledged is lost.
#include "journal/segment_harness.h"

#include <set>

#include <gtest/gtest.h>

namespace gapless::journal {
namespace {

// Appends, reads, settles, debts, checkpoints, recycled files, and segments that are emptied by
// moving what is left in them.
class Life {
 public:
  explicit Life(SegmentHarness& harness) : harness_(harness) {}

  void Run() {
    if (!harness_.Open().ok()) {
      return;
    }
    const ReaderId primary = harness_.journal().RegisterReader("otlp/primary");
    for (int i = 0; i < 90; ++i) {
      const std::string body(static_cast<size_t>(900 + i), static_cast<char>('a' + i % 26));
      const auto position = harness_.Append(MakeBatch(body));
      if (!position.ok()) {
        continue;
      }
      if (i % 30 == 7) {
        harness_.journal().Settle(*position, Delivered(1), {primary});
        held_[*position] = body;
      } else if (i % 30 == 0 || i >= 85) {
        held_[*position] = body;
      } else {
        harness_.journal().Settle(*position, Delivered(1), {});
      }
      if (i % 8 == 7) {
        harness_.Settle();
      }
    }
    for (int i = 0; i < 20; ++i) {
      harness_.journal().SetUserState(std::to_string(i));
      harness_.Settle();
    }
  }

  // After a crash: what was acknowledged is pending or owed, and comes back as it was.
  void CheckSurvival() {
    std::set<Position> found;
    for (const Position position : harness_.Pending()) {
      found.insert(position);
    }
    for (const Position position :
         harness_.Owed(harness_.journal().RegisterReader("otlp/primary"))) {
      found.insert(position);
    }
    for (const auto& [position, body] : held_) {
      ASSERT_TRUE(found.contains(position)) << position;
      const auto batch = harness_.Read(position);
      ASSERT_TRUE(batch.ok()) << batch.status().ToString();
      ASSERT_EQ(batch->body.ToString(), body);
    }
    EXPECT_TRUE(harness_.journal().ledger().Balanced());
    EXPECT_EQ(harness_.journal().ledger().dropped_total(), Amount{});
  }

 private:
  SegmentHarness& harness_;
  std::map<Position, std::string> held_;
};

SegmentJournalOptions Small() { return {.segment_size = 16 * 1024, .cache_size = 0}; }

TEST(SegmentCrashTest, TheProcessMayDieInAnyCallAndNothingAcknowledgedIsLost) {
  uint64_t calls = 0;
  {
    SegmentHarness harness(Small());
    Life life(harness);
    const uint64_t before = harness.fs().calls();
    life.Run();
    calls = harness.fs().calls() - before;
    ASSERT_LE(harness.SegmentPaths().size(), 4U) << "sparse segments were emptied";
  }
  ASSERT_GT(calls, 200U);
  for (const io::CrashKind kind :
       {io::CrashKind::kProcess, io::CrashKind::kPower, io::CrashKind::kTorn}) {
    for (uint64_t n = 1; n <= calls; ++n) {
      SCOPED_TRACE("crash " + std::to_string(static_cast<int>(kind)) + " in call " +
                   std::to_string(n));
      SegmentHarness harness(Small(), n);
      Life life(harness);
      harness.fs().StopAt(n);
      life.Run();
      harness.Crash(kind);
      ASSERT_TRUE(harness.Open().ok());
      life.CheckSurvival();
      if (HasFailure()) {
        return;
      }
    }
  }
}

}  // namespace
}  // namespace gapless::journal
