#include "journal/segment_format.h"

#include "io/memory_file_system.h"
#include "journal/checkpoint.h"
#include "journal/journal_harness.h"
#include "journal/read_records.h"
#include "journal/segment_scan.h"
#include "wire/checksum.h"

#include <cstring>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace gapless::journal {
namespace {

constexpr uint64_t kSalt = 0xfeedfacecafef00d;

SegmentHeader ExampleSegment() {
  return {.journal_id = 0x0123456789abcdef,
          .salt = kSalt,
          .sequence = 7,
          .first_position = 42,
          .created_ns = 1'700'000'000'000'000'000};
}

RecordHeader ExampleRecord(const Rope& payload) {
  return {.position = 42,
          .arrival_ns = 1'700'000'000'123'456'789,
          .stored_size = payload.size(),
          .raw_size = payload.size(),
          .items = 3,
          .signal = otlp::Signal::kLogs,
          .payload_crc = PayloadCrc(payload, 42, kSalt)};
}

std::string ExampleBytes() {
  std::string bytes = EncodeSegmentStart(ExampleSegment());
  const Rope payload = Rope::CopyOf("hello");
  const otlp::Metadata metadata = {{"tenant", "a"}};
  const size_t start = bytes.size();
  EncodeRecordHeader(ExampleRecord(payload), EncodeMetadata(&metadata), kSalt, &bytes);
  bytes += payload.ToString();
  bytes.resize(start + (bytes.size() - start + 7) / 8 * 8, '\0');
  EncodeRecordHeader({.kind = RecordKind::kEnd}, {}, kSalt, &bytes);
  return bytes;
}

// As in the documentation: lines of 16 bytes, those of zeros left out.
std::string Dump(std::string_view bytes) {
  std::string text;
  for (size_t at = 0; at < bytes.size(); at += 16) {
    const std::string_view line = bytes.substr(at, 16);
    if (line.find_first_not_of('\0') == std::string_view::npos) {
      continue;
    }
    text += fmt::format("{:08x}:", at);
    for (const char c : line) {
      text += fmt::format(" {:02x}", static_cast<unsigned char>(c));
    }
    text += '\n';
  }
  return text;
}

std::string DocumentedDump() {
  std::ifstream file(GAPLESS_SOURCE_DIR "/docs/formats/journal.md");
  std::stringstream all;
  all << file.rdbuf();
  const std::string text = all.str();
  const size_t start = text.find("```hex\n") + 7;
  return text.substr(start, text.find("```", start) - start);
}

std::string ParseDump(const std::string& dump) {
  std::string bytes;
  std::istringstream lines(dump);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string word;
    words >> word;
    bytes.resize(std::stoul(word, nullptr, 16), '\0');
    while (words >> word) {
      bytes += static_cast<char>(std::stoul(word, nullptr, 16));
    }
  }
  return bytes;
}

TEST(SegmentFormatTest, TheDocumentedExampleIsWhatIsWritten) {
  EXPECT_EQ(DocumentedDump(), Dump(ExampleBytes()));
}

TEST(SegmentFormatTest, TheDocumentedExampleIsReadBack) {
  const std::string bytes = ParseDump(DocumentedDump());
  const auto header = DecodeSegmentStart(AsBytes(bytes.substr(0, kSegmentDataAt)));
  ASSERT_TRUE(header.ok()) << header.status().ToString();
  EXPECT_EQ(*header, ExampleSegment());

  io::MemoryFileSystem fs;
  fs.SetContent("/x.seg", bytes);
  std::shared_ptr<io::File> file = std::move(fs.Open("/x.seg", io::OpenMode::kRead)).value();
  SegmentScanner scanner(*file, *header, bytes.size());
  const auto record = scanner.Next();
  ASSERT_TRUE(record.ok());
  ASSERT_EQ(record->kind, ScanItem::Kind::kRecord);
  EXPECT_EQ(record->header.position, 42U);
  EXPECT_EQ(record->header.items, 3U);
  EXPECT_EQ(record->header.signal, otlp::Signal::kLogs);
  EXPECT_EQ(*DecodeMetadata(record->metadata).value(), (otlp::Metadata{{"tenant", "a"}}));
  EXPECT_TRUE(*CheckPayload(*file, *header, record->offset, record->header));
  const auto end = scanner.Next();
  EXPECT_EQ(end->kind, ScanItem::Kind::kEnd);
  EXPECT_TRUE(end->sealed);

  const auto read =
      ReadRecords({.segment = *header,
                   .file = file,
                   .path = "/x.seg",
                   .items = {{.position = 42, .offset = record->offset, .size = record->size}}},
                  true);
  ASSERT_TRUE(read[0].batch.ok());
  EXPECT_EQ(read[0].batch->body.ToString(), "hello");
}

