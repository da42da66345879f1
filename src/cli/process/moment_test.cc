#include "cli/process/moment.h"

#include <gtest/gtest.h>

namespace gapless::cli {
namespace {

TEST(MomentTest, IsATimeOrHowLongAgo) {
  const WallTime now(std::chrono::hours(1000));
  EXPECT_EQ(*ParseMoment("1970-01-02T00:00:00Z", now), WallTime(std::chrono::hours(24)));
  EXPECT_EQ(*ParseMoment("1h30m", now), now - std::chrono::minutes(90));
  EXPECT_EQ(*ParseMoment("0s", now), now);
}

TEST(MomentTest, SaysWhatItExpectsOfAnythingElse) {
  for (const char* text : {"", "yesterday", "-1h", "2026-03-01", "12"}) {
    const auto moment = ParseMoment(text, WallTime());
    EXPECT_NE(moment.status().message().find("neither a time"), std::string_view::npos) << text;
  }
}

}  // namespace
}  // namespace gapless::cli
