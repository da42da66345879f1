#include "otlp/scan.h"

#include "base/rng.h"
#include "tests/support/otlp_builder.h"

#include <bit>
#include <optional>

namespace gapless::otlp {
namespace {

using gapless::testing::BuildRequest;
using gapless::testing::ExtractIds;
using gapless::testing::Shape;
namespace b = gapless::testing::otlp_builder;

Rope Shred(std::string_view text, Rng& rng, size_t max_piece) {
  Rope rope;
  while (!text.empty()) {
    const size_t size = std::min<size_t>(text.size(), 1 + rng.Below(max_piece));
    rope.Append(Slice::CopyOf(text.substr(0, size)));
    text.remove_prefix(size);
  }
  return rope;
}

std::string Traces(const std::string& span) {
  return b::BytesField(1, b::BytesField(2, b::BytesField(2, span)));
}
std::string Metrics(const std::string& metric) { return Traces(metric); }

Status ScanText(const std::string& text, Signal signal = Signal::kTraces) {
  return Scan(Rope::CopyOf(text), signal).status();
}

TEST(ScanTest, CountsItemsOfEverySignalWhateverTheSlices) {
  for (const Signal signal : kSignals) {
    SCOPED_TRACE(Names(signal).name);
    const std::string request = BuildRequest(
        signal, {.resources = 3, .scopes = 2, .items = 17, .prefix = "p", .attributes = 12});
    ASSERT_EQ(ExtractIds(request, signal).size(), 102u);
    for (const size_t piece : {size_t{1}, size_t{7}, size_t{300}, size_t{5000}, request.size()}) {
      Rng rng(piece);
      const Rope rope = Shred(request, rng, piece);
      const auto result = Scan(rope, signal);
      ASSERT_TRUE(result.ok()) << result.status().ToString();
      EXPECT_EQ(result->items, 102u);
      EXPECT_EQ(result->resources, 3u);
      EXPECT_EQ(result->scopes, 6u);
      EXPECT_EQ(result->metrics, signal == Signal::kMetrics ? 36u : 0u);
      const auto count = CountItems(rope, signal);
      ASSERT_TRUE(count.ok()) << count.status().ToString();
      EXPECT_EQ(*count, 102u);
    }
  }
}

TEST(ScanTest, EmptyRequestHasNoItems) {
  const auto result = Scan(Rope(), Signal::kTraces);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->items, 0u);
}

TEST(ScanTest, ConcatenatedRequestsAreOneRequest) {
  for (const Signal signal : kSignals) {
    Rope merged = Rope::CopyOf(BuildRequest(signal, {.items = 5}));
    merged.Append(Rope::CopyOf(BuildRequest(signal, {.resources = 2, .items = 4})));
    EXPECT_EQ(Scan(merged, signal)->items, 13u);
    EXPECT_EQ(ExtractIds(merged.ToString(), signal).size(), 13u);
  }
}

std::string Attribute(const std::string& key, const std::string& value) {
  return b::BytesField(1, b::BytesField(1, key) + b::BytesField(2, b::BytesField(1, value)));
}
// One resource with these fields (nothing: no resource at all) and one item.
std::string OfResource(const std::optional<std::string>& fields) {
  return b::BytesField(1, (fields ? b::BytesField(1, *fields) : "") +
                              b::BytesField(2, b::BytesField(2, b::BytesField(1, ""))));
}
uint64_t LanesIn(const std::string& request, size_t piece = 10'000) {
  Rng rng(piece);
  const Rope rope = Shred(request, rng, piece);
  const auto result = Scan(rope, Signal::kTraces);
  EXPECT_TRUE(result.ok()) << result.status().ToString();
  EXPECT_EQ(*LanesOf(rope, Signal::kTraces), result->lanes);
  return result->lanes;
}

TEST(ScanTest, AResourceKeepsItsLaneInAnotherOrderAndAcrossSlices) {
  const std::string a = Attribute("service.name", "checkout");
  const std::string c = Attribute("host.name", std::string(5000, 'h'));
  const uint64_t lane = LanesIn(OfResource(a + c));
  EXPECT_EQ(std::popcount(lane), 1);
  EXPECT_EQ(LanesIn(OfResource(c + a)), lane);
  EXPECT_EQ(LanesIn(OfResource(c + b::VarintField(2, 7) + a)), lane);
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{300}, size_t{5000}}) {
    EXPECT_EQ(LanesIn(OfResource(c + a), piece), lane) << piece;
  }
}

