#include "journal/checkpoint.h"

#include "journal/encoding.h"
#include "journal/segment_format.h"
#include "wire/checksum.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace gapless::journal {

namespace {

constexpr std::string_view kMagic = "GAPLCKP\n";
constexpr size_t kCrcAt = 12;
constexpr size_t kCheckedAt = 16;
constexpr size_t kBodyAt = 40;
constexpr size_t kSlotSizeMax = size_t{1} << 30;
constexpr uint64_t kSlotReserve = 64 * 1024;
constexpr uint32_t kUnsynced = 1;
constexpr uint32_t kHasRetained = 2;

void PutAmount(std::string* out, const Amount& amount) {
  PutNumber(out, amount.requests);
  PutNumber(out, amount.items);
  PutNumber(out, amount.bytes);
}

Amount TakeAmount(NumberReader* reader) {
  Amount amount;
  amount.requests = reader->Take<uint64_t>();
  amount.items = reader->Take<uint64_t>();
  amount.bytes = reader->Take<uint64_t>();
  return amount;
}

void PutIntervals(std::string* out, const IntervalSet& set) {
  PutNumber(out, static_cast<uint32_t>(set.intervals().size()));
  for (const auto& [begin, end] : set.intervals()) {
    PutNumber(out, begin);
    PutNumber(out, end - begin);
  }
}

IntervalSet TakeIntervals(NumberReader* reader) {
  IntervalSet set;
  const uint32_t count = reader->Take<uint32_t>();
  for (uint32_t i = 0; i < count && reader->ok(); ++i) {
    const uint64_t begin = reader->Take<uint64_t>();
    const uint64_t length = reader->Take<uint64_t>();
    if (length <= UINT64_MAX - begin) {
      set.AddRange(begin, begin + length);
    }
  }
  return set;
}

void PutText(std::string* out, std::string_view text) {
  PutNumber(out, static_cast<uint32_t>(text.size()));
  out->append(text);
}

void PutRetained(std::string* out, const std::deque<Retention::Group>& groups) {
  auto first = groups.end();
  for (size_t intervals = 0; first != groups.begin(); --first) {
    intervals += std::prev(first)->positions.intervals().size();
    if (intervals > kRetainedIntervalsMax) {
      break;
    }
  }
  PutNumber(out, static_cast<uint32_t>(groups.end() - first));
  for (; first != groups.end(); ++first) {
    PutNumber(out, int64_t{first->first.time_since_epoch().count()});
    PutNumber(out, int64_t{first->last.time_since_epoch().count()});
    PutNumber(out, first->by);
    PutIntervals(out, first->positions);
  }
}

std::deque<Retention::Group> TakeRetained(NumberReader* reader) {
  std::deque<Retention::Group> groups;
  const uint32_t count = reader->Take<uint32_t>();
  for (uint32_t i = 0; i < count && reader->ok(); ++i) {
    Retention::Group& group = groups.emplace_back();
    group.first = WallTime(Duration(reader->Take<int64_t>()));
    group.last = WallTime(Duration(reader->Take<int64_t>()));
    group.by = reader->Take<uint64_t>();
    group.positions = TakeIntervals(reader);
  }
  return groups;
}

std::string EncodeBody(const Checkpoint& checkpoint) {
  std::string out;
  PutNumber(&out, (checkpoint.unsynced ? kUnsynced : 0) |
                      (checkpoint.retained.empty() ? 0 : kHasRetained));
  PutNumber(&out, checkpoint.counted);
  PutNumber(&out, checkpoint.head);
  PutAmount(&out, checkpoint.ledger.accepted);
  PutAmount(&out, checkpoint.ledger.delivered);
  PutAmount(&out, checkpoint.ledger.filtered);
  PutAmount(&out, checkpoint.ledger.pending);
  PutNumber(&out, static_cast<uint32_t>(kDropReasons));
  for (const Amount& amount : checkpoint.ledger.dropped) {
    PutAmount(&out, amount);
  }
  PutAmount(&out, checkpoint.given_up);
  PutIntervals(&out, checkpoint.pending);
  PutNumber(&out, static_cast<uint32_t>(checkpoint.debts.readers().size()));
  for (const Debts::Reader& reader : checkpoint.debts.readers()) {
    PutText(&out, reader.name);
    PutIntervals(&out, reader.owed);
  }
  PutText(&out, checkpoint.user_state);
  if (!checkpoint.retained.empty()) {
    PutRetained(&out, checkpoint.retained);
  }
  return out;
}

// A record is pending, or else owed or retained or both, and lies below `counted`.
bool Consistent(const Checkpoint& checkpoint) {
  const auto below = [&](const IntervalSet& set) { return set.end() <= checkpoint.counted; };
  return checkpoint.counted <= kPositionMax && checkpoint.head <= kPositionMax &&
         below(checkpoint.pending) &&
         std::ranges::all_of(
             checkpoint.debts.readers(),
             [&](const Debts::Reader& reader) {
               return below(reader.owed) &&
                      IntervalSet::Intersection(reader.owed, checkpoint.pending).empty();
             }) &&
         std::ranges::all_of(checkpoint.retained, [&](const Retention::Group& group) {
           return below(group.positions) &&
                  IntervalSet::Intersection(group.positions, checkpoint.pending).empty();
         });
}

// False if the body is not well-formed.
bool DecodeBody(std::string_view body, Checkpoint* checkpoint) {
  NumberReader reader(body);
  const uint32_t flags = reader.Take<uint32_t>();
  checkpoint->unsynced = (flags & kUnsynced) != 0;
  checkpoint->counted = reader.Take<uint64_t>();
  checkpoint->head = reader.Take<uint64_t>();
  checkpoint->ledger.accepted = TakeAmount(&reader);
  checkpoint->ledger.delivered = TakeAmount(&reader);
  checkpoint->ledger.filtered = TakeAmount(&reader);
  checkpoint->ledger.pending = TakeAmount(&reader);
  const uint32_t reasons = reader.Take<uint32_t>();
  if (reasons > kDropReasons) {
    return false;
  }
  for (uint32_t i = 0; i < reasons; ++i) {
    checkpoint->ledger.dropped[i] = TakeAmount(&reader);
  }
  checkpoint->given_up = TakeAmount(&reader);
  checkpoint->pending = TakeIntervals(&reader);
  const uint32_t readers = reader.Take<uint32_t>();
  for (uint32_t i = 0; i < readers && reader.ok(); ++i) {
    const std::string_view name = reader.TakeBytes(reader.Take<uint32_t>());
    checkpoint->debts.Restore(name, TakeIntervals(&reader));
  }
  checkpoint->user_state = reader.TakeBytes(reader.Take<uint32_t>());
  if ((flags & kHasRetained) != 0) {
    checkpoint->retained = TakeRetained(&reader);
  }
  return reader.ok() && reader.left() == 0 && Consistent(*checkpoint);
}

}  // namespace

