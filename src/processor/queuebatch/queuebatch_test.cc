#include "config/yaml.h"
#include "processor/queuebatch/config.h"
#include "processor/queuebatch/factory.h"

#include <gtest/gtest.h>

namespace gapless::processor::queuebatch {
namespace {

sending::BatchSettings SettingsOf(const std::string& yaml, config::Errors* errors) {
  auto node = config::ParseYaml(yaml, "config.yaml");
  EXPECT_TRUE(node.ok());
  const auto decoded = Factory().info.config.decode(*node, "processors::queuebatch", *errors);
  return Merging().settings(*decoded);
}

TEST(QueuebatchTest, BatchesByItemsUnlessTold) {
  config::Errors errors;
  const sending::BatchSettings settings = SettingsOf("{}", &errors);
  EXPECT_TRUE(errors.ok()) << errors.ToString();
  EXPECT_EQ(settings, (sending::BatchSettings{.flush_timeout = std::chrono::milliseconds(200),
                                              .min_size = 8192,
                                              .sizer = sending::Sizer::kItems}));
  EXPECT_EQ(Config().queue.num_consumers, 1U);
  EXPECT_EQ(Config().queue.queue_size, 10U);
  EXPECT_TRUE(Config().queue.block_on_overflow);
}

TEST(QueuebatchTest, TakesTheKeysOfASendingQueue) {
  config::Errors errors;
  const sending::BatchSettings settings = SettingsOf(
      "{queue_size: 50, batch: {flush_timeout: 1s, min_size: 10, max_size: 20,"
      " partition: {metadata_keys: [tenant]}}}",
      &errors);
  EXPECT_TRUE(errors.ok()) << errors.ToString();
  EXPECT_EQ(settings.flush_timeout, Duration(std::chrono::seconds(1)));
  EXPECT_EQ(settings.max_size, 20U);
  EXPECT_EQ(settings.metadata_keys, std::vector<std::string>{"tenant"});
}

TEST(QueuebatchTest, WithoutBatchEveryRequestGoesAsItCame) {
  config::Errors errors;
  EXPECT_EQ(SettingsOf("batch: {enabled: false}", &errors).min_size, 0U);
  EXPECT_TRUE(errors.ok()) << errors.ToString();
}

TEST(QueuebatchTest, SaysWhichKeysTheJournalBehindHas) {
  config::Errors errors;
  SettingsOf("storage: file_storage", &errors);
  SettingsOf("wait_for_result: true", &errors);
  EXPECT_TRUE(errors.ok()) << errors.ToString();
  EXPECT_EQ(errors.warnings().size(), 2U);
  config::Errors bad;
  SettingsOf("batch: {min_size: 10, max_size: 5}", &bad);
  EXPECT_FALSE(bad.ok());
}

}  // namespace
}  // namespace gapless::processor::queuebatch
