#include "base/sim_loop.h"
#include "config/yaml.h"
#include "extension/file_storage/factory.h"
#include "extension/file_storage/storage.h"
#include "io/memory_file_system.h"
#include "io/posix_file_system.h"

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

namespace gapless::extension::file_storage {
namespace {

config::Errors Problems(const std::string& yaml, Config* out = nullptr) {
  config::Errors errors;
  auto node = config::ParseYaml(yaml, "config.yaml");
  EXPECT_TRUE(node.ok());
  const auto decoded = Factory().info.config.decode(*node, "extensions::file_storage", errors);
  if (out) {
    *out = pipeline::ValueOf<Config>(*decoded);
  }
  return errors;
}

TEST(FileStorageConfigTest, SyncsByDefaultAndHasNoLimit) {
  Config config;
  EXPECT_TRUE(Problems("{}", &config).ok());
  EXPECT_TRUE(config.fsync);
  EXPECT_EQ(config.max_size.bytes, 0U);
  EXPECT_EQ(config.compression, Compression::kNone);
}

TEST(FileStorageConfigTest, ReadsUpstreamsKeysAndOurs) {
  Config config;
  const config::Errors errors = Problems(R"(
directory: /tmp/somewhere/new
create_directory: true
timeout: 3s
fsync: false
recreate: true
max_size: 2GiB
compression: zstd
compaction: {on_start: true, on_rebound: true, directory: /tmp, check_interval: 1s}
)",
                                         &config);
  EXPECT_TRUE(errors.ok()) << errors.ToString();
  EXPECT_EQ(errors.warnings().size(), 2U);
  EXPECT_EQ(config.max_size.bytes, uint64_t{2} << 30);
  EXPECT_EQ(config.compression, Compression::kZstd);
  EXPECT_FALSE(config.fsync);
}

TEST(FileStorageConfigTest, ADirectoryThatIsNotThereIsFoundAtValidation) {
  const config::Errors missing = Problems("directory: /nowhere/at/all");
  EXPECT_NE(missing.ToString().find("directory must exist: stat /nowhere/at/all"),
            std::string::npos);
  EXPECT_NE(Problems("directory: /etc/passwd").ToString().find("is not a directory"),
            std::string::npos);
  EXPECT_TRUE(Problems("{directory: /nowhere/at/all, create_directory: true}").ok());
  EXPECT_FALSE(Problems("directory_permissions: '0999'").ok());
  EXPECT_FALSE(Problems("compaction: {on_rebound: true, check_interval: 0s}").ok());
}

TEST(FileStorageConfigTest, TheDefaultDirectoryIsUpstreamsIfThereElseOurOwn) {
  io::MemoryFileSystem fs;
  EXPECT_EQ(DefaultDirectory(fs, {.is_root = false, .state_home = "", .home = "/home/u"}),
            "/home/u/.local/state/gapless/file_storage");
  EXPECT_EQ(DefaultDirectory(fs, {.is_root = true, .state_home = "", .home = "/root"}),
            "/var/lib/gapless/file_storage");
  EXPECT_EQ(DefaultDirectory(fs, {.is_root = true, .state_home = "/state", .home = "/root"}),
            "/state/gapless/file_storage");
  ASSERT_TRUE(fs.MakeDirectory("/var/lib/otelcol/file_storage", 0700).ok());
  EXPECT_EQ(DefaultDirectory(fs, {.is_root = true, .state_home = "/state", .home = "/root"}),
            "/var/lib/otelcol/file_storage");
}

TEST(FileStorageTest, NamesOnDiskAreUpstreamsWithAnEndingOfTheirOwn) {
  EXPECT_EQ(DirectoryNameOf("exporter_otlp_grpc_primary_traces"),
            "exporter_otlp_grpc_primary_traces.journal");
  EXPECT_EQ(DirectoryNameOf("exporter_otlp_a/b c_logs"),
            "exporter_otlp_a~002Fb~0020c_logs.journal");
}

// With the real disk and the real threads.
class FileStorageDiskTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "gapless_fs_XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string directory_;
};

TEST_F(FileStorageDiskTest, AJournalPerNameAndSignalThatASecondOwnerCannotHave) {
  SimLoop loop;
  FileStorage storage({.directory = directory_, .timeout = Duration(0)}, io::PosixFileSystem(), {});
  auto recovered = storage.Recover("exporter_otlp_a_traces", {}, {});
  ASSERT_TRUE(recovered.ok()) << recovered.status().ToString();
  std::unique_ptr<journal::Journal> traces = (*recovered)(loop);
  EXPECT_TRUE(storage.Recover("exporter_otlp_a_logs", {}, {}).ok());
  EXPECT_EQ(traces->tier(), "storage (survives power loss)");
  EXPECT_TRUE(std::filesystem::exists(directory_ + "/exporter_otlp_a_traces.journal/JOURNAL"));
  const auto second = storage.Recover("exporter_otlp_a_traces", {}, {});
  EXPECT_EQ(second.status().code(), Code::kFailedPrecondition);
  traces.reset();
  EXPECT_TRUE(storage.Recover("exporter_otlp_a_traces", {}, {}).ok());
}

TEST_F(FileStorageDiskTest, MakesTheDirectoryWhenAskedTo) {
  FileStorage storage({.directory = directory_ + "/a/b", .create_directory = true},
                      io::PosixFileSystem(), {});
  EXPECT_TRUE(storage.Recover("exporter_otlp_a_traces", {}, {}).ok());
  FileStorage missing({.directory = directory_ + "/c"}, io::PosixFileSystem(), {});
  EXPECT_EQ(missing.Recover("exporter_otlp_a_traces", {}, {}).status().code(), Code::kNotFound);
}

}  // namespace
}  // namespace gapless::extension::file_storage
