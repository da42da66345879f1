#include "journal/segment_journal.h"

#include "base/rng.h"
#include "journal/held_memory.h"
#include "wire/checksum.h"

#include <algorithm>
#include <bit>
#include <utility>

#include <fmt/format.h>

namespace gapless::journal {

namespace {

// Appends whose write has not finished; beyond it clients hear that the disk is too slow.
constexpr uint64_t kInFlightMax = uint64_t{256} << 20;
constexpr uint64_t kSegmentSizeMin = 64 * 1024;
constexpr uint64_t kSegmentsPerLimit = 8;
constexpr size_t kMetadataTableMin = 1024;
// It is held as such and as a key of the table.
constexpr uint64_t kMetadataShare = 2;
// A large body is in this thread's caches, not in the writer's: it is hashed here, unless the
// writer may compress it.
constexpr size_t kHotBody = 16 * 1024;
// So long after the last read of a pending record new ones still stay in memory.
constexpr Duration kCacheWhileRead = std::chrono::seconds(5);

int64_t ToNs(WallTime time) { return time.time_since_epoch().count(); }

uint64_t SegmentSizeFor(const SegmentJournalOptions& options) {
  constexpr uint64_t kPage = 4096;
  const uint64_t limit = options.max_size == 0
                             ? options.segment_size
                             : std::max(kSegmentSizeMin, options.max_size / kSegmentsPerLimit);
  return std::max(kPage * 4, std::min(options.segment_size, limit) / kPage * kPage);
}

SegmentWriterOptions WriterOptions(const SegmentJournalOptions& options, uint64_t journal_id) {
  return {.directory = options.directory,
          .journal_id = journal_id,
          .segment_size = SegmentSizeFor(options),
          .max_size = options.max_size,
          .reserve = options.reserve,
          .sync = options.sync,
          .pack = options.pack,
          .salt_seed = options.seed != 0 ? options.seed : RandomSeed(),
          .disk_budget = options.disk_budget};
}

std::vector<SegmentWriter::Existing> ExistingFiles(const Recovered& recovered) {
  std::vector<SegmentWriter::Existing> files;
  for (const auto& [sequence, segment] : recovered.segments) {
    files.push_back({.sequence = sequence, .path = segment.path, .size = segment.size});
  }
  return files;
}

}  // namespace

SegmentJournal::WriterSide::WriterSide(SegmentWriterOptions options, RecoveredJournal& recovered)
    : segments(std::move(options), *recovered.fs, ExistingFiles(recovered.found),
               recovered.found.next_sequence, recovered.found.next_file),
      checkpoints(std::move(recovered.checkpoints)) {}

Result<std::unique_ptr<SegmentJournal>> SegmentJournal::Open(SegmentJournalOptions options,
                                                             io::FileSystem& fs, Loop& home) {
  ASSIGN_OR_RETURN(RecoveredJournal recovered, RecoverSegmentJournal(std::move(options), fs));
  return std::make_unique<SegmentJournal>(std::move(recovered), home);
}

SegmentJournal::SegmentJournal(RecoveredJournal recovered, Loop& home)
    : options_(recovered.options),
      fs_(*recovered.fs),
      home_(home),
      lock_(std::move(recovered.lock)),
      memory_account_(options_.memory_budget ? options_.memory_budget->Open() : nullptr),
      journal_id_(recovered.found.journal_id),
      backfill_max_size_(options_.backfill_max_size),
      side_(std::make_shared<WriterSide>(WriterOptions(options_, journal_id_), recovered)) {
  const auto executor = [this](io::Executor* given, const char* name) {
    return given ? given
                 : own_threads_.emplace_back(std::make_unique<io::ServiceThread>(name)).get();
  };
  writer_ = executor(options_.writer, "journal-write");
  reader_ = executor(options_.reader, "journal-read");
  closer_ = executor(options_.closer, "journal-close");
  ReadAhead::Host& host = *this;
  read_ahead_ = std::make_unique<ReadAhead>(host, home_, *reader_);
  AdoptRecovered(recovered.found);
}

SegmentJournal::~SegmentJournal() { side_->abandoned.store(true); }

void SegmentJournal::AdoptRecovered(Recovered& recovered) {
  book_ = std::move(recovered.book);
  user_state_ = std::move(recovered.user_state);
  next_position_ = recovered.next_position;
  counted_ = next_position_;
  next_checkpoint_ = recovered.next_checkpoint;
  for (auto& [sequence, found] : recovered.segments) {
    Segment& segment = segments_[sequence];
    segment.header = found.header;
    segment.file = std::move(found.file);
    segment.path = std::move(found.path);
    segment.capacity = found.size;
    segment.sealed = true;
    disk_bytes_ += found.size;
  }
  retention_.Restore(std::move(recovered.retained));
  for (auto& [position, record] : recovered.records) {
    Segment& segment = segments_.at(record.segment);
    const uint64_t size = record.header.total_size();
    index_.Insert(position, {.segment = &segment,
                             .offset = record.offset,
                             .size = size,
                             .raw_size = record.header.raw_size,
                             .arrival_ns = record.header.arrival_ns,
                             .items = record.header.items,
                             .lanes = record.header.lanes,
                             .metadata = std::move(record.metadata)});
    AddToSegment(segment, position, size, (record.header.flags & kFlagMoved) != 0);
    owed_bytes_ += book_.IsOwed(position) ? size : 0;
    charged_ += kIndexBytes;
  }
  if (memory_account_) {
    memory_account_->ForceCharge(charged_);
  }
  for (const auto& [position, record] : recovered.records) {
    Hold(index_.Find(position)->metadata.get());
  }
  for (const Retention::Group& group : retention_.groups()) {
    for (const Position position : ToPositions(group.positions)) {
      Entry& entry = *index_.Find(position);
      if (entry.holds++ == 0 && !book_.IsOwed(position)) {
        CountRetained(entry, true);
      }
    }
  }
  if (!segments_.empty()) {
    MarkDirty();
  }
}

Status SegmentJournal::Admit(const otlp::Batch& batch, uint64_t charge) {
  if (closing_) {
    return Unavailable("the journal is closing");
  }
  const uint64_t smallest_segment = kSegmentDataAt + 2 * kRecordHeaderSize + batch.body.size();
  if (options_.max_size > 0 && smallest_segment > options_.max_size) {
    return ResourceExhausted(fmt::format("a request of {} bytes never fits into max_size {}",
                                         batch.body.size(), options_.max_size));
  }
  if (in_flight_bytes_ + batch.body.size() > kInFlightMax && in_flight_bytes_ > 0) {
    return ResourceExhausted("the disk does not keep up").WithRetryAfter(options_.retry_delay);
  }
  while (!Charge(charge)) {
    if (LetGoOldest()) {
      continue;
    }
    if (cached_.empty()) {
      return ResourceExhausted("the journal has no memory left")
          .WithRetryAfter(options_.retry_delay);
    }
    const bool passed = cached_.begin()->first <= last_read_;
    DropCached(passed ? cached_.begin() : std::prev(cached_.end()));
  }
  return OkStatus();
}

void SegmentJournal::Append(otlp::Batch batch, AppendCallback done) {
  AppendOnce(std::move(batch), std::move(done), /*again=*/false);
}

void SegmentJournal::AppendOnce(otlp::Batch batch, AppendCallback done, bool again) {
  CopyOutOfWastedSlabs(batch);
  batch.context.reset();
  batch.lanes = batch.lanes != 0 ? batch.lanes : otlp::kAllLanes;
  std::string metadata = EncodeMetadata(batch.metadata.get());
  if (MetadataSize(metadata, batch.lanes) > kMetadataSizeMax) {
    done(InvalidArgument("the kept metadata of the request is larger than 1 MiB"));
    return;
  }
  const uint64_t held = HeldBytes(batch) + kIndexBytes;
  if (const Status admitted = Admit(batch, held); !admitted.ok()) {
    done(admitted);
    return;
  }
  batch.metadata = Intern(metadata, std::move(batch.metadata));
  const Position position = next_position_++;
  const int64_t arrival = ToNs(home_.WallNow());
  in_flight_bytes_ += batch.body.size();
  in_flight_.push_back({.position = position,
                        .batch = batch,
                        .arrival_ns = arrival,
                        .charged = held,
                        .done = std::move(done),
                        .again = again});
  WriteRequest request = {.position = position,
                          .arrival_ns = arrival,
                          .metadata = std::move(metadata),
                          .batch = std::move(batch)};
  if (request.batch.body.size() >= kHotBody && !options_.pack) {
    request.body_crc = wire::Crc32c(request.batch.body);
  }
  if (side_->inbox.Push(std::move(request))) {
    // At the end of this turn: what else it brings shares the write and the sync.
    home_.Post([this, alive = std::weak_ptr(alive_)] {
      if (!alive.expired()) {
        WakeWriter();
      }
    });
  }
}

void SegmentJournal::WakeWriter() {
  writer_->Post(
      [this, &home = home_, writer = writer_, side = side_, alive = std::weak_ptr(alive_)] {
        if (side->waiting.empty()) {  // else the next turn is on its way
          WriteNext(this, home, *writer, side, alive);
        }
      });
}

// One group; then whoever else waits for this thread has a turn. Writer's thread: `journal` is only
// to be passed on.
void SegmentJournal::WriteNext(SegmentJournal* journal, Loop& home, io::Executor& writer,
                               const std::shared_ptr<WriterSide>& side,
                               const std::weak_ptr<bool>& alive) {
  std::vector<WriteRequest>& waiting = side->waiting;
  std::ranges::move(side->inbox.TakeAll(), std::back_inserter(waiting));
  if (side->abandoned.load() || waiting.empty()) {
    return;
  }
  const size_t count = side->segments.NextGroup(waiting);
  GroupResult result = side->segments.Write(std::span(waiting).first(count));
  waiting.erase(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(count));
  home.Post([journal, result = std::move(result), alive]() mutable {
    if (!alive.expired()) {
      journal->OnWritten(std::move(result));
    }
  });
  if (!waiting.empty()) {
    writer.Post(
        [journal, &home, &writer, side, alive] { WriteNext(journal, home, writer, side, alive); });
  }
}

void SegmentJournal::OnWritten(GroupResult result) {
  for (OpenedSegment& opened : result.opened) {
    Segment& segment = segments_[opened.header.sequence];
    segment.header = opened.header;
    segment.file = std::move(opened.file);
    segment.path = std::move(opened.path);
    segment.capacity = opened.capacity;
  }
  disk_bytes_ = result.disk_bytes;
  std::vector<std::pair<AppendCallback, Result<Position>>> answers;
  bool readable = false;
  Status failure;
  for (const Written& written : result.written) {
    failure = written.status.ok() || written.moved ? failure : written.status;
  }
  const bool wait = MakeRoom(failure, !result.opened.empty());
  for (const Written& written : result.written) {
    if (written.moved) {
      OnRecordMoved(written);
      continue;
    }
    InFlight record = std::move(in_flight_.front());
    in_flight_.pop_front();
    GAPLESS_CHECK(record.position == written.position);
    OnRecordWritten(written, record);
    if (written.status.ok()) {
      readable = true;
      answers.emplace_back(std::move(record.done), written.position);
    } else if (wait && !record.again) {
      again_.push_back({.batch = std::move(record.batch), .done = std::move(record.done)});
    } else {
      answers.emplace_back(std::move(record.done), written.status);
    }
  }
  for (const uint64_t sequence : result.sealed) {
    segments_.at(sequence).sealed = true;
  }
  if (!failure.ok() && !wait) {
    disk_log_.Log(options_.log, telemetry::LogLevel::kError, home_.Now(),
                  "the journal cannot store",
                  {{"directory", options_.directory}, {"error", failure}});
  }
  MarkDirty();
  if (wait) {
    WriteCheckpoint();
  }
  const std::weak_ptr<bool> alive = alive_;
  for (auto& [done, answer] : answers) {
    done(std::move(answer));
  }
  if (!alive.expired() && readable && listener_) {
    listener_();
  }
  if (!alive.expired()) {
    ContinueClose();
  }
}

// Space for the next segment: of what is retained long before it is needed, of debts when it is.
bool SegmentJournal::MakeRoom(const Status& failure, bool opened) {
  const uint64_t segment = SegmentSizeFor(options_);
  const bool refused = failure.code() == Code::kResourceExhausted;
  const auto lacks_room_for = [&](uint64_t segments) {
    return options_.max_size > 0 && opened && disk_bytes_ + segments * segment > options_.max_size;
  };
  if (refused && GiveUpRetained(UINT64_MAX)) {
    return true;
  }
  if (lacks_room_for(2) && GiveUpRetained(segment)) {
    return false;
  }
  if (refused || lacks_room_for(1)) {
    GiveUpDebts(segment);
  }
  return false;
}

void SegmentJournal::OnRecordWritten(const Written& written, InFlight& record) {
  counted_ = record.position + 1;
  in_flight_bytes_ -= record.batch.body.size();
  if (!written.status.ok()) {
    Uncharge(record.charged);
    return;
  }
  Segment& segment = segments_.at(written.segment);
  index_.Insert(record.position, {.segment = &segment,
                                  .offset = written.offset,
                                  .size = written.size,
                                  .raw_size = record.batch.raw_size,
                                  .arrival_ns = record.arrival_ns,
                                  .items = record.batch.items,
                                  .lanes = record.batch.lanes,
                                  .metadata = record.batch.metadata});
  Hold(record.batch.metadata.get());
  AddToSegment(segment, record.position, written.size, false);
  book_.Accept(record.position, Book::AmountOf(record.batch));
  Cache(record.position, std::move(record.batch), record.charged - kIndexBytes);
}

void SegmentJournal::Cache(Position position, otlp::Batch batch, uint64_t charged) {
  if (book_.pending().size() == 1) {
    last_read_at_ = home_.Now();  // nobody was behind
  }
  // Who reads goes upwards: what it has passed makes room, never what it reaches next. In an outage
  // nothing is read, and the memory is worth more than a later read from the disk.
  const bool outage = home_.Now() - last_read_at_ > kCacheWhileRead;
  const auto useless = [&] {
    return !cached_.empty() && (outage || (cached_bytes_ + charged > options_.cache_size &&
                                           cached_.begin()->first <= last_read_));
  };
  while (useless()) {
    DropCached(cached_.begin());
  }
  // What is left to the disk is left in long runs, which are read at once.
  const uint64_t limit = cache_full_ ? options_.cache_size / 2 : options_.cache_size;
  cache_full_ = cached_bytes_ + charged > limit;
  if (cache_full_ || outage) {
    Uncharge(charged);
    return;
  }
  cached_bytes_ += charged;
  cached_.emplace_hint(cached_.end(), position,
                       Cached{.batch = std::move(batch), .charged = charged});
}

void SegmentJournal::DropCached(std::map<Position, Cached>::iterator it) {
  cached_bytes_ -= it->second.charged;
  Uncharge(it->second.charged);
  cached_.erase(it);
}

void SegmentJournal::Uncache(Position position) {
  if (const auto it = cached_.find(position); it != cached_.end()) {
    DropCached(it);
  }
}

std::shared_ptr<const otlp::Metadata> SegmentJournal::Intern(
    const std::string& encoded, std::shared_ptr<const otlp::Metadata> metadata) {
  if (encoded.empty()) {
    return metadata;
  }
  // Values come from clients: forget those that no record has any more before the table doubles.
  if (metadata_.size() >= kMetadataTableMin && std::has_single_bit(metadata_.size())) {
    std::erase_if(metadata_, [](const auto& entry) { return entry.second.expired(); });
  }
  std::weak_ptr<const otlp::Metadata>& known = metadata_[encoded];
  if (auto shared = known.lock()) {
    return shared;
  }
  known = metadata;
  return metadata;
}

bool SegmentJournal::Charge(uint64_t bytes) {
  if (memory_account_ && !memory_account_->TryCharge(bytes)) {
    return false;
  }
  charged_ += bytes;
  return true;
}

void SegmentJournal::Uncharge(uint64_t bytes) {
  charged_ -= bytes;
  if (memory_account_) {
    memory_account_->Release(bytes);
  }
}

void SegmentJournal::Hold(const otlp::Metadata* metadata) {
  if (metadata == nullptr || ++holders_[metadata] > 1) {
    return;
  }
  const uint64_t bytes = kMetadataShare * MetadataBytes(*metadata);
  charged_ += bytes;
  if (memory_account_) {
    memory_account_->ForceCharge(bytes);
  }
}

void SegmentJournal::LetGo(const otlp::Metadata* metadata) {
  const auto it = holders_.find(metadata);
  if (it != holders_.end() && --it->second == 0) {
    holders_.erase(it);
    Uncharge(kMetadataShare * MetadataBytes(*metadata));
  }
}

JournalStats SegmentJournal::stats() const {
  JournalStats stats{.pending = book_.ledger().pending,
                     .owed = book_.owed(),
                     .debts_given_up = book_.given_up(),
                     .oldest = std::nullopt,
                     .retained = retained_,
                     .retained_since = retention_.complete_since(),
                     .memory_bytes = charged_,
                     .disk_bytes = disk_bytes_};
  if (const auto first = NextPending(0)) {
    stats.oldest = first->arrival;
  }
  return stats;
}

std::string SegmentJournal::tier() const {
  return options_.sync ? "storage (survives power loss)" : "storage (survives kill -9)";
}

void SegmentJournal::SetUserState(std::string state) {
  user_state_ = std::move(state);
  MarkDirty();
}

}  // namespace gapless::journal
