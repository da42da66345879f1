#include "otlp/split.h"

#include "base/rng.h"
#include "otlp/scan.h"
#include "tests/support/otlp_builder.h"

namespace gapless::otlp {
namespace {

using gapless::testing::BuildRequest;
using gapless::testing::ExtractIds;
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

// A request of random shape, with containers that hold no items here and there.
std::string RandomRequest(Signal signal, Rng& rng) {
  std::string request;
  for (uint64_t n = 1 + rng.Below(3); n > 0; --n) {
    request += BuildRequest(signal, {.resources = static_cast<int>(rng.Below(4)),
                                     .scopes = static_cast<int>(rng.Below(4)),
                                     .items = static_cast<int>(rng.Below(9)),
                                     .prefix = "r" + std::to_string(n),
                                     .attributes = 2,
                                     .points_per_metric = 1 + static_cast<int>(rng.Below(4))});
    if (rng.Chance(0.3)) {
      request += b::BytesField(1, b::BytesField(1, "") + b::BytesField(2, ""));
    }
  }
  return request;
}

// What lies around each item: for every item the extras of its resource, scope, metric and data.
std::vector<std::string> Contexts(const std::string& request, Signal signal) {
  std::vector<std::string> contexts;
  for (const std::string_view resource : b::Children(request, 1)) {
    const auto own = b::Children(resource, 1);
    for (const std::string_view scope : b::Children(resource, 2)) {
      const auto scope_own = b::Children(scope, 1);
      const std::string context =
          (own.empty() ? "" : std::string(own[0])) + "|" +
          std::string(b::Children(resource, 3).empty() ? "" : b::Children(resource, 3)[0]) + "|" +
          (scope_own.empty() ? "" : std::string(scope_own[0]));
      for (const std::string_view item : b::Children(scope, 2)) {
        if (signal != Signal::kMetrics) {
          contexts.push_back(context);
          continue;
        }
        for (const int data_field : {5, 7, 9, 10, 11}) {
          for (const std::string_view data : b::Children(item, data_field)) {
            for (size_t n = b::Children(data, 1).size(); n > 0; --n) {
              // The data after its points: temporality and monotony.
              const size_t tail = data_field == 7 ? 4 : data_field == 9 || data_field == 10 ? 2 : 0;
              const std::string_view rest = b::Children(data, 1).back();
              const size_t after = static_cast<size_t>(rest.data() + rest.size() - data.data());
              const bool at_end = after + tail == data.size();
              contexts.push_back(context + "|" + std::string(b::Children(item, 1)[0]) + "|" +
                                 std::string(b::Children(item, 3)[0]) + "|" +
                                 std::string(at_end ? data.substr(after) : data.substr(0, tail)));
            }
          }
        }
      }
    }
  }
  return contexts;
}

void Append(std::vector<std::string>& to, const std::vector<std::string>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

TEST(SplitTest, PartsHoldEveryItemOnceInOrderWithItsSurroundings) {
  for (uint64_t seed = 1; seed <= 600; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    const Signal signal = kSignals[rng.Below(3)];
    const std::string request = RandomRequest(signal, rng);
    const Rope rope = Shred(request, rng, 1 + rng.Below(500));
    const size_t max_items = 1 + rng.Below(20);
    const auto parts = Split(rope, signal, {.max_items = max_items});
    ASSERT_TRUE(parts.ok()) << parts.status().ToString();
    std::vector<std::string> ids;
    std::vector<std::string> contexts;
    Rope merged;
    for (const Part& part : *parts) {
      const auto scan = Scan(part.request, signal);
      ASSERT_TRUE(scan.ok()) << scan.status().ToString();
      EXPECT_EQ(scan->items, part.items);
      EXPECT_LE(part.items, max_items);
      if (&part != &parts->back()) {
        EXPECT_EQ(part.items, max_items);
      }
      const std::string text = part.request.ToString();
      Append(ids, ExtractIds(text, signal));
      Append(contexts, Contexts(text, signal));
      merged.Append(part.request);
    }
    EXPECT_EQ(ids, ExtractIds(request, signal));
    EXPECT_EQ(contexts, Contexts(request, signal));
    EXPECT_EQ(ExtractIds(merged.ToString(), signal), ids);
    EXPECT_EQ(Scan(merged, signal)->items, ids.size());
  }
}

TEST(SplitTest, PartsStayWithinTheByteLimitUnlessOneItemIsLarger) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    const Signal signal = kSignals[rng.Below(3)];
    const std::string request = RandomRequest(signal, rng);
    const size_t max_bytes = 1 + rng.Below(4000);
    const auto parts = Split(Rope::CopyOf(request), signal, {.max_bytes = max_bytes});
    ASSERT_TRUE(parts.ok());
    std::vector<std::string> ids;
    for (const Part& part : *parts) {
      EXPECT_TRUE(part.request.size() <= max_bytes || part.items <= 1) << part.request.size();
      Append(ids, ExtractIds(part.request.ToString(), signal));
    }
    EXPECT_EQ(ids, ExtractIds(request, signal));
  }
}

TEST(SplitTest, SliceIsTheSameRangeOfItems) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    const Signal signal = kSignals[rng.Below(3)];
    const std::string request = RandomRequest(signal, rng);
    const std::vector<std::string> ids = ExtractIds(request, signal);
    const size_t first = rng.Below(ids.size() + 2);
    const size_t count = rng.Below(ids.size() + 2);
    const auto part = SliceItems(Rope::CopyOf(request), signal, first, count);
    ASSERT_TRUE(part.ok());
    const size_t from = std::min(first, ids.size());
    const size_t to = std::min(ids.size(), from + count);
    EXPECT_EQ(part->items, to - from);
    EXPECT_EQ(ExtractIds(part->request.ToString(), signal),
              std::vector<std::string>(ids.begin() + static_cast<long>(from),
                                       ids.begin() + static_cast<long>(to)));
  }
}