std::string EncodeCheckpoint(const Checkpoint& checkpoint) {
  const std::string body = EncodeBody(checkpoint);
  std::string out(kMagic);
  PutNumber(&out, kFormatVersion);
  PutNumber(&out, uint32_t{0});
  PutNumber(&out, checkpoint.journal_id);
  PutNumber(&out, checkpoint.sequence);
  PutNumber(&out, uint64_t{body.size()});
  out += body;
  const uint32_t crc = wire::Crc32c(AsBytes(std::string_view(out).substr(kCheckedAt)));
  std::memcpy(out.data() + kCrcAt, &crc, sizeof crc);
  return out;
}

Result<Checkpoint> DecodeCheckpoint(std::string_view bytes) {
  const std::string_view start = bytes.substr(0, kBodyAt);
  if (start.find_first_not_of('\0') == std::string_view::npos) {
    return NotFound("the slot is empty");
  }
  NumberReader reader(bytes);
  const bool known = reader.TakeBytes(kMagic.size()) == kMagic;
  const uint32_t version = reader.Take<uint32_t>();
  const uint32_t crc = reader.Take<uint32_t>();
  Checkpoint checkpoint;
  checkpoint.journal_id = reader.Take<uint64_t>();
  checkpoint.sequence = reader.Take<uint64_t>();
  const uint64_t size = reader.Take<uint64_t>();
  if (!known || !reader.ok() || size > reader.left()) {
    return DataLoss("the checkpoint is damaged");
  }
  if (crc != wire::Crc32c(AsBytes(bytes.substr(kCheckedAt, kBodyAt - kCheckedAt + size)))) {
    return DataLoss("the checkpoint is damaged");
  }
  if (version != kFormatVersion) {
    return FailedPrecondition(
        fmt::format("format {} is newer than format {}, which this version of gapless reads",
                    version, kFormatVersion));
  }
  if (!DecodeBody(reader.TakeBytes(size), &checkpoint)) {
    return DataLoss("the checkpoint is damaged");
  }
  return checkpoint;
}

