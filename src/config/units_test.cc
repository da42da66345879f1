#include "config/units.h"

#include "base/duration_text.h"
#include "base/rng.h"
#include "config/nearest.h"

namespace gapless::config {
namespace {

using namespace std::chrono_literals;

TEST(DurationTest, ReadsGoSyntax) {
  struct Case {
    const char* text;
    Duration want;
  };
  const Case cases[] = {
      {"0", 0s},      {"0s", 0s},   {"300ms", 300ms},  {"1h15m", 75min},     {"-1.5h", -90min},
      {"+5s", 5s},    {"1us", 1us}, {"1\u00b5s", 1us}, {"1\u03bcs", 1us},    {"7ns", 7ns},
      {".5s", 500ms}, {"1.s", 1s},  {"0.1s", 100ms},   {"1m30.5s", 90500ms},
  };
  for (const Case& c : cases) {
    const Result<Duration> got = ParseDuration(c.text);
    ASSERT_TRUE(got.ok()) << c.text;
    EXPECT_EQ(*got, c.want) << c.text;
  }
}

TEST(DurationTest, RefusesInGosWords) {
  struct Case {
    const char* text;
    const char* want;
  };
  const Case cases[] = {
      {"", "time: invalid duration \"\""},
      {"-", "time: invalid duration \"-\""},
      {".s", "time: invalid duration \".s\""},
      {"3", "time: missing unit in duration \"3\""},
      {"3x", "time: unknown unit \"x\" in duration \"3x\""},
      {"1d", "time: unknown unit \"d\" in duration \"1d\""},
      {"3000000h", "time: invalid duration \"3000000h\""},
      {"99999999999999999999s", "time: invalid duration \"99999999999999999999s\""},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(ParseDuration(c.text).status().message(), c.want) << c.text;
  }
}

TEST(DurationPropertyTest, WhatIsPrintedReadsBack) {
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    Rng rng(seed);
    const Duration duration(static_cast<int64_t>(rng.Next() >> (1 + rng.Below(60))) *
                            (rng.Chance(0.5) ? 1 : -1));
    const std::string text = FormatDuration(duration);
    const Result<Duration> back = ParseDuration(text);
    ASSERT_TRUE(back.ok()) << "seed " << seed << " " << text;
    ASSERT_EQ(*back, duration) << "seed " << seed << " " << text;
  }
}

TEST(ByteSizeTest, ReadsAndPrintsUnits) {
  EXPECT_EQ(ParseByteSize("512")->bytes, 512u);
  EXPECT_EQ(ParseByteSize("1kB")->bytes, 1000u);
  EXPECT_EQ(ParseByteSize("64 MiB")->bytes, 64u << 20);
  EXPECT_EQ(ParseByteSize("0.5Gi")->bytes, 512u << 20);
  EXPECT_FALSE(ParseByteSize("").ok());
  EXPECT_FALSE(ParseByteSize("MiB").ok());
  EXPECT_FALSE(ParseByteSize("-1").ok());
  EXPECT_FALSE(ParseByteSize("99999999999TiB").ok());
  EXPECT_EQ(FormatByteSize({64 << 20}), "64MiB");
  EXPECT_EQ(FormatByteSize({1000}), "1000B");
  EXPECT_EQ(FormatByteSize({0}), "0B");
  EXPECT_EQ(ParseByteRate("8MiB/s")->bytes_per_second, 8u << 20);
  EXPECT_FALSE(ParseByteRate("8MiB/m").ok());
}

TEST(PercentTest, IsBetweenZeroAndHundred) {
  EXPECT_EQ(ParsePercent("80%")->value, 80);
  EXPECT_EQ(ParsePercent("0.5")->value, 0.5);
  for (const char* text : {"", "%", "101%", "-1%", "nan%", "x"}) {
    EXPECT_FALSE(ParsePercent(text).ok()) << text;
  }
}

TEST(SizeOrPercentTest, IsASizeOrAPartOfWhatTheReaderKnows) {
  EXPECT_EQ(ParseSizeOrPercent("25%")->Of(1000), 250u);
  EXPECT_EQ(ParseSizeOrPercent("64MiB")->Of(1000), 64u << 20);
  EXPECT_EQ(FormatSizeOrPercent(*ParseSizeOrPercent("64MiB")), "64MiB");
  EXPECT_EQ(FormatSizeOrPercent(*ParseSizeOrPercent("12.5%")), "12.5%");
  EXPECT_FALSE(ParseSizeOrPercent("101%").ok());
  EXPECT_FALSE(ParseSizeOrPercent("much").ok());
}

TEST(NearestNameTest, FindsMisspellingsAndNothingElse) {
  const std::vector<std::string> keys = {"endpoint", "endpoints", "tls", "timeout",
                                         "sending_queue"};
  EXPECT_EQ(NearestName("endpint", keys), "endpoint");
  EXPECT_EQ(NearestName("ednpoint", keys), "endpoint");
  EXPECT_EQ(NearestName("sendingQueue", keys), "sending_queue");
  EXPECT_EQ(NearestName("sending-queue", keys), "sending_queue");
  EXPECT_EQ(NearestName("TLS", keys), "tls");
  EXPECT_EQ(NearestName("tl", keys), "tls");
  EXPECT_EQ(NearestName("compression", keys), "");
  EXPECT_EQ(NearestName("", keys), "");
  EXPECT_EQ(NearestName("x", keys), "");
  EXPECT_EQ(NearestHint("endpint", keys), " (did you mean \"endpoint\"?)");
}

}  // namespace
}  // namespace gapless::config
