#include "service/config/limits_config.h"

#include "config/yaml.h"

#include <string>

#include <gtest/gtest.h>

namespace gapless::service {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;

// What is wrong with it; empty: nothing.
std::string Read(const std::string& yaml, LimitsConfig& limits) {
  config::Errors errors;
  const auto node = config::ParseYaml(yaml, "c");
  config::Decode(LimitsTable(), *node, "service::limits", limits, errors);
  if (errors.ok()) {
    config::Validate(LimitsTable(), limits, *node, "service::limits", errors);
  }
  return errors.ToString();
}

uint64_t MemoryOf(const std::string& yaml, uint64_t machine) {
  LimitsConfig limits;
  EXPECT_EQ(Read(yaml, limits), "");
  return limits.MemoryOf(machine);
}

TEST(LimitsConfigTest, MemoryIsASizeOrAPartOfTheMachine) {
  EXPECT_EQ(LimitsConfig().MemoryOf(512 * kMiB), 128 * kMiB);
  EXPECT_EQ(MemoryOf("{memory: 512MiB}", 512 * kMiB), 512 * kMiB);
  EXPECT_EQ(MemoryOf("{memory: 50%}", 512 * kMiB), 256 * kMiB);
  EXPECT_EQ(MemoryOf("{memory: 67108864}", 512 * kMiB), 64 * kMiB);
  EXPECT_EQ(MemoryOf("{memory: 25%}", 64 * kMiB), 32 * kMiB) << "at least so much";
}

TEST(LimitsConfigTest, WhatCannotBeALimitIsAnError) {
  for (const char* bad : {"{memory: 1MiB}", "{memory: 0%}", "{memory: 101%}", "{memory: -1}",
                          "{memory: much}", "{memory: [1]}", "{memory: 0}"}) {
    LimitsConfig limits;
    EXPECT_NE(Read(bad, limits), "") << bad;
  }
}

}  // namespace
}  // namespace gapless::service
