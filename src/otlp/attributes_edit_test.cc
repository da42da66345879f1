// The oracle parses and writes the whole request anew with code of its own; for requests in
// canonical form, which the builder makes, the bytes must be the same.
#include "otlp/attributes_edit.h"

#include "base/rng.h"
#include "otlp/any_value.h"
#include "otlp/scan.h"
#include "tests/support/otlp_builder.h"
#include "tests/support/seed.h"

#include <functional>
#include <map>

#include <gtest/gtest.h>

namespace gapless::otlp {
namespace {

namespace b = testing::otlp_builder;
using testing::BuildRequest;
using testing::Shape;

// One field as (tag, bytes after the tag for scalars or the body).
struct Part {
  int number = 0;
  std::string raw;   // whole field
  std::string body;  // bytes fields
  bool is_bytes = false;
};

std::vector<Part> Parse(std::string_view message) {
  std::vector<Part> parts;
  size_t at = 0;
  const auto varint = [&] {
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = static_cast<uint8_t>(message.at(at++));
      value |= static_cast<uint64_t>(byte & 127) << shift;
      if (byte < 128) {
        return value;
      }
    }
  };
  while (at < message.size()) {
    const size_t start = at;
    const uint64_t tag = varint();
    Part part{.number = static_cast<int>(tag / 8)};
    switch (tag % 8) {
      case 0:
        varint();
        break;
      case 1:
        at += 8;
        break;
      case 5:
        at += 4;
        break;
      default: {
        const size_t size = varint();
        part.is_bytes = true;
        part.body = message.substr(at, size);
        at += size;
      }
    }
    part.raw = message.substr(start, at - start);
    parts.push_back(std::move(part));
  }
  return parts;
}

using Change = std::function<std::string(std::string_view)>;

// The message with every bytes field `number` put through `change`.
std::string Each(std::string_view message, int number, const Change& change) {
  std::string out;
  for (const Part& part : Parse(message)) {
    out += part.number == number && part.is_bytes ? b::BytesField(number, change(part.body))
                                                  : part.raw;
  }
  return out;
}

// One edit by key, for all attributes: remove, set the ones there are, or set in any case.
struct Edit {
  enum class Kind { kRemove, kUpdate, kUpsert } kind;
  std::string key;
  std::string value;  // AnyValue
};

std::string KeyOf(const Part& attribute) {
  return std::string(b::Children(attribute.body, 1).at(0));
}

std::string Expected(std::string_view message, int number, const Edit& edit) {
  std::string out;
  bool found = false;
  for (const Part& part : Parse(message)) {
    if (part.number != number || !part.is_bytes || KeyOf(part) != edit.key) {
      out += part.raw;
      continue;
    }
    found = true;
    if (edit.kind != Edit::Kind::kRemove) {
      out += b::BytesField(number, b::BytesField(1, edit.key) + b::BytesField(2, edit.value));
    }
  }
  if (!found && edit.kind == Edit::Kind::kUpsert) {
    out += b::BytesField(number, b::BytesField(1, edit.key) + b::BytesField(2, edit.value));
  }
  return out;
}

std::string ExpectedRequest(std::string_view request, Signal signal, AttributesOf of,
                            const Edit& edit) {
  return Each(request, 1, [&](std::string_view block) {
    if (of == AttributesOf::kResources) {
      return Each(block, 1, [&](std::string_view body) { return Expected(body, 1, edit); });
    }
    return Each(block, 2, [&](std::string_view scope) {
      return Each(scope, 2, [&](std::string_view item) {
        if (signal != Signal::kMetrics) {
          return Expected(item, signal == Signal::kTraces ? 9 : 6, edit);
        }
        std::string metric(item);
        for (const auto& [data, attributes] :
             std::map<int, int>{{5, 7}, {7, 7}, {9, 9}, {10, 1}, {11, 7}}) {
          metric = Each(metric, data, [&, number = attributes](std::string_view points) {
            return Each(points, 1,
                        [&](std::string_view point) { return Expected(point, number, edit); });
          });
        }
        return metric;
      });
    });
  });
}

class Applies final : public AttributesVisitor {
 public:
  explicit Applies(const Edit& edit) : edit_(edit) {}
  void Visit(const AttributesPlace& /*place*/, AttributeList& attributes) override {
    if (edit_.kind == Edit::Kind::kUpsert || attributes.Find(edit_.key)) {
      if (edit_.kind != Edit::Kind::kRemove) {
        attributes.Set(edit_.key, AsBytes(edit_.value));
        return;
      }
      for (size_t i = 0; i < attributes.size(); ++i) {
        if (attributes.key(i) == edit_.key) {
          attributes.RemoveAt(i);
        }
      }
    }
  }

