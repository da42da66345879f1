#include "extension/pprof/pprof.h"

#include "config/yaml.h"
#include "extension/pprof/factory.h"
#include "extension/pprof/profiles.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gapless::extension::pprof {
namespace {

using ::testing::HasSubstr;

config::Errors Problems(const std::string& yaml) {
  config::Errors errors;
  auto node = config::ParseYaml(yaml, "config.yaml");
  EXPECT_TRUE(node.ok());
  Factory().info.config.decode(*node, "extensions::pprof", errors);
  return errors;
}

TEST(PprofConfigTest, TakesUpstreamsKeysAndSaysWhatHasNoEffect) {
  EXPECT_EQ(Config().endpoint, "localhost:1777");
  const config::Errors errors = Problems(
      "{endpoint: 'localhost:1', block_profile_fraction: 3, mutex_profile_fraction: 5,"
      " save_to_file: /tmp/cpu.pprof}");
  EXPECT_TRUE(errors.ok()) << errors.ToString();
  EXPECT_EQ(errors.warnings().size(), 1U);
  EXPECT_FALSE(Problems("endpoint: ''").ok());
}

TEST(PprofTest, TheIndexSaysHowToProfileThisProcess) {
  const Answer index = AnswerTo("/debug/pprof/", 1234);
  EXPECT_EQ(index.status, 200);
  EXPECT_THAT(index.body, HasSubstr("perf record -g -p 1234"));
}

TEST(PprofTest, HeapIsTheAllocatorsReport) {
  const Answer heap = AnswerTo("/debug/pprof/heap", 1);
  EXPECT_EQ(heap.status, 200);
  EXPECT_EQ(heap.content_type, "application/xml");
  EXPECT_EQ(heap.body.find('\0'), std::string::npos);
}

TEST(PprofTest, GoProfilesAreNotThere) {
  EXPECT_EQ(AnswerTo("/debug/pprof/profile", 1).status, 501);
  EXPECT_EQ(AnswerTo("/debug/pprof/nothing", 1).status, 404);
  EXPECT_EQ(AnswerTo("/", 1).status, 404);
}

}  // namespace
}  // namespace gapless::extension::pprof
