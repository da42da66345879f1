// One set of tests for both file systems.
#include "io/file_system.h"

#include "io/machine.h"
#include "io/memory_file_system.h"
#include "io/posix_file_system.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace gapless::io {
namespace {

class FileSystemTest : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (GetParam()) {
      std::string name = (std::filesystem::temp_directory_path() / "gapless_io_XXXXXX").string();
      ASSERT_NE(::mkdtemp(name.data()), nullptr);
      directory_ = name;
    } else {
      directory_ = "/data";
      ASSERT_TRUE(memory_.MakeDirectory(directory_, 0700).ok());
    }
  }
  void TearDown() override {
    if (GetParam()) {
      std::filesystem::remove_all(directory_);
    }
  }
  FileSystem& fs() { return GetParam() ? PosixFileSystem() : memory_; }
  std::string Path(std::string_view name) { return JoinPath(directory_, name); }
  std::unique_ptr<File> Create(std::string_view name) {
    return std::move(fs().Open(Path(name), OpenMode::kCreate)).value();
  }
  std::string ReadAll(std::string_view name) {
    return ReadWholeFile(fs(), Path(name), 1 << 20).value();
  }

  MemoryFileSystem memory_;
  std::string directory_;
};

TEST_P(FileSystemTest, GatheredWritesAreReadBackInOnePiece) {
  const auto file = Create("a");
  std::vector<std::string> texts;
  std::string expected = "..";
  for (int i = 0; i < 3000; ++i) {  // more than one pwritev takes
    texts.push_back(i % 7 == 0 ? "" : std::to_string(i));
    expected += texts.back();
  }
  std::vector<ByteSpan> pieces;
  for (const std::string& text : texts) {
    pieces.push_back(AsBytes(text));
  }
  ASSERT_TRUE(file->WriteAt(0, AsBytes("..")).ok());
  ASSERT_TRUE(file->WriteAt(2, pieces).ok());
  EXPECT_TRUE(file->Sync().ok());
  EXPECT_EQ(ReadAll("a"), expected);
}

TEST_P(FileSystemTest, ReadingBehindTheEndGivesFewerBytes) {
  const auto file = Create("a");
  ASSERT_TRUE(file->WriteAt(0, AsBytes("abc")).ok());
  std::array<std::byte, 10> out;
  EXPECT_EQ(*file->ReadAt(1, out), 2U);
  EXPECT_EQ(*file->ReadAt(3, out), 0U);
}

