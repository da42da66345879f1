#include "cli/process/file_watch.h"

#include <filesystem>
#include <fstream>

namespace gapless::cli {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;

class FileWatchTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "watch-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    auto watch = FileWatch::Open(worker_, [this] { ++changes_; });
    ASSERT_TRUE(watch.ok());
    watch_ = *std::move(watch);
  }
  void TearDown() override {
    watch_.reset();
    fs::remove_all(folder_);
  }
  void Write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
  }
  void Watch(const std::string& name) {
    ASSERT_TRUE(watch_->SetFiles({(folder_ / name).string()}).ok());
  }
  bool Changed(int times) {
    return worker_.RunUntil([this, times] { return changes_ >= times; }, seconds(5));
  }

  net::Worker worker_;
  fs::path folder_;
  std::unique_ptr<FileWatch> watch_;
  int changes_ = 0;
};

TEST_F(FileWatchTest, AWriteInPlaceIsToldOnce) {
  Write("c.yaml", "a");
  Watch("c.yaml");
  Write("c.yaml", "ab");
  Write("c.yaml", "abc");
  EXPECT_TRUE(Changed(1));
  (void)worker_.RunUntil([] { return false; }, milliseconds(600));
  EXPECT_EQ(changes_, 1);
  Write("c.yaml", "abcd");
  EXPECT_TRUE(Changed(2));
}

TEST_F(FileWatchTest, AFileThatIsReplacedByARenameIsTold) {
  Write("c.yaml", "a");
  Watch("c.yaml");
  for (int i = 1; i <= 2; ++i) {
    Write("new", "b");
    fs::rename(folder_ / "new", folder_ / "c.yaml");
    EXPECT_TRUE(Changed(i)) << i;
  }
}

TEST_F(FileWatchTest, OtherFilesOfTheDirectoryMeanNothing) {
  Write("c.yaml", "a");
  Watch("c.yaml");
  Write("log", "line");
  (void)worker_.RunUntil([] { return false; }, milliseconds(600));
  EXPECT_EQ(changes_, 0);
}

TEST_F(FileWatchTest, AFileThatWasMissingIsAwaited) {
  Watch("c.yaml");
  Write("c.yaml", "a");
  EXPECT_TRUE(Changed(1));
}

// config.yaml -> ..data/config.yaml, ..data -> ..1; an update makes ..2 and renames a new ..data
// over the old one.
TEST_F(FileWatchTest, AConfigMapOfKubernetesIsFollowed) {
  const auto update = [this](const std::string& version) {
    fs::create_directory(folder_ / version);
    Write(version + "/config.yaml", version);
    fs::create_symlink(version, folder_ / "..tmp");
    fs::rename(folder_ / "..tmp", folder_ / "..data");
  };
  update("..1");
  fs::create_symlink("..data/config.yaml", folder_ / "config.yaml");
  Watch("config.yaml");
  update("..2");
  EXPECT_TRUE(Changed(1));
  fs::remove_all(folder_ / "..1");
  update("..3");
  EXPECT_TRUE(Changed(2));
}

TEST_F(FileWatchTest, EveryLinkOnTheWayIsWatched) {
  fs::create_directories(folder_ / "real");
  fs::create_directories(folder_ / "links");
  Write("real/c.yaml", "a");
  fs::create_symlink("../real", folder_ / "links/folder");
  fs::create_symlink("links/folder/c.yaml", folder_ / "c.yaml");
  EXPECT_EQ(DirectoriesOf((folder_ / "c.yaml").string()),
            (std::set<std::string>{folder_.string(), (folder_ / "links").string(),
                                   (folder_ / "real").string()}));
}

}  // namespace
}  // namespace gapless::cli
