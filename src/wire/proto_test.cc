#include "wire/proto.h"

#include "base/rng.h"

namespace gapless::wire {
namespace {

std::string Bytes(std::initializer_list<int> values) {
  std::string out;
  for (const int value : values) {
    out.push_back(static_cast<char>(value));
  }
  return out;
}

// Cuts `text` into slices of random sizes, each in its own slab.
Rope Shred(std::string_view text, Rng& rng, size_t max_piece) {
  Rope rope;
  while (!text.empty()) {
    const size_t size = std::min<size_t>(text.size(), 1 + rng.Below(max_piece));
    rope.Append(Slice::CopyOf(text.substr(0, size)));
    text.remove_prefix(size);
  }
  return rope;
}

std::string Sample() {
  std::string out;
  Writer writer(&out);
  writer.Varint(1, 150);
  writer.Bytes(2, std::string_view("hello"));
  writer.Fixed64(3, 0x0102030405060708);
  writer.Fixed32(4, 7);
  const size_t mark = writer.Begin(5);
  writer.Bytes(1, std::string(300, 'x'));
  writer.End(mark);
  writer.Int64(6, -1);
  writer.Double(2000, 1.5);
  return out;
}

TEST(ProtoTest, VarintSizeMatchesWhatIsWritten) {
  for (unsigned bit = 0; bit < 64; ++bit) {
    for (const uint64_t value : {uint64_t{1} << bit, (uint64_t{1} << bit) - 1}) {
      std::byte buffer[kMaxVarintSize];
      const std::byte* end = WriteVarint(buffer, value);
      EXPECT_EQ(static_cast<size_t>(end - buffer), VarintSize(value));
      uint64_t read = ~value;
      EXPECT_EQ(ReadVarint(buffer, end, &read), end);
      EXPECT_EQ(read, value);
      EXPECT_EQ(ReadVarint(buffer, end - 1, &read), nullptr);
    }
  }
}

TEST(ProtoTest, ZigZagIsItsOwnInverse) {
  for (const int64_t value : {int64_t{0}, int64_t{-1}, int64_t{1}, INT64_MIN, INT64_MAX}) {
    EXPECT_EQ(UnZigZag(ZigZag(value)), value);
  }
  EXPECT_EQ(ZigZag(-1), 1u);
}

TEST(ProtoTest, ReaderGivesBackWhatTheWriterWrote) {
  const std::string message = Sample();
  FieldReader reader(AsBytes(message));
  Field field;
  ASSERT_TRUE(reader.Next(&field));
  EXPECT_TRUE(field.is(1, WireType::kVarint));
  EXPECT_EQ(field.value, 150u);
  ASSERT_TRUE(reader.Next(&field));
  EXPECT_EQ(field.text(), "hello");
  EXPECT_EQ(field.raw.size(), 7u);
  ASSERT_TRUE(reader.Next(&field));
  EXPECT_EQ(field.value, 0x0102030405060708u);
  ASSERT_TRUE(reader.Next(&field));
  EXPECT_EQ(field.value, 7u);
  ASSERT_TRUE(reader.Next(&field));
  FieldReader inner(field.bytes);
  Field inner_field;
  ASSERT_TRUE(inner.Next(&inner_field));
  EXPECT_EQ(inner_field.bytes.size(), 300u);
  EXPECT_FALSE(inner.Next(&inner_field));
  ASSERT_TRUE(reader.Next(&field));
  EXPECT_EQ(field.as_int64(), -1);
  ASSERT_TRUE(reader.Next(&field));
  EXPECT_EQ(field.number, 2000u);
  EXPECT_EQ(field.as_double(), 1.5);
  EXPECT_FALSE(reader.Next(&field));
  EXPECT_TRUE(reader.ok());
}

TEST(ProtoTest, SubmessageOfAnyLengthKeepsItsBody) {
  for (const size_t size : std::vector<size_t>{0, 1, 127, 128, 16383, 16384, 70000}) {
    std::string out = "prefix";
    Writer writer(&out);
    const size_t mark = writer.Begin(9);
    out.append(size, 'b');
    writer.End(mark);
    FieldReader reader(AsBytes(std::string_view(out).substr(6)));
    Field field;
    ASSERT_TRUE(reader.Next(&field));
    EXPECT_EQ(field.text(), std::string(size, 'b'));
    EXPECT_FALSE(reader.Next(&field));
    EXPECT_TRUE(reader.ok());
  }
}

struct Case {
  const char* name;
  std::string bytes;
};

std::vector<Case> Malformed() {
  std::string deep(100, static_cast<char>(0x0b));
  return {
      {"tag cut off", Bytes({0x80})},
      {"field number 0", Bytes({0x00, 0x01})},
      {"wire type 6", Bytes({0x0e, 0x01})},
      {"wire type 7", Bytes({0x0f, 0x01})},
      {"tag above 32 bits", Bytes({0x80, 0x80, 0x80, 0x80, 0x10, 0x00})},
      {"varint of eleven bytes",
       Bytes({0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00})},
      {"no varint", Bytes({0x08})},
      {"fixed64 cut off", Bytes({0x09, 1, 2, 3, 4, 5, 6, 7})},
      {"fixed32 cut off", Bytes({0x0d, 1, 2, 3})},
      {"length beyond the end", Bytes({0x0a, 0x05, 1, 2, 3, 4})},
      {"length of 2^64-1",
       Bytes({0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 1, 2})},
      {"length missing", Bytes({0x0a})},
      {"group without end", Bytes({0x0b, 0x10, 0x01})},
      {"group with another end", Bytes({0x0b, 0x14})},
      {"end without group", Bytes({0x0c})},
      {"groups too deep", deep},
      {"length in group beyond the end", Bytes({0x0b, 0x12, 0x7f, 0x0c})},
  };
}

TEST(ProtoTest, MalformedFieldsAreRejectedByBothReaders) {
  for (const Case& c : Malformed()) {
    SCOPED_TRACE(c.name);
    FieldReader reader(AsBytes(c.bytes));
    Field field;
    EXPECT_FALSE(reader.Next(&field));
    EXPECT_EQ(reader.status().code(), Code::kInvalidArgument);
    EXPECT_FALSE(reader.Next(&field));
    for (const size_t piece : std::vector<size_t>{1, 2, 1000}) {
      Rng rng(piece);
      const Rope rope = Shred(c.bytes, rng, piece);
      RopeReader places(rope);
      FieldPlace place;
      EXPECT_FALSE(places.ReadPlace(rope.size(), &place));
    }
  }
}

TEST(ProtoTest, GroupsAreSkippedWhole) {
  // field 1 group { field 2 = 1, field 3 = "ab", field 4 group {}, field 5 fixed32 }, then field 6
  // = 5
  const std::string message = Bytes(
      {0x0b, 0x10, 0x01, 0x1a, 0x02, 'a', 'b', 0x23, 0x24, 0x2d, 1, 2, 3, 4, 0x0c, 0x30, 0x05});
  FieldReader reader(AsBytes(message));
  Field field;
  ASSERT_TRUE(reader.Next(&field));
  EXPECT_TRUE(field.is(1, WireType::kGroupStart));
  EXPECT_EQ(field.raw.size(), 15u);
  ASSERT_TRUE(reader.Next(&field));
  EXPECT_TRUE(field.is(6, WireType::kVarint));
  Rng rng(1);
  const Rope rope = Shred(message, rng, 2);
  RopeReader places(rope);
  FieldPlace place;
  ASSERT_TRUE(places.ReadPlace(rope.size(), &place));
  EXPECT_EQ(place.end, 15u);
  ASSERT_TRUE(places.ReadPlace(rope.size(), &place));
  EXPECT_EQ(place.number, 6u);
  EXPECT_TRUE(places.at_end());
}

TEST(ProtoTest, RopeReaderAgreesWithFieldReaderWhateverTheSlices) {
  const std::string message = Sample();
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    const Rope rope = Shred(message, rng, 1 + rng.Below(40));
    RopeReader places(rope);
    FieldReader reader(AsBytes(message));
    Field field;
    while (reader.Next(&field)) {
      FieldPlace place;
      ASSERT_TRUE(places.ReadPlace(rope.size(), &place));
      EXPECT_EQ(place.number, field.number);
      EXPECT_EQ(place.type, field.type);
      EXPECT_EQ(place.end - place.start, field.raw.size());
      if (field.type == WireType::kBytes) {
        EXPECT_EQ(rope.Sub(place.body, place.body_size()).ToString(), field.text());
        ASSERT_TRUE(places.Skip(place.body_size()));
      } else {
        EXPECT_EQ(place.value, field.value);
      }
    }
    EXPECT_TRUE(places.at_end());
  }
}

TEST(ProtoTest, RopeReaderHonoursTheEndOfTheEnclosingMessage) {
  const Rope rope = Rope::CopyOf(Bytes({0x0a, 0x04, 1, 2, 3, 4}));
  RopeReader reader(rope);
  FieldPlace place;
  EXPECT_FALSE(reader.ReadPlace(5, &place));
}

TEST(ProtoTest, HeadersShareSlabsAndReadBack) {
  HeaderMaker maker;
  Rope rope;
  for (size_t i = 0; i < 200; ++i) {
    rope.Append(maker.Make(2, i * 100));
    rope.Append(Slice::CopyOf(std::string(i * 100, 'z')));
  }
  RopeReader reader(rope);
  for (size_t i = 0; i < 200; ++i) {
    FieldPlace place;
    ASSERT_TRUE(reader.ReadPlace(rope.size(), &place));
    EXPECT_EQ(place.body_size(), i * 100);
    ASSERT_TRUE(reader.Skip(place.body_size()));
  }
  EXPECT_TRUE(reader.at_end());
}

}  // namespace
}  // namespace gapless::wire