TEST(ScanTest, AResourceThatACollectorWroteHasTheLaneOfTheSameFromAnSdk) {
  const auto swapped = [](const std::string& key, const std::string& value) {
    return b::BytesField(1, b::BytesField(2, b::BytesField(1, value)) + b::BytesField(1, key));
  };
  EXPECT_EQ(
      LanesIn(OfResource(swapped("host.name", "h") + swapped("service.name", "checkout"))),
      LanesIn(OfResource(Attribute("service.name", "checkout") + Attribute("host.name", "h"))));
}

TEST(ScanTest, EachResourceOfARequestHasItsLane) {
  uint64_t all = 0;
  std::string request;
  for (int i = 0; i < 100; ++i) {
    const std::string one = OfResource(Attribute("host.name", "h" + std::to_string(i)));
    EXPECT_EQ(std::popcount(LanesIn(one)), 1);
    all |= LanesIn(one);
    request += one;
  }
  EXPECT_EQ(LanesIn(request), all);
  EXPECT_GT(std::popcount(all), 32);  // they are spread
}

TEST(ScanTest, NoResourceAndAnEmptyOneAreTheSame) {
  const uint64_t lane = LanesIn(OfResource(std::nullopt));
  EXPECT_EQ(std::popcount(lane), 1);
  EXPECT_EQ(LanesIn(OfResource("")), lane);
  const std::string named = OfResource(Attribute("k", "v"));
  EXPECT_EQ(LanesIn(named + OfResource(std::nullopt)), LanesIn(named) | lane);
  EXPECT_EQ(LanesIn(""), 0u);
}

// Journals of earlier versions hold them.
TEST(ScanTest, LanesNeverChange) {
  EXPECT_EQ(LanesIn(OfResource("")), uint64_t{1});
  EXPECT_EQ(LanesIn(OfResource(Attribute("service.name", "checkout"))), uint64_t{1} << 29);
}

TEST(ScanTest, UnknownFieldsPassOnEveryLevel) {
  const std::string unknown = b::VarintField(31, 1) + b::BytesField(1000, "future") +
                              b::Fixed64Field(99, 1) + b::Fixed32Field(98, 1) +
                              std::string("\x83\x3f\x08\x01\x84\x3f", 6);  // a group, field 1008
  const std::string attribute = b::BytesField(
      9, b::BytesField(1, "k") + b::BytesField(2, b::BytesField(1, "v") + unknown) + unknown);
  const std::string span = b::BytesField(1, std::string(16, 'i')) + attribute + unknown;
  const std::string request =
      b::BytesField(1, unknown + b::BytesField(2, unknown + b::BytesField(2, span))) + unknown;
  for (const size_t piece : {size_t{1}, request.size()}) {
    Rng rng(piece);
    const auto result = Scan(Shred(request, rng, piece), Signal::kTraces);
    ASSERT_TRUE(result.ok()) << result.status().ToString();
    EXPECT_EQ(result->items, 1u);
  }
}

TEST(ScanTest, PackedAndSingleNumbersAreBothAccepted) {
  const auto histogram = [](const std::string& point) {
    return Metrics(b::BytesField(9, b::BytesField(1, point)));
  };
  EXPECT_TRUE(ScanText(histogram(b::BytesField(6, std::string(16, 'a'))), Signal::kMetrics).ok());
  EXPECT_TRUE(ScanText(histogram(b::Fixed64Field(6, 1)), Signal::kMetrics).ok());
  EXPECT_FALSE(ScanText(histogram(b::BytesField(6, std::string(15, 'a'))), Signal::kMetrics).ok());
  EXPECT_FALSE(ScanText(histogram(b::VarintField(6, 1)), Signal::kMetrics).ok());
  const auto buckets = [](const std::string& content) {
    return Metrics(b::BytesField(10, b::BytesField(1, b::BytesField(8, content))));
  };
  EXPECT_TRUE(ScanText(buckets(b::BytesField(2, "\1\2\3")), Signal::kMetrics).ok());
  EXPECT_TRUE(ScanText(buckets(b::VarintField(2, 5)), Signal::kMetrics).ok());
  EXPECT_FALSE(ScanText(buckets(b::BytesField(2, "\1\2\xff")), Signal::kMetrics).ok());
}

struct Bad {
  const char* name;
  std::string bytes;
};