 private:
  const Edit& edit_;
};

Rope Cut(std::string_view text, size_t piece) {
  Rope rope;
  for (size_t at = 0; at < text.size(); at += piece) {
    rope.Append(Slice::CopyOf(text.substr(at, piece)));
  }
  return rope;
}

Edit RandomEdit(Rng& rng) {
  const char* keys[] = {"id", "attribute.0", "attribute.4", "service.name", "new", "absent"};
  return {.kind = static_cast<Edit::Kind>(rng.Below(3)),
          .key = keys[rng.Below(6)],
          .value = StringValue(std::string(rng.Below(400), 'v'))};
}

TEST(AttributesEditTest, WritesWhatAFullReEncodingWrites) {
  const uint64_t seed = sim::FirstSeed();
  SCOPED_TRACE(::testing::Message() << "GAPLESS_SEED=" << seed);
  Rng rng(seed);
  for (int round = 0; round < 400; ++round) {
    const Signal signal = kSignals[rng.Below(3)];
    const AttributesOf of = rng.Chance(0.5) ? AttributesOf::kResources : AttributesOf::kItems;
    const std::string request =
        BuildRequest(signal, Shape{.resources = static_cast<int>(rng.Below(4)),
                                   .scopes = static_cast<int>(rng.Below(3)),
                                   .items = static_cast<int>(rng.Below(9)),
                                   .attributes = static_cast<int>(rng.Below(9)),
                                   .points_per_metric = static_cast<int>(1 + rng.Below(3))});
    const Edit edit = RandomEdit(rng);
    Applies visitor(edit);
    const auto edited = EditAttributes(Cut(request, 1 + rng.Below(900)), signal, of, visitor);
    ASSERT_TRUE(edited.ok());
    const std::string expected = ExpectedRequest(request, signal, of, edit);
    ASSERT_EQ(edited->has_value(), expected != request);
    if (*edited) {
      ASSERT_EQ((*edited)->ToString(), expected);
      ASSERT_TRUE(Scan(**edited, signal).ok());
    }
  }
}

TEST(AttributesEditTest, LongUnchangedRangesAreShared) {
  const Rope request =
      Rope::CopyOf(BuildRequest(Signal::kTraces, Shape{.resources = 1, .scopes = 1, .items = 100}));
  const Edit edit{.kind = Edit::Kind::kUpsert, .key = "env", .value = StringValue("prod")};
  Applies visitor(edit);
  const auto edited = EditAttributes(request, Signal::kTraces, AttributesOf::kResources, visitor);
  ASSERT_TRUE(edited.ok() && *edited);
  size_t shared = 0;
  for (const Slice& slice : (*edited)->slices()) {
    shared += slice.slab().get() == request.slices()[0].slab().get() ? slice.size() : 0;
  }
  EXPECT_GT(shared, request.size() * 9 / 10);
  EXPECT_LE((*edited)->slices().size(), 3U);
}

TEST(AttributesEditTest, AResourceThatIsMissingIsMade) {
  const std::string block = b::BytesField(3, "schema");
  const Edit edit{.kind = Edit::Kind::kUpsert, .key = "k", .value = IntValue(1)};
  Applies visitor(edit);
  const auto edited = EditAttributes(Rope::CopyOf(b::BytesField(1, block)), Signal::kLogs,
                                     AttributesOf::kResources, visitor);
  ASSERT_TRUE(edited.ok() && *edited);
  const std::string resource =
      b::BytesField(1, b::BytesField(1, "k") + b::BytesField(2, IntValue(1)));
  EXPECT_EQ((*edited)->ToString(), b::BytesField(1, b::BytesField(1, resource) + block));
}

// Protobuf lets a writer send a message in pieces, which readers join.
TEST(AttributesEditTest, AResourceInPiecesIsJoined) {
  const std::string first = b::StringAttribute(1, "a", std::string(600, 'x'));
  const std::string second = b::StringAttribute(1, "b", "y");
  const std::string block =
      b::BytesField(1, first) + b::BytesField(3, "schema") + b::BytesField(1, second);
  const Edit edit{.kind = Edit::Kind::kRemove, .key = "b", .value = ""};
  Applies visitor(edit);
  const auto edited = EditAttributes(Rope::CopyOf(b::BytesField(1, block)), Signal::kTraces,
                                     AttributesOf::kResources, visitor);
  ASSERT_TRUE(edited.ok() && *edited);
  EXPECT_EQ((*edited)->ToString(),
            b::BytesField(1, b::BytesField(1, first) + b::BytesField(3, "schema")));
}

TEST(AttributesEditTest, AKeyThatOccursTwiceIsRemovedTwice) {
  const std::string span = b::StringAttribute(9, "secret", "1") + b::BytesField(5, "name") +
                           b::StringAttribute(9, "secret", "2");
  const auto wrap = [](const std::string& body) {
    return b::BytesField(1, b::BytesField(2, b::BytesField(2, body)));
  };
  const Edit edit{.kind = Edit::Kind::kRemove, .key = "secret", .value = ""};
  Applies visitor(edit);
  const auto edited =
      EditAttributes(Rope::CopyOf(wrap(span)), Signal::kTraces, AttributesOf::kItems, visitor);
  ASSERT_TRUE(edited.ok() && *edited);
  EXPECT_EQ((*edited)->ToString(), wrap(b::BytesField(5, "name")));
}

TEST(AttributesEditTest, ItemsThatStayAreSharedAroundOneThatChanges) {
  const Rope request =
      Rope::CopyOf(BuildRequest(Signal::kLogs, Shape{.resources = 2, .scopes = 2, .items = 50}));
  class One final : public AttributesVisitor {
   public:
    void Visit(const AttributesPlace& /*place*/, AttributeList& attributes) override {
      if (++count_ == 120) {
        attributes.RemoveAt(0);
      }
    }

   private:
    int count_ = 0;
  } visitor;
  const auto edited = EditAttributes(request, Signal::kLogs, AttributesOf::kItems, visitor);
  ASSERT_TRUE(edited.ok() && *edited);
  EXPECT_LE((*edited)->slices().size(), 7U);
  size_t shared = 0;
  for (const Slice& slice : (*edited)->slices()) {
    shared += slice.slab().get() == request.slices()[0].slab().get() ? slice.size() : 0;
  }
  EXPECT_GT(shared, request.size() * 9 / 10);
}

TEST(AttributesEditTest, TooManyAttributesInOnePlaceAreRefused) {
  std::string span;
  for (size_t i = 0; i <= kAttributesMax; ++i) {
    span += b::BytesField(9, "");
  }
  const Edit edit{.kind = Edit::Kind::kUpsert, .key = "k", .value = ""};
  Applies visitor(edit);
  const auto edited =
      EditAttributes(Rope::CopyOf(b::BytesField(1, b::BytesField(2, b::BytesField(2, span)))),
                     Signal::kTraces, AttributesOf::kItems, visitor);
  EXPECT_EQ(edited.status().code(), Code::kInvalidArgument);
}

TEST(AttributesEditTest, MalformedRequestsAreRefused) {
  const Edit edit{.kind = Edit::Kind::kUpsert, .key = "k", .value = ""};
  Applies visitor(edit);
  EXPECT_EQ(EditAttributes(Rope::CopyOf(b::BytesField(1, "\x0a\x7f")), Signal::kTraces,
                           AttributesOf::kResources, visitor)
                .status()
                .code(),
            Code::kInvalidArgument);
}

// Shows what the visitor is told about each item.
class Notes final : public AttributesVisitor {
 public:
  void Visit(const AttributesPlace& place, AttributeList& attributes) override {
    notes.push_back(
        std::string(b::Children(AsText(place.scope), 1).at(0)) + " " +
        (place.metric.empty() ? "" : std::string(b::Children(AsText(place.metric), 1).at(0))) +
        " " + ValueText(*attributes.Find("id")) + " " + std::to_string(place.resource.size()));
  }
  std::vector<std::string> notes;
};

TEST(AttributesEditTest, TheVisitorSeesWhatLiesAround) {
  const Rope request = Rope::CopyOf(BuildRequest(
      Signal::kMetrics, Shape{.resources = 1, .scopes = 2, .items = 1, .points_per_metric = 1}));
  Notes visitor;
  const auto edited = EditAttributes(request, Signal::kMetrics, AttributesOf::kItems, visitor);
  ASSERT_TRUE(edited.ok() && !*edited);
  EXPECT_EQ(visitor.notes,
            (std::vector<std::string>{"scope-0 metric.0 item-0 29", "scope-1 metric.0 item-1 29"}));
}

}  // namespace
}  // namespace gapless::otlp