TEST_P(FileSystemTest, AllocateGrowsAndTruncateCuts) {
  const auto file = Create("a");
  ASSERT_TRUE(file->WriteAt(0, AsBytes("abc")).ok());
  ASSERT_TRUE(file->Allocate(100'000).ok());
  EXPECT_EQ(*file->Size(), 100'000U);
  ASSERT_TRUE(file->Allocate(10).ok());
  EXPECT_EQ(*file->Size(), 100'000U);
  ASSERT_TRUE(file->Truncate(2).ok());
  EXPECT_EQ(ReadAll("a"), "ab");
}

TEST_P(FileSystemTest, NamesAreListedRenamedAndRemoved) {
  Create("b");
  Create("a");
  ASSERT_TRUE(fs().MakeDirectory(Path("sub/deeper"), 0700).ok());
  ASSERT_TRUE(fs().MakeDirectory(Path("sub"), 0700).ok());
  ASSERT_TRUE(fs().Rename(Path("b"), Path("c")).ok());
  const auto entries = fs().List(directory_);
  ASSERT_TRUE(entries.ok());
  ASSERT_EQ(entries->size(), 3U);
  EXPECT_EQ((*entries)[0].name, "a");
  EXPECT_EQ((*entries)[1].name, "c");
  EXPECT_TRUE((*entries)[2].is_directory);
  EXPECT_TRUE(fs().SyncDirectory(directory_).ok());
  EXPECT_TRUE(fs().Remove(Path("a")).ok());
  EXPECT_EQ(fs().Remove(Path("a")).code(), Code::kNotFound);
  EXPECT_TRUE(fs().RemoveDirectory(Path("sub/deeper")).ok());
  EXPECT_EQ(fs().Open(Path("a"), OpenMode::kRead).status().code(), Code::kNotFound);
  EXPECT_EQ(fs().List(Path("none")).status().code(), Code::kNotFound);
  EXPECT_TRUE(*fs().IsDirectory(Path("sub")));
  EXPECT_FALSE(*fs().IsDirectory(Path("c")));
  EXPECT_EQ(fs().IsDirectory(Path("none")).status().code(), Code::kNotFound);
  EXPECT_GT(*fs().FreeSpace(directory_), 0U);
}

TEST_P(FileSystemTest, ALockIsExclusiveUntilItIsDropped) {
  auto lock = fs().Lock(Path("lock"), Duration(0), "pid 1");
  ASSERT_TRUE(lock.ok());
  const auto second = fs().Lock(Path("lock"), std::chrono::milliseconds(20), "pid 2");
  EXPECT_EQ(second.status().code(), Code::kFailedPrecondition);
  lock = Internal("dropped");
  EXPECT_TRUE(fs().Lock(Path("lock"), Duration(0), "pid 2").ok());
}

TEST_P(FileSystemTest, AnAtomicWriteReplacesTheFile) {
  ASSERT_TRUE(WriteFileAtomically(fs(), Path("f"), AsBytes("a long old text")).ok());
  ASSERT_TRUE(WriteFileAtomically(fs(), Path("f"), AsBytes("new")).ok());
  EXPECT_EQ(ReadAll("f"), "new");
  EXPECT_EQ(ReadWholeFile(fs(), Path("f"), 2).status().code(), Code::kResourceExhausted);
}

INSTANTIATE_TEST_SUITE_P(All, FileSystemTest, testing::Values(false, true),
                         [](const auto& param) { return param.param ? "Posix" : "Memory"; });

TEST(MemoryFileSystemTest, APowerLossForgetsWhatWasNotSynced) {
  MemoryFileSystem fs;
  Rng rng(1);
  auto file = std::move(fs.Open("/a", OpenMode::kCreate)).value();
  ASSERT_TRUE(file->WriteAt(0, AsBytes("synced")).ok());
  ASSERT_TRUE(file->Sync().ok());
  ASSERT_TRUE(fs.SyncDirectory("/").ok());
  ASSERT_TRUE(file->WriteAt(6, AsBytes(" lost")).ok());
  auto other = std::move(fs.Open("/b", OpenMode::kCreate)).value();
  ASSERT_TRUE(other->Sync().ok());
  fs.Crash(CrashKind::kPower, rng);
  EXPECT_EQ(fs.Content("/a"), "synced");
  EXPECT_FALSE(fs.Open("/b", OpenMode::kRead).ok()) << "its name was never synced";
}

TEST(MemoryFileSystemTest, AFailedSyncLosesTheDataForGood) {
  MemoryFileSystem fs;
  Rng rng(1);
  auto file = std::move(fs.Open("/a", OpenMode::kCreate)).value();
  ASSERT_TRUE(fs.SyncDirectory("/").ok());
  ASSERT_TRUE(file->WriteAt(0, AsBytes("data")).ok());
  fs.FailCall(1, Unavailable("EIO"));
  EXPECT_FALSE(file->Sync().ok());
  EXPECT_TRUE(file->Sync().ok());
  fs.Crash(CrashKind::kPower, rng);
  EXPECT_EQ(fs.Content("/a"), std::string(4, '\0'));
}

TEST(MemoryFileSystemTest, ATornCrashKeepsSomeSectors) {
  MemoryFileSystem fs;
  Rng rng(7);
  auto file = std::move(fs.Open("/a", OpenMode::kCreate)).value();
  ASSERT_TRUE(fs.SyncDirectory("/").ok());
  ASSERT_TRUE(file->WriteAt(0, AsBytes(std::string(512 * 64, 'x'))).ok());
  fs.Crash(CrashKind::kTorn, rng);
  const std::string content = fs.Content("/a");
  const auto kept = std::ranges::count(content, 'x');
  EXPECT_GT(kept, 0);
  EXPECT_LT(kept, 512 * 64);
  EXPECT_EQ(kept % 512, 0);
}

TEST(MemoryFileSystemTest, AFullDiskRefusesGrowthOnly) {
  MemoryFileSystem fs;
  auto file = std::move(fs.Open("/a", OpenMode::kCreate)).value();
  ASSERT_TRUE(file->Allocate(100).ok());
  fs.SetCapacity(100);
  EXPECT_EQ(file->Allocate(101).code(), Code::kResourceExhausted);
  EXPECT_TRUE(file->WriteAt(50, AsBytes("fits")).ok());
  EXPECT_EQ(file->WriteAt(99, AsBytes("xx")).code(), Code::kResourceExhausted);
}

TEST(MachineTest, TakesTheSmallestLimitOnTheWayToTheRootOfTheCgroup) {
  MemoryFileSystem fs;
  fs.SetContent("/proc/meminfo", "MemTotal:       16384 kB\nMemFree: 1 kB\n");
  EXPECT_EQ(MachineMemoryLimit(fs), 16384U * 1024);
  fs.SetContent("/proc/self/cgroup", "0::/pod/box\n");
  fs.SetContent("/sys/fs/cgroup/pod/box/memory.max", "max\n");
  EXPECT_EQ(MachineMemoryLimit(fs), 16384U * 1024);
  fs.SetContent("/sys/fs/cgroup/pod/memory.max", "1000000\n");
  EXPECT_EQ(MachineMemoryLimit(fs), 1'000'000U);
}

TEST(PosixStreamTest, APipeTakesBytesInOrderAndKeepsWhatItBegan) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
  FileSystem& fs = PosixFileSystem();
  auto file = fs.Open("/proc/self/fd/" + std::to_string(ends[1]), OpenMode::kCreate);
  ASSERT_TRUE(file.ok()) << file.status().ToString();
  EXPECT_TRUE((*file)->is_stream());
  EXPECT_EQ((*file)->Size().value(), 0U);
  EXPECT_TRUE((*file)->Sync().ok());
  EXPECT_TRUE((*file)->Truncate(7).ok());
  EXPECT_TRUE((*file)->WriteAt(0, AsBytes("one\n")).ok());
  EXPECT_TRUE((*file)->WriteAt(0, AsBytes("two\n")).ok());
  std::array<char, 64> room{};
  EXPECT_EQ(read(ends[0], room.data(), room.size()), 8);
  EXPECT_EQ(std::string_view(room.data(), 8), "one\ntwo\n");
  close(ends[0]);
  const auto before = signal(SIGPIPE, SIG_IGN);
  EXPECT_FALSE((*file)->WriteAt(8, AsBytes("three\n")).ok());
  signal(SIGPIPE, before);
  close(ends[1]);
}

TEST(PosixStreamTest, ANamedPipeWithoutAReaderAndDevNullAreOpenedAtOnce) {
  const std::string path = testing::TempDir() + "pipe." + std::to_string(getpid());
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  FileSystem& fs = PosixFileSystem();
  for (const std::string& stream : {path, std::string("/dev/null")}) {
    auto file = fs.Open(stream, OpenMode::kCreate);
    ASSERT_TRUE(file.ok()) << file.status().ToString();
    EXPECT_TRUE((*file)->is_stream());
    EXPECT_TRUE((*file)->WriteAt(100, AsBytes("x")).ok());
  }
  unlink(path.c_str());
}

// Standard output is one under systemd (StandardOutput=socket) and ssh.
TEST(PosixStreamTest, ASocketThatWeHaveOpenIsWrittenToByItsDescriptor) {
  std::array<int, 2> ends{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  FileSystem& fs = PosixFileSystem();
  auto file = fs.Open("/proc/self/fd/" + std::to_string(ends[1]), OpenMode::kCreate);
  ASSERT_TRUE(file.ok()) << file.status().ToString();
  EXPECT_TRUE((*file)->is_stream());
  EXPECT_TRUE((*file)->WriteAt(0, AsBytes("one\n")).ok());
  EXPECT_TRUE((*file)->WriteAt(0, AsBytes("two\n")).ok());
  EXPECT_EQ(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0) << "others write to it as well";
  std::array<char, 64> room{};
  EXPECT_EQ(read(ends[0], room.data(), room.size()), 8);
  EXPECT_EQ(std::string_view(room.data(), 8), "one\ntwo\n");
  close(ends[0]);
  const auto before = signal(SIGPIPE, SIG_IGN);
  EXPECT_FALSE((*file)->WriteAt(8, AsBytes("three\n")).ok());
  signal(SIGPIPE, before);
  close(ends[1]);
}

TEST(PosixStreamTest, ASocketOfOthersCannotBeOpened) {
  const std::string path = testing::TempDir() + "socket." + std::to_string(getpid());
  const int other = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  ASSERT_LT(path.size(), sizeof address.sun_path);
  std::ranges::copy(path, address.sun_path);
  ASSERT_EQ(bind(other, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(PosixFileSystem().Open(path, OpenMode::kCreate).status().code(), Code::kUnavailable);
  close(other);
  unlink(path.c_str());
}

}  // namespace
}  // namespace gapless::io