TEST(SegmentFormatTest, ARecordWithoutLanesMayBelongToAllOfThem) {
  const std::string bytes = ParseDump(DocumentedDump()).substr(kSegmentDataAt);
  auto header = PeekRecordHeader(AsBytes(bytes), kSalt);
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(header->flags & kFlagLanes, 0);
  TakeMetadata(AsBytes(bytes).first(header->payload_at()), &*header);
  EXPECT_EQ(header->lanes, otlp::kAllLanes);
}

TEST(SegmentFormatTest, LanesStandBehindTheMetadata) {
  const otlp::Metadata metadata = {{"tenant", "a"}};
  for (const std::string& encoded : {EncodeMetadata(&metadata), std::string()}) {
    RecordHeader written = ExampleRecord(Rope::CopyOf("hello"));
    written.lanes = 0x8000000000000005;
    written.flags = kFlagMoved;
    std::string bytes;
    EncodeRecordHeader(written, encoded, kSalt, &bytes);
    EXPECT_EQ(bytes.size(), kRecordHeaderSize + MetadataSize(encoded, written.lanes));
    auto read = PeekRecordHeader(AsBytes(bytes), kSalt);
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(read->flags, kFlagMoved | kFlagLanes);
    EXPECT_EQ(read->payload_at(), bytes.size());
    EXPECT_TRUE(CheckRecordHeader(AsBytes(bytes), kSalt));
    EXPECT_EQ(TakeMetadata(AsBytes(bytes), &*read), encoded);
    EXPECT_EQ(read->lanes, written.lanes);
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    EXPECT_FALSE(CheckRecordHeader(AsBytes(bytes), kSalt));
  }
}

TEST(SegmentFormatTest, OfTwoDifferentHeadersTheNewerCounts) {
  SegmentHeader older = ExampleSegment();
  SegmentHeader newer = ExampleSegment();
  newer.sequence = 8;
  std::string torn = EncodeSegmentStart(older);
  torn.replace(0, 512, EncodeSegmentStart(newer).substr(0, 512));
  EXPECT_EQ(DecodeSegmentStart(AsBytes(torn))->sequence, 8U);
  torn = EncodeSegmentStart(newer);
  torn.replace(0, 512, EncodeSegmentStart(older).substr(0, 512));
  EXPECT_EQ(DecodeSegmentStart(AsBytes(torn))->sequence, 8U);
}

TEST(SegmentFormatTest, ANewerFormatIsNamed) {
  std::string bytes = EncodeSegmentStart(ExampleSegment());
  for (const size_t at : {size_t{0}, size_t{4096}}) {
    bytes[at + 8] = 2;
    const uint32_t crc =
        wire::Crc32c(AsBytes(std::string_view(bytes).substr(at, kSegmentHeaderSize - 4)));
    std::memcpy(bytes.data() + at + kSegmentHeaderSize - 4, &crc, sizeof crc);
  }
  const Status status = DecodeSegmentStart(AsBytes(bytes)).status();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_NE(status.message().find("format 2 is newer"), std::string::npos);
}

TEST(SegmentFormatTest, AnUnusedFileIsNoDamage) {
  EXPECT_EQ(DecodeSegmentStart(AsBytes(std::string(8192, '\0'))).status().code(), Code::kNotFound);
  EXPECT_EQ(DecodeSegmentStart({}).status().code(), Code::kNotFound);
  EXPECT_EQ(DecodeSegmentStart(AsBytes("something else")).status().code(), Code::kDataLoss);
}

TEST(SegmentFormatTest, ARecordOfAnotherSaltIsNoRecord) {
  std::string bytes;
  EncodeRecordHeader(ExampleRecord(Rope::CopyOf("hello")), {}, kSalt, &bytes);
  EXPECT_TRUE(PeekRecordHeader(AsBytes(bytes), kSalt).has_value());
  EXPECT_TRUE(CheckRecordHeader(AsBytes(bytes), kSalt));
  EXPECT_FALSE(PeekRecordHeader(AsBytes(bytes), kSalt ^ (uint64_t{1} << 40)).has_value());
  EXPECT_FALSE(CheckRecordHeader(AsBytes(bytes), kSalt ^ 1));
  EXPECT_NE(ValidSalt(5) >> 32, 0U);
}

TEST(SegmentFormatTest, EveryFlippedBitOfAHeaderIsNoticed) {
  const otlp::Metadata metadata = {{"k", "v"}};
  std::string bytes;
  EncodeRecordHeader(ExampleRecord(Rope::CopyOf("hello")), EncodeMetadata(&metadata), kSalt,
                     &bytes);
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    const auto header = PeekRecordHeader(AsBytes(flipped), kSalt);
    EXPECT_FALSE(header && header->payload_at() == bytes.size() &&
                 CheckRecordHeader(AsBytes(flipped), kSalt))
        << bit;
  }
}

