#include "exporter/file/file_writer.h"

#include "exporter/file/backups.h"
#include "io/memory_file_system.h"
#include "io/posix_file_system.h"

namespace gapless::exporter::file {
namespace {

using io::MemoryFileSystem;
using std::chrono::hours;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const WallTime kNow{milliseconds(1'663'131'734'173)};  // 2022-09-14T05:02:14.173Z

Status WriteText(FileWriter& writer, std::string_view text, WallTime now = kNow) {
  const ByteSpan piece = AsBytes(text);
  std::optional<Status> answer;
  writer.Write({&piece, 1}, now, [&](Status status) { answer = std::move(status); });
  writer.Commit();
  return answer.value_or(Internal("no answer"));
}

std::vector<std::string> NamesIn(MemoryFileSystem& fs, const std::string& directory) {
  std::vector<std::string> names;
  const auto entries = fs.List(directory);
  for (const auto& entry : entries.value()) {
    names.push_back(entry.name);
  }
  return names;
}

TEST(BackupsTest, TheTimeStandsBeforeTheExtension) {
  EXPECT_EQ(BackupName("data.json", kNow, false), "data-2022-09-14T05-02-14.173.json");
  EXPECT_EQ(BackupName("data", kNow, false), "data-2022-09-14T05-02-14.173");
  EXPECT_EQ(BackupName("a.b.c", kNow, false), "a.b-2022-09-14T05-02-14.173.c");
}

TEST(BackupsTest, OnlyNamesOfThatShapeAreBackups) {
  EXPECT_TRUE(IsBackupOf("data.json", "data-2022-09-14T05-02-14.173.json"));
  for (const char* name :
       {"data.json", "data-2022-09-14T05-02-14.173.txt", "data-2022-09-14T05-02-14.json",
        "data2-2022-09-14T05-02-14.173.json", "data-2022-09-14t05-02-14.173.json",
        "data-2022-09-14T05-02-14.17x.json", "x-2022-09-14T05-02-14.173.json", ""}) {
    EXPECT_FALSE(IsBackupOf("data.json", name)) << name;
  }
}

TEST(BackupsTest, TheOldestBeyondTheCountAndTheTooOldExpire) {
  const auto name = [](int days) { return BackupName("d.json", kNow - hours(24 * days), false); };
  const std::vector<std::string> names = {name(3),     "d.json", name(1),
                                          "notes.txt", name(2),  name(0)};
  EXPECT_THAT(ExpiredBackups("d.json", names, {.max_backups = 2}, kNow),
              ElementsAre(name(2), name(3)));
  EXPECT_THAT(ExpiredBackups("d.json", names, {.max_days = 2, .max_backups = 0}, kNow),
              ElementsAre(name(3)));
  EXPECT_THAT(ExpiredBackups("d.json", names, {.max_backups = 0}, kNow), IsEmpty());
}

TEST(FileWriterTest, EmptiesTheFileUnlessItIsToBeKept) {
  MemoryFileSystem fs;
  ASSERT_TRUE(fs.MakeDirectory("/out", 0755).ok());
  for (const bool keep : {false, true}) {
    ASSERT_TRUE(fs.Open("/out/data", io::OpenMode::kCreate).ok());
    fs.SetContent("/out/data", "old\n");
    FileWriter writer(fs, {.path = "/out/data", .keep_content = keep});
    const auto lost = writer.Open();
    ASSERT_TRUE(lost.ok());
    EXPECT_EQ(*lost, keep ? 0u : 4u);
    ASSERT_TRUE(WriteText(writer, "new\n").ok());
    EXPECT_EQ(fs.Content("/out/data"), keep ? "old\nnew\n" : "new\n");
  }
}

TEST(FileWriterTest, MakesTheDirectoryOnlyWhenAsked) {
  MemoryFileSystem fs;
  FileWriter without(fs, {.path = "/a/b/data"});
  EXPECT_EQ(without.Open().status().code(), Code::kNotFound);
  FileWriter with(fs, {.path = "/a/b/data", .make_directory = 0755});
  EXPECT_TRUE(with.Open().ok());
}

TEST(FileWriterTest, AFailedWriteLeavesNothingBehind) {
  MemoryFileSystem fs;
  FileWriter writer(fs, {.path = "/data"});
  ASSERT_TRUE(writer.Open().ok());
  ASSERT_TRUE(WriteText(writer, "first\n").ok());
  fs.FailCall(1, ResourceExhausted("disk full"));
  EXPECT_EQ(WriteText(writer, "second\n").code(), Code::kResourceExhausted);
  ASSERT_TRUE(WriteText(writer, "third\n").ok());
  EXPECT_EQ(fs.Content("/data"), "first\nthird\n");
}

// Every disk call fails once in turn: what the writer called written is in the files, once and in
// order, and what it refused is not.
TEST(FileWriterTest, EveryCallMayFail) {
  uint64_t calls = 1;
  for (uint64_t fail_at = 1; fail_at <= calls; ++fail_at) {
    SCOPED_TRACE(fail_at);
    MemoryFileSystem fs;
    FileWriter writer(fs, {.path = "/d.log",
                           .keep_content = true,
                           .rotation = Rotation{.max_megabytes = 1, .max_backups = 0}});
    fs.FailCall(fail_at, Unavailable("broken"));
    while (!writer.Open().ok()) {
    }
    std::string expected;
    const std::string filler(400'000, 'x');
    for (int i = 0; i < 6; ++i) {
      const std::string message = std::to_string(i) + filler + "\n";
      if (WriteText(writer, message, kNow + milliseconds(i)).ok()) {
        expected += message;
      }
    }
    calls = fs.calls();
    fs.FailCall(UINT32_MAX, OkStatus());  // not while the test looks
    std::string found;
    for (const std::string& name : NamesIn(fs, "/")) {  // backups sort before the file itself
      found += fs.Content("/" + name);
    }
    EXPECT_TRUE(found == expected) << found.size() << " bytes in place of " << expected.size();
    EXPECT_GE(expected.size(), 5 * filler.size());
  }
}

TEST(FileWriterTest, WhatWasAnsweredSurvivesAPowerLossAndOneSyncServesMany) {
  MemoryFileSystem fs;
  FileWriter writer(fs, {.path = "/data"});
  ASSERT_TRUE(writer.Open().ok());
  ASSERT_TRUE(WriteText(writer, "first\n").ok());
  int answered = 0;
  const ByteSpan piece = AsBytes(std::string_view("x\n"));
  for (int i = 0; i < 10; ++i) {
    writer.Write({&piece, 1}, kNow, [&](Status status) { answered += status.ok() ? 1 : 0; });
  }
  EXPECT_EQ(answered, 0);
  EXPECT_EQ(writer.waiting(), 10u);
  const uint64_t calls = fs.calls();
  writer.Commit();
  EXPECT_EQ(fs.calls(), calls + 1);
  EXPECT_EQ(answered, 10);
  writer.Write({&piece, 1}, kNow, [&](Status) { ++answered; });
  Rng rng(1);
  fs.Crash(io::CrashKind::kPower, rng);
  EXPECT_EQ(fs.Content("/data").size(), 6u + 20u);
  EXPECT_EQ(answered, 10);
}

TEST(FileWriterTest, AFailedSyncFailsAllThatWaitedAndCutsItOff) {
  MemoryFileSystem fs;
  FileWriter writer(fs, {.path = "/data"});
  ASSERT_TRUE(writer.Open().ok());
  ASSERT_TRUE(WriteText(writer, "first\n").ok());
  std::vector<Code> codes;
  const ByteSpan piece = AsBytes(std::string_view("lost\n"));
  for (int i = 0; i < 2; ++i) {
    writer.Write({&piece, 1}, kNow, [&](Status status) { codes.push_back(status.code()); });
  }
  fs.FailCall(1, Unavailable("I/O error"));
  writer.Commit();
  EXPECT_THAT(codes, ElementsAre(Code::kUnavailable, Code::kUnavailable));
  ASSERT_TRUE(WriteText(writer, "third\n").ok());
  EXPECT_EQ(fs.Content("/data"), "first\nthird\n");
}

TEST(FileWriterTest, WithoutSyncAMessageIsAnsweredAtOnce) {
  MemoryFileSystem fs;
  FileWriter writer(fs, {.path = "/data", .sync = false});
  ASSERT_TRUE(writer.Open().ok());
  const ByteSpan piece = AsBytes(std::string_view("x\n"));
  int answered = 0;
  writer.Write({&piece, 1}, kNow, [&](Status status) { answered += status.ok() ? 1 : 0; });
  EXPECT_EQ(answered, 1);
}

TEST(FileWriterTest, RotatesBeforeTheLimitIsPassed) {
  MemoryFileSystem fs;
  FileWriter writer(fs, {.path = "/d.log",
                         .keep_content = true,
                         .rotation = Rotation{.max_megabytes = 1, .max_backups = 2}});
  ASSERT_TRUE(writer.Open().ok());
  const std::string most(1'000'000, 'a');
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(WriteText(writer, most, kNow + hours(i)).ok());
  }
  EXPECT_THAT(NamesIn(fs, "/"), ElementsAre("d-2022-09-14T08-02-14.173.log",
                                            "d-2022-09-14T09-02-14.173.log", "d.log"));
  EXPECT_EQ(fs.Content("/d.log"), most);
}

TEST(FileWriterTest, AMessageAboveTheLimitGetsAFileOfItsOwn) {
  MemoryFileSystem fs;
  FileWriter writer(fs,
                    {.path = "/d", .keep_content = true, .rotation = Rotation{.max_megabytes = 1}});
  ASSERT_TRUE(writer.Open().ok());
  const std::string huge(3'000'000, 'h');
  ASSERT_TRUE(WriteText(writer, huge).ok());
  ASSERT_TRUE(WriteText(writer, "small").ok());
  EXPECT_EQ(fs.Content("/d-2022-09-14T05-02-14.173"), huge);
  EXPECT_EQ(fs.Content("/d"), "small");
}

TEST(FileWriterTest, TwoRotationsWithinAMillisecondKeepBothFiles) {
  MemoryFileSystem fs;
  FileWriter writer(fs,
                    {.path = "/d", .keep_content = true, .rotation = Rotation{.max_megabytes = 1}});
  ASSERT_TRUE(writer.Open().ok());
  for (const char c : {'a', 'b', 'c'}) {
    ASSERT_TRUE(WriteText(writer, std::string(1'000'000, c)).ok());
  }
  EXPECT_EQ(fs.Content("/d-2022-09-14T05-02-14.173")[0], 'a');
  EXPECT_EQ(fs.Content("/d-2022-09-14T05-02-14.174")[0], 'b');
  EXPECT_EQ(fs.Content("/d")[0], 'c');
}

TEST(FileWriterTest, AProbeTellsWhetherTheDiskTakesDataAndLeavesNoTrace) {
  MemoryFileSystem fs;
  FileWriter writer(fs, {.path = "/data"});
  ASSERT_TRUE(writer.Open().ok());
  EXPECT_TRUE(writer.Probe().ok());
  EXPECT_THAT(NamesIn(fs, "/"), ElementsAre("data"));
  fs.FailWrites(ResourceExhausted("disk full"));
  EXPECT_FALSE(writer.Probe().ok());
  fs.FailWrites(OkStatus());
  EXPECT_TRUE(writer.Probe().ok());
}

TEST(FileWriterTest, AStreamIsNeitherEmptiedNorRotatedNorProbedBeside) {
  FileWriter::Options options;
  options.path = "/dev/null";
  options.sync = true;
  options.rotation = Rotation{.max_megabytes = 1};
  FileWriter writer(io::PosixFileSystem(), options);
  ASSERT_TRUE(writer.Open().ok());
  const std::string message(600'000, 'x');
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(WriteText(writer, message).ok());
  }
  EXPECT_TRUE(writer.Probe().ok());
}

}  // namespace
}  // namespace gapless::exporter::file