std::string CheckpointPath(const std::string& directory, uint64_t sequence) {
  return io::JoinPath(directory, sequence % 2 == 0 ? "checkpoint.0" : "checkpoint.1");
}

Result<FoundCheckpoints> FindCheckpoints(io::FileSystem& fs, const std::string& directory,
                                         uint64_t journal_id) {
  FoundCheckpoints found;
  for (const uint64_t slot : {uint64_t{0}, uint64_t{1}}) {
    Result<std::string> bytes =
        io::ReadWholeFile(fs, CheckpointPath(directory, slot), kSlotSizeMax);
    if (!bytes.ok()) {
      const bool too_long = bytes.status().code() == Code::kResourceExhausted;
      if (!too_long && bytes.status().code() != Code::kNotFound) {
        return bytes.status();  // the disk failed: what it holds is not known
      }
      found.damaged |= too_long;
      continue;
    }
    Result<Checkpoint> checkpoint = DecodeCheckpoint(*bytes);
    if (!checkpoint.ok()) {
      if (checkpoint.status().code() == Code::kFailedPrecondition) {
        return checkpoint.status().Annotate(CheckpointPath(directory, slot));
      }
      found.damaged |= checkpoint.status().code() != Code::kNotFound;
      continue;
    }
    if (journal_id != 0 && checkpoint->journal_id != journal_id) {
      found.damaged = true;
      continue;
    }
    found.head = std::max({found.head, checkpoint->head, checkpoint->counted});
    found.next_sequence = std::max(found.next_sequence, checkpoint->sequence + 1);
    if (!found.best || checkpoint->sequence > found.best->sequence) {
      found.best = std::move(*checkpoint);
    }
  }
  return found;
}

CheckpointWriter::CheckpointWriter(io::FileSystem& fs, std::string directory, bool sync)
    : fs_(fs), directory_(std::move(directory)), sync_(sync) {}

Status CheckpointWriter::Open(uint64_t sequence) {
  ASSIGN_OR_RETURN(std::unique_ptr<io::File> file,
                   fs_.Open(CheckpointPath(directory_, sequence), io::OpenMode::kCreate));
  if (sync_) {
    RETURN_IF_ERROR(fs_.SyncDirectory(directory_));
  }
  slots_[sequence % 2] = std::move(file);
  return OkStatus();
}

void CheckpointWriter::Reserve() {
  for (const uint64_t slot : {uint64_t{0}, uint64_t{1}}) {
    if (Open(slot).ok()) {
      const Status ignored = slots_[slot]->Allocate(kSlotReserve);
    }
  }
}

Status CheckpointWriter::Write(uint64_t sequence, std::string_view encoded) {
  std::unique_ptr<io::File>& slot = slots_[sequence % 2];
  if (!slot) {
    RETURN_IF_ERROR(Open(sequence));
  }
  Status status = slot->WriteAt(0, AsBytes(encoded));
  if (status.ok() && sync_) {
    status = slot->Sync();
  }
  if (!status.ok()) {
    // A descriptor with a failed sync proves nothing any more.
    slot.reset();
  }
  return status;
}

}  // namespace gapless::journal
