#include "takeover/queue_content.h"

#include "io/memory_file_system.h"
#include "takeover/test_queue_file.h"

#include <gtest/gtest.h>

namespace gapless::takeover {
namespace {

class QueueContentTest : public ::testing::Test {
 protected:
  QueueContentTest() { EXPECT_TRUE(fs_.MakeDirectory("/q", 0700).ok()); }

  Result<QueueContent> Read(const std::string& bytes) {
    WriteTestFile(fs_, "/q/file", bytes);
    file_ = *fs_.Open("/q/file", io::OpenMode::kRead);
    return ReadQueueContent(*file_);
  }
  // The values, in the order in which they are to be delivered.
  std::vector<std::string> Values(const QueueContent& content) {
    std::vector<std::string> values;
    for (const QueueItem& item : content.pending) {
      values.emplace_back(ReadQueueItem(*file_, item)->text());
    }
    return values;
  }

  io::MemoryFileSystem fs_;
  std::unique_ptr<io::File> file_;
};

std::vector<std::string> Numbered(size_t count, size_t size = 20) {
  std::vector<std::string> values;
  for (size_t i = 0; i < count; ++i) {
    values.push_back(std::to_string(i) + std::string(size, 'x'));
  }
  return values;
}

TEST_F(QueueContentTest, GivesWhatIsPendingInTheOrderOfArrivalNotOfKeys) {
  // The keys are 98 to 127: "100" comes before "98" in the tree.
  const auto values = Numbered(30);
  const auto content = Read(TestQueueFile::Of(values, 3).Bytes());
  ASSERT_TRUE(content.ok()) << content.status().ToString();
  EXPECT_EQ(Values(*content), values);
  EXPECT_EQ(content->dispatched, 3u);
  EXPECT_EQ(content->missing, 0u);
  EXPECT_EQ(content->strays, 0u);
  EXPECT_EQ(content->damaged_pages, 0u);
}

TEST_F(QueueContentTest, AnEmptyQueueIsInlineInItsBucket) {
  const auto content = Read(TestQueueFile().Bytes());
  ASSERT_TRUE(content.ok()) << content.status().ToString();
  EXPECT_TRUE(content->pending.empty());
}

TEST_F(QueueContentTest, ValuesLargerThanAPageAreReadWhole) {
  const auto values = Numbered(5, 100'000);
  TestQueueFile file = TestQueueFile::Of(values);
  file.keys_per_leaf = 2;
  const auto content = Read(file.Bytes());
  ASSERT_TRUE(content.ok());
  EXPECT_EQ(Values(*content), values);
}

TEST_F(QueueContentTest, TheKeysOfOlderCollectorsAreRead) {
  TestQueueFile file;
  for (int i = 5; i < 9; ++i) {
    file.pairs[std::to_string(i)] = "v" + std::to_string(i);
  }
  TestQueueFile::Put<uint64_t>(file.pairs["ri"], 7);
  TestQueueFile::Put<uint64_t>(file.pairs["wi"], 9);
  TestQueueFile::Put<uint32_t>(file.pairs["di"], 1);
  TestQueueFile::Put<uint64_t>(file.pairs["di"], 6);
  const auto content = Read(file.Bytes());
  ASSERT_TRUE(content.ok());
  EXPECT_EQ(Values(*content), (std::vector<std::string>{"v6", "v7", "v8"}));
  EXPECT_EQ(content->strays, 1u);
}

TEST_F(QueueContentTest, OfTwoFormsOfIndexesThatCountsWhichCoversTheValues) {
  TestQueueFile file = TestQueueFile::Of(Numbered(2), 0, 40);
  file.pairs["0"] = "new";
  file.pairs["1"] = "newer";
  file.pairs["2"] = "newest";
  TestQueueFile::Put<uint64_t>(file.pairs["ri"], 0);
  TestQueueFile::Put<uint64_t>(file.pairs["wi"], 3);
  const auto content = Read(file.Bytes());
  ASSERT_TRUE(content.ok());
  EXPECT_EQ(Values(*content), (std::vector<std::string>{"new", "newer", "newest"}));
  EXPECT_EQ(content->strays, 2u);
}

TEST_F(QueueContentTest, AValueThatIsNotThereIsCounted) {
  TestQueueFile file = TestQueueFile::Of(Numbered(5), 2);
  file.pairs.erase("98");
  file.pairs.erase("101");
  const auto content = Read(file.Bytes());
  ASSERT_TRUE(content.ok());
  EXPECT_EQ(content->pending.size(), 3u);
  EXPECT_EQ(content->missing, 2u);
}

TEST_F(QueueContentTest, ADamagedPageCostsWhatIsOnItAndNothingElse) {
  const auto values = Numbered(100);
  TestQueueFile file = TestQueueFile::Of(values);
  const std::string good = file.Bytes();
  for (const auto& [key, page] : file.page_of) {
    std::string bytes = good;
    bytes.replace(page * TestQueueFile::kPage, 64, 64, '\xff');
    const auto content = Read(bytes);
    ASSERT_TRUE(content.ok()) << content.status().ToString();
    size_t on_it = 0;
    for (const auto& [other, other_page] : file.page_of) {
      on_it += other_page == page && other != "qmv0" ? 1 : 0;
    }
    EXPECT_EQ(content->pending.size(), values.size() - on_it) << "page " << page;
    EXPECT_EQ(content->damaged_pages, 1u);
    EXPECT_EQ(content->without_indexes, page == file.page_of.at("qmv0"));
  }
}

TEST_F(QueueContentTest, BelowADamagedBranchTheLeavesAreFound) {
  const auto values = Numbered(100);
  TestQueueFile file = TestQueueFile::Of(values);
  std::string bytes = file.Bytes();
  bytes.replace(file.branch * TestQueueFile::kPage, 64, 64, '\xff');
  const auto content = Read(bytes);
  ASSERT_TRUE(content.ok());
  EXPECT_EQ(Values(*content), values);
}

TEST_F(QueueContentTest, OneOfTheTwoFirstPagesIsEnough) {
  const auto values = Numbered(20);
  for (const size_t page : {0U, 1U}) {
    std::string bytes = TestQueueFile::Of(values).Bytes();
    bytes.replace(page * TestQueueFile::kPage, 100, 100, '\0');
    const auto content = Read(bytes);
    ASSERT_TRUE(content.ok()) << page << content.status().ToString();
    EXPECT_EQ(Values(*content), values);
  }
}

TEST_F(QueueContentTest, WhatIsNoQueueFileIsRefused) {
  for (const std::string& bytes :
       {std::string(), std::string("{}"), std::string(100'000, 'a'), std::string(8192, '\0')}) {
    EXPECT_EQ(Read(bytes).status().code(), Code::kInvalidArgument);
  }
}

TEST_F(QueueContentTest, WhateverBytesAreWrongNothingIsReadTwiceOrOutside) {
  const std::string good = TestQueueFile::Of(Numbered(60), 2).Bytes();
  for (uint64_t seed = 1; seed <= 3000; ++seed) {
    Rng rng(seed);
    std::string bytes = good;
    for (uint64_t i = rng.Below(6) + 1; i > 0; --i) {
      // Half of them where pages say what they are.
      const size_t page = rng.Below(bytes.size() / TestQueueFile::kPage);
      const size_t at = page * TestQueueFile::kPage + rng.Below(rng.Chance(0.5) ? 64 : 4096);
      bytes[at] = static_cast<char>(rng.Next());
    }
    bytes.resize(rng.Chance(0.1) ? rng.Below(bytes.size()) : bytes.size());
    const auto content = Read(bytes);
    if (content.ok()) {
      EXPECT_LE(content->pending.size(), 62U) << seed;
      for (const QueueItem& item : content->pending) {
        EXPECT_LE(item.offset + item.size, bytes.size());
      }
    }
  }
}

}  // namespace
}  // namespace gapless::takeover