TEST(ScanTest, MalformedRequestsAreInvalidArgumentWithAnOffset) {
  const auto attribute = [](const std::string& value) {
    return Traces(b::BytesField(9, b::BytesField(1, "k") + b::BytesField(2, value)));
  };
  const std::vector<Bad> cases = {
      {"text", "hello world"},
      {"span of wrong type", b::BytesField(1, b::BytesField(2, b::VarintField(2, 7)))},
      {"resource of wrong type", b::VarintField(1, 7)},
      {"trace id of 15 bytes", Traces(b::BytesField(1, std::string(15, 'i')))},
      {"span id of 16 bytes", Traces(b::BytesField(2, std::string(16, 'i')))},
      {"parent id of 1 byte", Traces(b::BytesField(4, "i"))},
      {"name as number", Traces(b::VarintField(5, 7))},
      {"time as varint", Traces(b::VarintField(7, 7))},
      {"length beyond span", Traces(std::string("\x2a\x09zz"))},
      {"attribute string cut", attribute("\x0a\x05zz")},
      {"attribute integer cut", attribute("\x18\x80")},
      {"attribute double cut", attribute("\x21zz")},
      {"attribute list broken", attribute(b::BytesField(5, b::BytesField(1, "\x0a\x05zz")))},
      {"event broken", Traces(b::BytesField(11, "\x0a"))},
      {"status broken", Traces(b::BytesField(15, b::BytesField(3, "x")))},
  };
  for (const Bad& bad : cases) {
    SCOPED_TRACE(bad.name);
    const Status status = ScanText(bad.bytes);
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
    EXPECT_THAT(status.message(), ::testing::HasSubstr("at byte "));
    Rng rng(3);
    EXPECT_EQ(Scan(Shred(bad.bytes, rng, 1), Signal::kTraces).status().code(),
              Code::kInvalidArgument);
  }
}

TEST(ScanTest, OffsetPointsAtTheBrokenField) {
  const std::string good = BuildRequest(Signal::kTraces, {});
  const std::string bad = good + Traces(b::VarintField(5, 7));
  EXPECT_THAT(ScanText(bad).message(),
              ::testing::HasSubstr("at byte " + std::to_string(bad.size() - 2)));
}

TEST(ScanTest, EveryTruncationIsRejectedOrEndsBetweenResources) {
  const std::string request = BuildRequest(Signal::kMetrics, {.items = 15, .attributes = 6});
  for (size_t size = 1; size < request.size(); ++size) {
    ASSERT_FALSE(ScanText(request.substr(0, size), Signal::kMetrics).ok()) << size;
  }
}

std::string NestedValue(int levels) {
  std::string value = b::BytesField(1, "leaf");
  for (int i = 0; i < levels; ++i) {
    value = b::BytesField(5, b::BytesField(1, value));
  }
  return Traces(b::BytesField(9, b::BytesField(1, "k") + b::BytesField(2, value)));
}

TEST(ScanTest, NestingIsBounded) {
  // request, resource, scope, span, attribute, value: six, and two for each list
  EXPECT_TRUE(ScanText(NestedValue(47)).ok());
  EXPECT_FALSE(ScanText(NestedValue(48)).ok());
  EXPECT_FALSE(ScanText(NestedValue(4000)).ok());
  Rng rng(1);
  EXPECT_FALSE(Scan(Shred(NestedValue(4000), rng, 100), Signal::kTraces).ok());
  EXPECT_TRUE(Scan(Rope::CopyOf(NestedValue(0)), Signal::kTraces, {.max_depth = 6}).ok());
  EXPECT_FALSE(Scan(Rope::CopyOf(NestedValue(0)), Signal::kTraces, {.max_depth = 5}).ok());
}

// The walk over slices and the flat walk must agree on any input, and a change of one byte must
// never crash either.
TEST(ScanTest, SlicedAndFlatWalksAgreeOnDamagedInput) {
  for (uint64_t seed = 1; seed <= 3000; ++seed) {
    Rng rng(seed);
    const Signal signal = kSignals[rng.Below(3)];
    std::string text = BuildRequest(signal, {.items = 3, .attributes = 7});
    for (uint64_t n = 1 + rng.Below(3); n > 0; --n) {
      text[rng.Below(text.size())] = static_cast<char>(rng.Next());
    }
    const auto flat = Scan(Rope::CopyOf(text), signal);
    const auto sliced = Scan(Shred(text, rng, 1 + rng.Below(200)), signal);
    ASSERT_EQ(flat.ok(), sliced.ok()) << "seed " << seed;
    if (flat.ok()) {
      EXPECT_EQ(flat->items, sliced->items) << "seed " << seed;
      EXPECT_EQ(*CountItems(Rope::CopyOf(text), signal), flat->items) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace gapless::otlp
