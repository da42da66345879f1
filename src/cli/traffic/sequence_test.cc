#include "cli/traffic/sequence.h"

#include "otlp/scan.h"

#include <gtest/gtest.h>

namespace gapless::cli {
namespace {

TEST(SequenceTest, EveryItemOfEverySignalIsFoundAgain) {
  for (const otlp::Signal signal : otlp::kSignals) {
    const std::string request = MakeRequest(signal, {.first = 513, .last = 1024}, 1);
    const auto ranges = ReadSequence(signal, Rope::CopyOf(request));
    ASSERT_TRUE(ranges.ok()) << ranges.status().ToString();
    ASSERT_EQ(ranges->size(), 1u);
    EXPECT_EQ(ranges->front().first, 513u);
    EXPECT_EQ(ranges->front().last, 1024u);
    EXPECT_EQ(otlp::Scan(Rope::CopyOf(request), signal)->items, 512u);
  }
}

TEST(SequenceTest, MergedRequestsKeepTheirGaps) {
  Rope merged = Rope::CopyOf(MakeRequest(otlp::Signal::kLogs, {.first = 1, .last = 3}, 1));
  merged.Append(Rope::CopyOf(MakeRequest(otlp::Signal::kLogs, {.first = 7, .last = 7}, 1)));
  EXPECT_EQ(ReadSequence(otlp::Signal::kLogs, merged)->size(), 2u);
}

TEST(SequenceTest, LinesSurviveWritingAndReading) {
  const LogLine line{.at_ns = 12345,
                     .signal = otlp::Signal::kMetrics,
                     .what = "ok",
                     .ranges = {{.first = 1, .last = 5}, {.first = 9, .last = 9}}};
  const std::string text = FormatLine(line);
  const auto parsed = ParseLine(std::string_view(text).substr(0, text.size() - 1));
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(FormatLine(*parsed), text);
}

TEST(SequenceTest, MalformedLinesAreRefused) {
  for (const char* text : {"", "x", "1 spans ok 1-2", "1 logs ok 2-1", "1 logs ok 1"}) {
    EXPECT_FALSE(ParseLine(text).ok()) << text;
  }
}

}  // namespace
}  // namespace gapless::cli
