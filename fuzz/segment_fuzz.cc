// The reader of journals: hostile segments and checkpoints, with and without good checksums.
//
// The input is a list of pieces. A piece is raw bytes, or the fields of a record whose checksum is
// then made good, so that every length is reached behind the checksums too.
#include "io/memory_file_system.h"
#include "journal/checkpoint.h"
#include "journal/encoding.h"
#include "journal/journal_identity.h"
#include "journal/read_records.h"
#include "journal/segment_recovery.h"
#include "wire/checksum.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace gapless::journal {
namespace {

constexpr uint64_t kId = 77;
constexpr uint64_t kSalt = 0x1234567800000042;

std::string MakeSegment(NumberReader* input) {
  std::string bytes = EncodeSegmentStart(
      {.journal_id = kId, .salt = kSalt, .sequence = 1, .first_position = 1, .created_ns = 0});
  while (input->left() > 0 && bytes.size() < 200'000) {
    const uint8_t choice = input->Take<uint8_t>();
    if (choice % 2 == 0) {
      bytes += input->TakeBytes(std::min<size_t>(choice, input->left()));
      continue;
    }
    const std::string_view metadata =
        input->TakeBytes(std::min<size_t>(input->Take<uint8_t>(), input->left()));
    const std::string_view payload =
        input->TakeBytes(std::min<size_t>(input->Take<uint8_t>(), input->left()));
    RecordHeader header{.position = input->Take<uint8_t>(), .arrival_ns = input->Take<int64_t>()};
    header.kind = choice == 255 ? RecordKind::kEnd : RecordKind::kRecord;
    header.stored_size = choice % 16 == 1 ? input->Take<uint64_t>() : payload.size();
    header.raw_size = choice % 16 == 3 ? input->Take<uint64_t>() : payload.size();
    header.items = input->Take<uint8_t>();
    header.codec = static_cast<wire::Codec>(choice / 16 % 7);
    header.flags = input->Take<uint8_t>() % 4;
    header.payload_crc = wire::Crc32c(AsBytes(payload), PayloadCrcSeed(header.position, kSalt));
    EncodeRecordHeader(header, metadata, kSalt, &bytes);
    bytes += payload;
    bytes.resize((bytes.size() + 7) / 8 * 8, '\0');
  }
  return bytes;
}

// The raw bytes as the body of a slot with a good checksum.
std::string MakeCheckpoint(std::string_view body) {
  Checkpoint empty;
  empty.journal_id = kId;
  empty.sequence = 2;
  std::string bytes = EncodeCheckpoint(empty);
  constexpr size_t kBodyAt = 40;
  bytes.resize(kBodyAt);
  const uint64_t size = body.size();
  std::memcpy(bytes.data() + kBodyAt - sizeof size, &size, sizeof size);
  bytes += body;
  const uint32_t crc = wire::Crc32c(AsBytes(std::string_view(bytes).substr(16)));
  std::memcpy(bytes.data() + 12, &crc, sizeof crc);
  return bytes;
}

void Run(std::string_view text) {
  NumberReader input(text);
  const std::string_view body =
      input.TakeBytes(std::min<size_t>(input.Take<uint16_t>(), text.size() / 2));
  io::MemoryFileSystem fs;
  if (!fs.MakeDirectory("/j", 0700).ok() ||
      !WriteIdentity(fs, "/j", {.id = kId, .name = "fuzz"}).ok()) {
    std::abort();
  }
  fs.SetContent("/j/checkpoint.0", MakeCheckpoint(body));
  fs.SetContent("/j/checkpoint.1", body);
  fs.SetContent("/j/00000001.seg", MakeSegment(&input));
  fs.SetContent("/j/00000002.seg", text);
  Result<Recovered> recovered =
      RecoverJournal({.directory = "/j", .name = "fuzz", .segments_at_once = 1, .log = {}}, fs);
  if (!recovered.ok()) {
    return;
  }
  const RecordIndex& index = recovered->records.index;
  for (auto next = index.Next(0); next; next = index.Next(*next + 1)) {
    const StoredRecord record = *index.Find(*next);
    ReadWindow window = WindowOf(*record.segment);
    window.items.push_back(ItemOf(*next, record, recovered->records.metadata));
    const std::vector<ReadRecord> read = ReadRecords(window, true);
    if (read[0].batch.ok() && read[0].batch->body.size() > text.size() * 2000 + 100'000) {
      std::abort();
    }
  }
}

}  // namespace
}  // namespace gapless::journal

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  gapless::journal::Run(gapless::AsText({reinterpret_cast<const std::byte*>(data), size}));
  return 0;
}
