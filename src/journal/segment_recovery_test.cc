// What a start finds: damage, old lives of files, other people's directories.
#include "journal/segment_harness.h"

#include <map>
#include <set>

#include <gtest/gtest.h>

namespace gapless::journal {
namespace {

SegmentJournalOptions Small(uint64_t cache = 0) {
  return {.segment_size = 16 * 1024, .cache_size = cache};
}

const Amount& Dropped(const Journal& journal, DropReason reason) {
  return journal.ledger().dropped[static_cast<size_t>(reason)];
}

TEST(SegmentRecoveryTest, WhatWasAcknowledgedSurvivesAPowerLossWithoutACheckpoint) {
  SegmentHarness harness(Small());
  std::vector<Position> positions;
  for (int i = 0; i < 50; ++i) {
    positions.push_back(
        *harness.Append(MakeBatch(std::string(1000, static_cast<char>('a' + i % 26)))));
  }
  harness.Crash(io::CrashKind::kPower);
  ASSERT_TRUE(harness.Open().ok());
  EXPECT_EQ(harness.Pending(), positions);
  EXPECT_EQ(harness.journal().ledger().accepted, (Amount{50, 50, 50'000}));
  EXPECT_EQ(harness.Read(positions[30])->body.ToString(), std::string(1000, 'e'));
  EXPECT_GT(*harness.Append(MakeBatch("next")), positions.back());
}

TEST(SegmentRecoveryTest, AStaleCheckpointMeansRepeatsAndNoLoss) {
  SegmentHarness harness(Small());
  const Position a = *harness.Append(MakeBatch("a"));
  const Position b = *harness.Append(MakeBatch("b"));
  harness.Settle();
  harness.journal().Settle(a, Delivered(1), {});
  harness.Crash(io::CrashKind::kProcess);
  ASSERT_TRUE(harness.Open().ok());
  EXPECT_EQ(harness.Pending(), (std::vector<Position>{a, b}));
  EXPECT_TRUE(harness.journal().ledger().Balanced());
  EXPECT_EQ(harness.journal().ledger().accepted.requests, 2U);
}

TEST(SegmentRecoveryTest, SpaceReturnsWhenRecordsAreSettled) {
  SegmentHarness harness(Small());
  for (int round = 0; round < 20; ++round) {
    std::vector<Position> positions;
    for (int i = 0; i < 20; ++i) {
      positions.push_back(*harness.Append(MakeBatch(std::string(2000, 'x'))));
    }
    for (const Position position : positions) {
      harness.journal().Settle(position, Delivered(1), {});
    }
    harness.Settle();
  }
  EXPECT_LE(harness.SegmentPaths().size(), 10U) << "some are kept for the next burst";
  harness.loop().AdvanceBy(std::chrono::seconds(3));
  // The active segment, a spare, and one that was sealed after the last checkpoint.
  EXPECT_LE(harness.journal().stats().disk_bytes, 3U * 16 * 1024);
  EXPECT_LE(harness.SegmentPaths().size(), 3U);
  ASSERT_TRUE(harness.Close());
  EXPECT_TRUE(harness.SegmentPaths().empty()) << "a journal that is closed empty takes no space";
  ASSERT_TRUE(harness.Open().ok());
  EXPECT_GT(*harness.Append(MakeBatch("next")), 400U);
  EXPECT_EQ(harness.journal().ledger().delivered.requests, 400U);
}

// Its space is given back by the last close, for which the journal's loop must not wait.
TEST(SegmentRecoveryTest, RemovedFilesAreClosedByTheirExecutor) {
  class Kept final : public io::Executor {
   public:
    void Post(Task task) override { tasks_.push_back(std::move(task)); }
    size_t count() const { return tasks_.size(); }

   private:
    std::vector<Task> tasks_;
  };
  Kept closer;
  SegmentHarness harness(Small());
  harness.options().executors.closer = &closer;
  std::vector<Position> positions;
  for (int i = 0; i < 40; ++i) {
    positions.push_back(*harness.Append(MakeBatch(std::string(2000, 'x'))));
  }
  harness.Settle();
  EXPECT_EQ(closer.count(), 0U);
  const size_t files = harness.SegmentPaths().size();
  for (const Position position : positions) {
    harness.journal().Settle(position, Delivered(1), {});
  }
  harness.Settle();
  EXPECT_EQ(closer.count(), files - 1) << "all but the active one";
}

TEST(SegmentRecoveryTest, ASparseSegmentIsEmptiedByMovingItsRecords) {
  SegmentHarness harness(Small());
  std::map<Position, std::string> kept;
  for (int i = 0; i < 200; ++i) {
    const std::string body(1000, static_cast<char>('a' + i % 26));
    otlp::Batch made = MakeBatch(body, 1, {{"tenant", "a"}});
    made.lanes = uint64_t{1} << i % 26;
    const Position position = *harness.Append(made);
    if (i % 20 == 0) {
      kept[position] = body;
    } else {
      harness.journal().Settle(position, Delivered(1), {});
    }
  }
  for (int i = 0; i < 60; ++i) {
    harness.journal().SetUserState(std::to_string(i));
    harness.Settle();
  }
  EXPECT_LE(harness.SegmentPaths().size(), 5U) << "ten records had a segment each";
  for (int pass = 0; pass < 2; ++pass) {
    EXPECT_EQ(harness.Pending().size(), kept.size());
    for (const auto& [position, body] : kept) {
      const auto batch = harness.Read(position);
      ASSERT_TRUE(batch.ok()) << batch.status().ToString();
      EXPECT_EQ(batch->body.ToString(), body);
      EXPECT_EQ(batch->metadata->at(0).second, "a");
      EXPECT_EQ(batch->lanes, uint64_t{1} << (body[0] - 'a'));
      EXPECT_EQ(harness.journal().NextPending(position)->lanes, batch->lanes);
    }
    harness.Reopen(true);
  }
}

TEST(SegmentRecoveryTest, NeitherAnOldLifeNorAnEmbeddedRecordIsEverTakenForARecord) {
  SegmentHarness harness(Small());
  std::set<Position> settled;
  // A client that knows the format sends records inside of its records: from the bytes of this very
  // journal's segments.
  std::string smuggled = "begin";
  for (int round = 0; round < 30; ++round) {
    for (int i = 0; i < 4; ++i) {
      const Position position = *harness.Append(MakeBatch(smuggled));
      harness.journal().Settle(position, Delivered(1), {});
      settled.insert(position);
    }
    harness.Settle();
    const std::vector<std::string> paths = harness.SegmentPaths();
    smuggled = harness.fs().Content(paths[harness.rng().Below(paths.size())]).substr(8192, 3000);
  }
  const Position last = *harness.Append(MakeBatch(smuggled));
  harness.Settle();
  harness.Crash(io::CrashKind::kPower);
  ASSERT_TRUE(harness.Open().ok());
  EXPECT_EQ(harness.Pending(), std::vector<Position>{last});
  EXPECT_EQ(harness.journal().ledger().accepted.requests, settled.size() + 1);
  EXPECT_EQ(Dropped(harness.journal(), DropReason::kDamaged), Amount{});
}

TEST(SegmentRecoveryTest, ARecordLargerThanASegmentGetsItsOwn) {
  SegmentHarness harness(Small());
  const std::string big(100'000, 'b');
  const Position small = *harness.Append(MakeBatch("s"));
  const Position large = *harness.Append(MakeBatch(big));
  const Position after = *harness.Append(MakeBatch("t"));
  harness.Reopen(true);
  EXPECT_EQ(harness.Pending(), (std::vector<Position>{small, large, after}));
  EXPECT_TRUE(harness.Read(large)->body.ToString() == big);
  harness.journal().Settle(large, Delivered(1), {});
  harness.Settle();
  harness.loop().AdvanceBy(std::chrono::seconds(10));
  EXPECT_EQ(harness.Read(after)->body.ToString(), "t");
  EXPECT_LT(harness.journal().stats().disk_bytes, 100'000U);
}

// Flips every byte of a small journal in turn. Whatever is hit: the start succeeds, every record
// that was not hit is there, what is missing is booked, and nothing is wrong.
TEST(SegmentDamageTest, AFlippedByteCostsAtMostTheRecordThatItHits) {
  SegmentHarness harness(Small());
  std::map<Position, std::string> bodies;
  for (int i = 0; i < 6; ++i) {
    const std::string body = "record " + std::to_string(i);
    bodies[*harness.Append(MakeBatch(body, 2, {{"k", "v"}}))] = body;
  }
  harness.Settle();
  harness.Crash(io::CrashKind::kProcess);
  const std::string path = harness.SegmentPaths().front();
  const std::string good = harness.fs().Content(path);
  const auto files = harness.Files();
  const size_t data_end = good.find_last_not_of('\0') + 16;
  for (size_t at = 0; at < data_end; ++at) {
    if (at == 80) {
      at = 4090;  // between the two headers
    } else if (at == 4200) {
      at = 8192;
    }
    SCOPED_TRACE("offset " + std::to_string(at));
    std::string damaged = good;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x20);
    harness.RestoreFiles(files);
    harness.fs().SetContent(path, damaged);
    ASSERT_TRUE(harness.Open().ok());
    size_t intact = 0;
    for (const auto& [position, body] : bodies) {
      const auto batch = harness.Read(position);
      if (batch.ok()) {
        ASSERT_EQ(batch->body.ToString(), body);
        ++intact;
      }
    }
    ASSERT_GE(intact, bodies.size() - 1);
    const Ledger& ledger = harness.journal().ledger();
    ASSERT_TRUE(ledger.Balanced());
    ASSERT_EQ(ledger.accepted.requests, bodies.size());
    ASSERT_EQ(ledger.pending.requests, intact);
    ASSERT_EQ(Dropped(harness.journal(), DropReason::kDamaged).requests, bodies.size() - intact);
    ASSERT_EQ(Dropped(harness.journal(), DropReason::kDamaged).items, 2 * (bodies.size() - intact));
    harness.Crash(io::CrashKind::kProcess);
  }
}

TEST(SegmentDamageTest, ManySegmentsAtOnceGiveWhatOneAfterTheOtherGives) {
  SegmentHarness harness(Small());
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(harness.Append(MakeBatch(std::string(2000, static_cast<char>('a' + i % 26)))).ok());
  }
  harness.Settle();
  harness.Crash(io::CrashKind::kProcess);
  std::map<std::string, std::string> files = harness.Files();
  for (const size_t damaged : {size_t{1}, size_t{4}}) {
    files[harness.SegmentPaths()[damaged]].replace(kSegmentDataAt, 8, "damaged!");
  }
  std::vector<Position> expected;
  Ledger ledger;
  for (const size_t at_once : {1U, 3U, 64U}) {
    harness.RestoreFiles(files);
    harness.options().recover_at_once = at_once;
    ASSERT_TRUE(harness.Open().ok());
    if (at_once == 1) {
      expected = harness.Pending();
      ledger = harness.journal().ledger();
      EXPECT_LT(expected.size(), 100U);
    }
    EXPECT_EQ(harness.Pending(), expected);
    EXPECT_EQ(harness.journal().ledger().pending, ledger.pending);
    EXPECT_EQ(harness.journal().ledger().dropped, ledger.dropped);
    harness.Crash(io::CrashKind::kProcess);
  }
}

TEST(SegmentDamageTest, AFileCutAnywhereKeepsWhatLiesBeforeTheCut) {
  SegmentHarness harness(Small());
  std::vector<Position> positions;
  for (int i = 0; i < 5; ++i) {
    positions.push_back(*harness.Append(MakeBatch("record " + std::to_string(i))));
  }
  harness.Settle();
  harness.Crash(io::CrashKind::kProcess);
  const std::string path = harness.SegmentPaths().front();
  const std::string good = harness.fs().Content(path);
  const auto files = harness.Files();
  size_t before = 0;
  for (size_t cut = 8190; cut < 8192 + 5 * 72; ++cut) {
    SCOPED_TRACE("cut " + std::to_string(cut));
    harness.RestoreFiles(files);
    harness.fs().SetContent(path, good.substr(0, cut));
    ASSERT_TRUE(harness.Open().ok());
    const size_t left = harness.Pending().size();
    ASSERT_GE(left, before);
    before = left;
    ASSERT_EQ(Dropped(harness.journal(), DropReason::kDamaged).requests, 5 - left);
    ASSERT_TRUE(harness.journal().ledger().Balanced());
    harness.Crash(io::CrashKind::kProcess);
  }
  EXPECT_EQ(before, 5U);
}

TEST(SegmentDamageTest, DamagedBytesAreCopiedAsideAndTheStartGoesOn) {
  SegmentHarness harness(Small());
  const Position a = *harness.Append(MakeBatch("first"));
  const Position b = *harness.Append(MakeBatch("second"));
  const Position c = *harness.Append(MakeBatch("third"));
  harness.Crash(io::CrashKind::kProcess);
  const std::string path = harness.SegmentPaths().front();
  std::string content = harness.fs().Content(path);
  content[8192 + 64 + 20] = '!';  // the header of the second
  harness.fs().SetContent(path, content);
  ASSERT_TRUE(harness.Open().ok());
  EXPECT_EQ(harness.Pending(), (std::vector<Position>{a, c}));
  EXPECT_EQ(Dropped(harness.journal(), DropReason::kDamaged), (Amount{1, 0, 0})) << b;
  EXPECT_EQ(harness.journal().ledger().accepted.requests, 3U);
  const auto copies = harness.fs().List("/data/journal/damaged");
  ASSERT_TRUE(copies.ok());
  ASSERT_EQ(copies->size(), 1U);
  EXPECT_NE(harness.fs().Content("/data/journal/damaged/" + copies->front().name).find("second"),
            std::string::npos);
}

TEST(SegmentDamageTest, ADamagedCheckpointFallsBackToTheOneBeforeAndThenToAllIsPending) {
  SegmentHarness harness(Small());
  const Position a = *harness.Append(MakeBatch("a"));
  harness.journal().Settle(a, Delivered(1), {});
  harness.Settle();
  const Position b = *harness.Append(MakeBatch("b"));
  harness.journal().Settle(b, Delivered(1), {});
  const Position c = *harness.Append(MakeBatch("c"));
  harness.Settle();
  harness.Crash(io::CrashKind::kProcess);
  harness.fs().SetContent("/data/journal/checkpoint.0", "rubbish");
  ASSERT_TRUE(harness.Open().ok());
  EXPECT_EQ(harness.Pending(), (std::vector<Position>{b, c}));
  EXPECT_TRUE(harness.journal().ledger().Balanced());
  harness.Crash(io::CrashKind::kProcess);
  harness.fs().SetContent("/data/journal/checkpoint.1", "rubbish");
  ASSERT_TRUE(harness.Open().ok());
  EXPECT_EQ(harness.Pending(), (std::vector<Position>{a, b, c}));
  EXPECT_TRUE(harness.journal().ledger().Balanced());
}

TEST(SegmentDamageTest, RecordsWrittenWithoutSyncThatThePowerTookAreCountedAsUnsynced) {
  SegmentHarness harness({.segment_size = 16 * 1024, .sync = false});
  ASSERT_TRUE(harness.Append(MakeBatch("abc", 4)).ok());
  harness.Settle();
  harness.Crash(io::CrashKind::kProcess);
  // The disk kept the checkpoint and lost the segment.
  for (const std::string& path : harness.SegmentPaths()) {
    ASSERT_TRUE(harness.fs().Remove(path).ok());
  }
  ASSERT_TRUE(harness.Open().ok());
  EXPECT_EQ(Dropped(harness.journal(), DropReason::kUnsynced), (Amount{1, 4, 3}));
  EXPECT_TRUE(harness.journal().ledger().Balanced());
}

TEST(SegmentOpenTest, TheJournalIsLockedAgainstASecondProcess) {
  SegmentHarness harness(Small());
  harness.journal();
  SegmentJournalOptions options = harness.options();
  const auto second = SegmentJournal::Open(options, harness.fs(), harness.loop());
  EXPECT_EQ(second.status().code(), Code::kFailedPrecondition);
  EXPECT_NE(second.status().message().find("locked"), std::string::npos);
}

TEST(SegmentOpenTest, AForeignDirectoryIsRefusedByName) {
  SegmentHarness harness(Small());
  ASSERT_TRUE(harness.fs().MakeDirectory(SegmentHarness::kDirectory, 0700).ok());
  harness.fs().SetContent("/data/journal/holiday.jpg", "x");
  const Status status = harness.Open();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_NE(status.message().find("holiday.jpg"), std::string::npos);
}

TEST(SegmentOpenTest, ANewerFormatIsRefusedAndLeftAlone) {
  SegmentHarness harness(Small());
  ASSERT_TRUE(harness.fs().MakeDirectory(SegmentHarness::kDirectory, 0700).ok());
  const std::string text = "gapless journal\nformat: 2\nid: 00000000000000aa\nname: x\n";
  harness.fs().SetContent("/data/journal/JOURNAL", text);
  const Status status = harness.Open();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_NE(status.message().find("format 2 is newer"), std::string::npos);
  EXPECT_EQ(harness.fs().Content("/data/journal/JOURNAL"), text);
}

TEST(SegmentOpenTest, AReadOnlyDiskIsAClearError) {
  SegmentHarness harness(Small());
  harness.fs().FailWrites(Status(Code::kPermissionDenied, "open: Read-only file system"));
  const Status status = harness.Open();
  EXPECT_EQ(status.code(), Code::kPermissionDenied);
  EXPECT_NE(status.message().find("Read-only"), std::string::npos);
}

TEST(SegmentOpenTest, AnIdentityThatIsLostIsMadeAgainFromTheCheckpointOrTheSegments) {
  for (const bool checkpoints : {true, false}) {
    SegmentHarness harness(Small());
    const Position a = *harness.Append(MakeBatch("a"));
    harness.Settle();
    harness.Crash(io::CrashKind::kProcess);
    ASSERT_TRUE(harness.fs().Remove("/data/journal/JOURNAL").ok());
    for (const char* slot : {"/data/journal/checkpoint.0", "/data/journal/checkpoint.1"}) {
      harness.fs().SetContent(slot, checkpoints ? harness.fs().Content(slot) : "");
    }
    ASSERT_TRUE(harness.Open().ok());
    EXPECT_EQ(harness.Pending(), std::vector<Position>{a});
  }
}

TEST(SegmentOpenTest, DebtsOfAReaderThatIsGoneAreGivenUp) {
  SegmentHarness harness(Small());
  const ReaderId gone = harness.journal().RegisterReader("otlp/gone");
  const ReaderId stays = harness.journal().RegisterReader("otlp/stays");
  const Position a = *harness.Append(MakeBatch("a"));
  const Position b = *harness.Append(MakeBatch("b"));
  harness.journal().Settle(a, Delivered(1), {gone});
  harness.journal().Settle(b, Delivered(1), {gone, stays});
  harness.Reopen(false);
  const ReaderId again = harness.journal().RegisterReader("otlp/stays");
  harness.journal().ForgetUnregisteredReaders();
  EXPECT_EQ(harness.Owed(again), std::vector<Position>{b});
  EXPECT_FALSE(harness.Read(a).ok());
  EXPECT_EQ(harness.journal().stats().owed.requests, 1U);
}

// One turn of the loop must stay short, however much was owed.
TEST(SegmentOpenTest, ManyDebtsOfAReaderThatIsGoneAreGivenUpAPartPerTurn) {
  constexpr size_t kRecords = 3 * kReleasedPerTurn;
  SegmentHarness harness({.segment_size = 1 << 20, .cache_size = 0});
  const ReaderId gone = harness.journal().RegisterReader("otlp/gone");
  for (size_t i = 0; i < kRecords; ++i) {
    harness.journal().Append(MakeBatch("x"), [&](Result<Position>&& position) {
      harness.journal().Settle(*position, Delivered(1), {gone});
    });
  }
  harness.loop().RunPosted();
  harness.Reopen(false);
  EXPECT_EQ(harness.journal().stats().owed.requests, kRecords);
  harness.journal().ForgetUnregisteredReaders();
  EXPECT_EQ(harness.journal().stats().owed.requests, kRecords - kReleasedPerTurn);
  harness.Settle();
  EXPECT_EQ(harness.journal().stats().owed, Amount{});
  EXPECT_EQ(harness.journal().stats().debts_given_up.requests, kRecords);
  EXPECT_EQ(harness.journal().stats().memory_bytes, 0U);
}

TEST(SegmentLimitTest, ManyDebtsBeyondANewLimitGoAPartPerTurn) {
  constexpr size_t kRecords = 3 * kReleasedPerTurn;
  SegmentHarness harness({.segment_size = 1 << 20, .cache_size = 0});
  const ReaderId reader = harness.journal().RegisterReader("otlp/primary");
  for (size_t i = 0; i < kRecords; ++i) {
    harness.journal().Append(MakeBatch("x"), [&](Result<Position>&& position) {
      harness.journal().Settle(*position, Delivered(1), {reader});
    });
  }
  harness.loop().RunPosted();
  harness.journal().SetBackfillMaxSize(1);
  EXPECT_EQ(harness.journal().stats().owed.requests, kRecords - kReleasedPerTurn);
  harness.Settle();
  EXPECT_EQ(harness.journal().stats().owed, Amount{});
}

}  // namespace
}  // namespace gapless::journal