TEST(CheckpointTest, ComesBackAsItWasWritten) {
  Checkpoint checkpoint{
      .journal_id = 5, .sequence = 9, .unsynced = true, .counted = 100, .head = 120};
  checkpoint.ledger.accepted = {10, 20, 30};
  checkpoint.ledger.pending = {4, 8, 10};
  checkpoint.ledger.delivered = {5, 10, 15};
  checkpoint.ledger.dropped[3] = {1, 2, 5};
  checkpoint.given_up = {7, 7, 7};
  checkpoint.pending.AddRange(3, 9);
  checkpoint.pending.AddRange(20, 21);
  IntervalSet owed;
  owed.AddRange(1, 3);
  checkpoint.debts.Restore("otlp/primary", owed);
  checkpoint.user_state = "level 1";
  IntervalSet retained;
  retained.AddRange(10, 15);
  checkpoint.retained.push_back({.first = WallTime(Duration(5)),
                                 .last = WallTime(Duration(9)),
                                 .by = 3,
                                 .positions = retained});
  const auto read = DecodeCheckpoint(EncodeCheckpoint(checkpoint));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(EncodeCheckpoint(*read), EncodeCheckpoint(checkpoint));
  EXPECT_EQ(read->pending, checkpoint.pending);
  EXPECT_EQ(read->ledger.dropped[3], (Amount{1, 2, 5}));
  EXPECT_EQ(read->user_state, "level 1");
  ASSERT_EQ(read->retained.size(), 1U);
  EXPECT_EQ(read->retained[0].last, WallTime(Duration(9)));
  EXPECT_EQ(read->retained[0].by, 3U);
  EXPECT_EQ(read->retained[0].positions, retained);
}

TEST(CheckpointTest, OfMuchThatIsRetainedTheLatestIsWritten) {
  Checkpoint checkpoint{.journal_id = 5, .sequence = 9, .counted = 1'000'000};
  for (int group = 0; group < 10; ++group) {
    IntervalSet positions;
    for (uint64_t i = 0; i < 1000; ++i) {
      positions.Add(static_cast<uint64_t>(group) * 10'000 + 2 * i + 1);
    }
    checkpoint.retained.push_back({.first = {}, .last = {}, .by = 1, .positions = positions});
  }
  const std::string bytes = EncodeCheckpoint(checkpoint);
  EXPECT_LT(bytes.size(), 16 * kRetainedIntervalsMax + 1000);
  const auto read = DecodeCheckpoint(bytes);
  ASSERT_EQ(read->retained.size(), 4U);
  EXPECT_EQ(read->retained.back().positions, checkpoint.retained.back().positions);
}

TEST(CheckpointTest, EveryFlippedByteAndEveryCutIsNoticed) {
  Checkpoint checkpoint{.journal_id = 5, .sequence = 9};
  checkpoint.pending.AddRange(3, 9);
  checkpoint.counted = 10;
  const std::string bytes = EncodeCheckpoint(checkpoint);
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string flipped = bytes;
    flipped[i] = static_cast<char>(flipped[i] ^ 0x10);
    EXPECT_FALSE(DecodeCheckpoint(flipped).ok()) << i;
    EXPECT_FALSE(DecodeCheckpoint(bytes.substr(0, i)).ok()) << i;
  }
  EXPECT_TRUE(DecodeCheckpoint(bytes + "what an older, longer checkpoint left").ok());
}

TEST(CheckpointTest, WhatContradictsItselfIsDamaged) {
  Checkpoint checkpoint{.journal_id = 5, .sequence = 9, .counted = 10, .head = 10};
  checkpoint.pending.AddRange(3, 9);
  ASSERT_TRUE(DecodeCheckpoint(EncodeCheckpoint(checkpoint)).ok());
  Checkpoint beyond = checkpoint;
  beyond.pending.Add(10);
  EXPECT_FALSE(DecodeCheckpoint(EncodeCheckpoint(beyond)).ok());
  Checkpoint both = checkpoint;
  IntervalSet owed;
  owed.Add(5);
  both.debts.Restore("otlp/a", owed);
  EXPECT_FALSE(DecodeCheckpoint(EncodeCheckpoint(both)).ok());
  Checkpoint retained = checkpoint;
  retained.retained.push_back({.first = {}, .last = {}, .by = 0, .positions = owed});
  EXPECT_FALSE(DecodeCheckpoint(EncodeCheckpoint(retained)).ok());
}

TEST(CheckpointTest, AFailedWriteLeavesTheOtherSlot) {
  io::MemoryFileSystem fs;
  Checkpoint checkpoint{.journal_id = 5, .sequence = 1};
  CheckpointWriter writer(fs, "/", true);
  ASSERT_TRUE(writer.Write(1, EncodeCheckpoint(checkpoint)).ok());
  checkpoint.sequence = 2;
  fs.FailWrites(Unavailable("EIO"));
  EXPECT_FALSE(writer.Write(2, EncodeCheckpoint(checkpoint)).ok());
  fs.FailWrites(OkStatus());
  EXPECT_EQ(FindCheckpoints(fs, "/", 5)->best->sequence, 1U);
  ASSERT_TRUE(writer.Write(2, EncodeCheckpoint(checkpoint)).ok());
  EXPECT_EQ(FindCheckpoints(fs, "/", 5)->best->sequence, 2U);
}

}  // namespace
}  // namespace gapless::journal