TEST(SplitTest, RequestWithinTheLimitsComesBackUnchanged) {
  const Rope request = Rope::CopyOf(BuildRequest(Signal::kLogs, {.items = 10}));
  const auto parts = Split(request, Signal::kLogs, {.max_items = 10});
  ASSERT_EQ(parts->size(), 1u);
  EXPECT_EQ(parts->front().request.slices().front().data(), request.slices().front().data());
  EXPECT_EQ(parts->front().items, 10u);
}

TEST(SplitTest, PartsShareTheBytesOfTheRequest) {
  const Rope request = Rope::CopyOf(BuildRequest(Signal::kTraces, {.items = 100}));
  const Slice& whole = request.slices().front();
  const auto parts = Split(request, Signal::kTraces, {.max_items = 50});
  ASSERT_EQ(parts->size(), 2u);
  size_t shared = 0;
  for (const Part& part : *parts) {
    for (const Slice& slice : part.request.slices()) {
      if (slice.data() >= whole.data() && slice.data() < whole.data() + whole.size()) {
        shared += slice.size();
      }
    }
  }
  EXPECT_GT(shared, request.size() * 99 / 100);
}

TEST(SplitTest, UnknownFieldsGoWithEveryPart) {
  const std::string scope = b::BytesField(2, b::BytesField(5, "a")) + b::VarintField(30, 3) +
                            b::BytesField(2, b::BytesField(5, "b"));
  const std::string request =
      b::VarintField(29, 1) + b::BytesField(1, b::VarintField(31, 2) + b::BytesField(2, scope));
  const auto parts = Split(Rope::CopyOf(request), Signal::kTraces, {.max_items = 1});
  ASSERT_EQ(parts->size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    const std::string item = b::BytesField(2, b::BytesField(5, i == 0 ? "a" : "b"));
    EXPECT_EQ((*parts)[i].request.ToString(),
              b::VarintField(29, 1) +
                  b::BytesField(
                      1, b::VarintField(31, 2) + b::BytesField(2, b::VarintField(30, 3) + item)));
  }
}

TEST(SplitTest, MessagesWithoutItemsAreNotLost) {
  const std::string lonely = b::BytesField(1, b::BytesField(3, "lonely"));
  const std::string two = BuildRequest(Signal::kTraces, {.items = 2});
  for (const std::string& request : {lonely + two, two + lonely}) {
    const auto parts = Split(Rope::CopyOf(request), Signal::kTraces, {.max_items = 1});
    ASSERT_EQ(parts->size(), 2u);
    const std::string all = (*parts)[0].request.ToString() + (*parts)[1].request.ToString();
    size_t count = 0;
    for (const std::string_view resource : b::Children(all, 1)) {
      count += b::Children(resource, 3).at(0) == "lonely" ? 1 : 0;
    }
    EXPECT_EQ(count, 1u);
  }
  const auto only = Split(Rope::CopyOf(lonely), Signal::kTraces, {.max_items = 1});
  ASSERT_EQ(only->size(), 1u);
  EXPECT_EQ(only->front().request.ToString(), lonely);
}

TEST(SplitTest, MalformedRequestIsInvalidArgument) {
  const Rope bad = Rope::CopyOf(std::string("\x0a\x05zz"));
  EXPECT_EQ(Split(bad, Signal::kTraces, {.max_items = 1}).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(SliceItems(bad, Signal::kTraces, 0, 1).status().code(), Code::kInvalidArgument);
}

// Ten thousand parts of one scope: each part must not cost a walk over the whole scope.
TEST(SplitTest, ManyPartsOfOneScopeStayLinear) {
  std::string scope;
  for (int i = 0; i < 50000; ++i) {
    scope += b::BytesField(2, b::Metric(0, "m", b::BytesField(1, b::Fixed64Field(3, 1))));
  }
  scope += b::BytesField(1, b::BytesField(1, "name"));
  const Rope request = Rope::CopyOf(b::BytesField(1, b::BytesField(2, scope)));
  const auto parts = Split(request, Signal::kMetrics, {.max_items = 1});
  ASSERT_TRUE(parts.ok());
  EXPECT_EQ(parts->size(), 50000u);
}

}  // namespace
}  // namespace gapless::otlp
