#include "base/rfc3339.h"

#include <gtest/gtest.h>

namespace gapless {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

WallTime At(int64_t unix_seconds) { return WallTime(seconds(unix_seconds)); }

TEST(Rfc3339Test, PrintsUtcWithMilliseconds) {
  EXPECT_EQ(FormatRfc3339(At(0)), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(FormatRfc3339(At(951827696) + milliseconds(7)), "2000-02-29T12:34:56.007Z");
}

TEST(Rfc3339Test, ReadsFractionsAndOffsets) {
  EXPECT_EQ(*ParseRfc3339("2000-02-29T12:34:56Z"), At(951827696));
  EXPECT_EQ(*ParseRfc3339("2000-02-29 12:34:56.5z"), At(951827696) + milliseconds(500));
  EXPECT_EQ(*ParseRfc3339("2000-02-29t14:04:56+01:30"), At(951827696));
  EXPECT_EQ(*ParseRfc3339("2000-02-29T11:34:56-01:00"), At(951827696));
  EXPECT_EQ(*ParseRfc3339("1970-01-01T00:00:00.000000001Z"), WallTime(Duration(1)));
  EXPECT_EQ(*ParseRfc3339("2016-12-31T23:59:60Z"), *ParseRfc3339("2016-12-31T23:59:59Z"));
}

TEST(Rfc3339Test, WhatItPrintsItReads) {
  const WallTime time = At(1799999999) + milliseconds(999);
  EXPECT_EQ(*ParseRfc3339(FormatRfc3339(time)), time);
}

TEST(Rfc3339Test, RefusesWhatIsNoTime) {
  for (const char* text :
       {"", "now", "2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z",
        "2026-01-01T00:00:00", "2026-01-01", "2026-01-01T00:00:00Z ", "2026-1-01T00:00:00Z",
        "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00.0123456789Z", "2026-01-01T00:00:00+01",
        "2300-01-01T00:00:00Z", "-026-01-01T00:00:00Z", "2026-01-01T00:00:00+24:00"}) {
    EXPECT_FALSE(ParseRfc3339(text).ok()) << text;
  }
}

}  // namespace
}  // namespace gapless
