#include "journal/inspect.h"

#include "journal/segment_harness.h"

#include <gtest/gtest.h>

namespace gapless::journal {
namespace {

constexpr const char* kJournal = SegmentHarness::kDirectory;

class InspectTest : public testing::Test {
 protected:
  void SetUp() override {
    const ReaderId reader = harness_.journal().RegisterReader("otlp/primary");
    for (int i = 0; i < 5; ++i) {
      positions_.push_back(*harness_.Append(
          MakeBatch("record " + std::to_string(i), 2, {{"tenant", std::to_string(i)}})));
      harness_.loop().AdvanceBy(std::chrono::seconds(1));
    }
    harness_.journal().Settle(positions_[0], Delivered(2), {});
    harness_.journal().Settle(positions_[1], Delivered(2), {reader});
  }
  void Stop() { ASSERT_TRUE(harness_.Close()); }

  SegmentHarness harness_{{.segment_size = 16 * 1024}};
  std::vector<Position> positions_;
};

TEST_F(InspectTest, ListsTheJournalsOfAStorageWithWhatIsPendingForWhom) {
  Stop();
  const auto list = ListJournals(harness_.fs(), "/data");
  ASSERT_TRUE(list.ok()) << list.status().ToString();
  ASSERT_EQ(list->size(), 1U);
  const JournalSummary& summary = list->front();
  EXPECT_EQ(summary.name, "exporter_test_traces");
  EXPECT_FALSE(summary.in_use);
  EXPECT_EQ(summary.ledger.pending, (Amount{3, 6, 24}));
  EXPECT_EQ(summary.ledger.delivered.requests, 2U);
  ASSERT_EQ(summary.debts.size(), 1U);
  EXPECT_EQ(summary.debts[0].reader, "otlp/primary");
  EXPECT_EQ(summary.debts[0].records, 1U);
  EXPECT_EQ(*summary.newest - *summary.oldest, std::chrono::seconds(2));
  EXPECT_EQ(summary.disk_bytes, 16U * 1024);
}

TEST_F(InspectTest, AJournalInUseIsListedButNotWalked) {
  const auto list = ListJournals(harness_.fs(), kJournal);
  ASSERT_TRUE(list.ok());
  EXPECT_TRUE(list->front().in_use);
  EXPECT_EQ(InspectJournal(harness_.fs(), kJournal).status().code(), Code::kFailedPrecondition);
  EXPECT_EQ(VerifyJournal(harness_.fs(), kJournal).status().code(), Code::kFailedPrecondition);
}

TEST_F(InspectTest, VerifyFindsARecordWhoseContentChanged) {
  Stop();
  const auto sound = VerifyJournal(harness_.fs(), kJournal);
  ASSERT_TRUE(sound.ok());
  EXPECT_TRUE(sound->sound());
  EXPECT_EQ(sound->records, 4U);
  const auto paths = harness_.SegmentPaths();
  std::string content = harness_.fs().Content(paths[0]);
  content[content.find("record 3")] = 'R';
  harness_.fs().SetContent(paths[0], content);
  const auto damaged = VerifyJournal(harness_.fs(), kJournal);
  ASSERT_TRUE(damaged.ok());
  EXPECT_FALSE(damaged->sound());
  EXPECT_EQ(damaged->damaged_records, 1U);
  ASSERT_EQ(damaged->damage.size(), 1U);
  EXPECT_NE(damaged->damage[0].find(paths[0]), std::string::npos);
}

TEST_F(InspectTest, VerifyNamesThePlaceOfEveryDamage) {
  Stop();
  const auto paths = harness_.SegmentPaths();
  std::string content = harness_.fs().Content(paths[0]);
  content[content.find("record 2") - 30] ^= 1;  // in the header before it
  harness_.fs().SetContent(paths[0], content);
  const auto report = VerifyJournal(harness_.fs(), kJournal);
  ASSERT_TRUE(report.ok());
  EXPECT_FALSE(report->sound());
  EXPECT_EQ(report->damaged_places, 1U);
  ASSERT_EQ(report->damage.size(), 1U);
  EXPECT_TRUE(report->damage[0].starts_with(paths[0] + " at ")) << report->damage[0];
}

TEST_F(InspectTest, InspectTellsSegmentsCheckpointAndWhoHasIt) {
  const auto busy = ListJournals(harness_.fs(), kJournal);
  ASSERT_TRUE(busy.ok());
  EXPECT_TRUE(busy->front().holder.starts_with("pid "));
  Stop();
  const auto summary = InspectJournal(harness_.fs(), kJournal);
  ASSERT_TRUE(summary.ok());
  EXPECT_EQ(summary->holder, "");
  ASSERT_EQ(summary->segments.size(), 1U);
  EXPECT_EQ(summary->segments[0].path, harness_.SegmentPaths()[0]);
  EXPECT_EQ(summary->segments[0].records, 4U);
  EXPECT_EQ(summary->segments[0].bytes, 16U * 1024);
  EXPECT_GT(summary->checkpoint_sequence, 0U);
  EXPECT_EQ(summary->counted, positions_.back() + 1);
}

TEST_F(InspectTest, ReplayHandsOutATimeRangeAndLeavesEverythingInPlace) {
  Stop();
  const auto all = InspectJournal(harness_.fs(), kJournal);
  const auto files = harness_.Files();
  std::vector<std::string> bodies;
  const auto collect = [&](const RecordInfo& info, otlp::Batch batch) {
    EXPECT_EQ(info.items, 2U);
    bodies.push_back(batch.body.ToString() + "@" + batch.metadata->at(0).second);
    return OkStatus();
  };
  ReplayReport report;
  ASSERT_TRUE(ReplayJournal(harness_.fs(), kJournal, {}, collect, &report).ok());
  EXPECT_EQ(report.records, 4U);
  EXPECT_EQ(bodies,
            (std::vector<std::string>{"record 1@1", "record 2@2", "record 3@3", "record 4@4"}));
  bodies.clear();
  const ReplayRange range{.from = *all->oldest, .to = *all->newest, .owed = false};
  ASSERT_TRUE(ReplayJournal(harness_.fs(), kJournal, range, collect, &report).ok());
  EXPECT_EQ(bodies, (std::vector<std::string>{"record 2@2", "record 3@3"}));
  const Status stopped = ReplayJournal(
      harness_.fs(), kJournal, {},
      [](const RecordInfo&, const otlp::Batch&) { return Unavailable("the endpoint is down"); },
      &report);
  EXPECT_EQ(stopped.code(), Code::kUnavailable);
  auto after = harness_.Files();
  after["/data/journal/lock"] = files.at("/data/journal/lock");
  EXPECT_TRUE(after == files);
}

TEST_F(InspectTest, SomethingElseIsNoJournal) {
  EXPECT_EQ(InspectJournal(harness_.fs(), "/data").status().code(), Code::kNotFound);
  EXPECT_EQ(ListJournals(harness_.fs(), "/none").status().code(), Code::kNotFound);
}

}  // namespace
}  // namespace gapless::journal
