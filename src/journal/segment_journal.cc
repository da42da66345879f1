#include "journal/segment_journal.h"

#include "base/rng.h"

#include <algorithm>
#include <utility>

namespace gapless::journal {

namespace {

// Of max_size: what waits for delivery needs the rest.
constexpr uint64_t kRetainedPart = 4;

std::shared_ptr<WriterSide> MakeWriter(RecoveredJournal& recovered) {
  const SegmentJournalOptions& options = recovered.options;
  const Recovered& found = recovered.found;
  std::vector<SegmentWriter::Existing> files;
  for (const auto& [sequence, segment] : found.records.index.segments()) {
    files.push_back({.sequence = sequence, .path = segment.path, .size = segment.capacity});
  }
  return std::make_shared<WriterSide>(
      SegmentWriter({.directory = options.directory,
                     .journal_id = found.journal_id,
                     .segment_size = SegmentSizeOf(options),
                     .max_size = options.max_size,
                     .reserve = options.reserve,
                     .sync = options.sync,
                     .pack = options.pack,
                     .salt_seed = options.seed != 0 ? options.seed : RandomSeed(),
                     .disk_budget = options.disk_budget},
                    *recovered.fs, std::move(files), found.next_sequence, found.next_file),
      std::move(recovered.checkpoints));
}

}  // namespace

SegmentJournal::Threads::Threads(const JournalExecutors& given) {
  const auto executor = [this](io::Executor* known, const char* name) {
    return known ? known : own_.emplace_back(std::make_unique<io::ServiceThread>(name)).get();
  };
  executors_ = {.writer = executor(given.writer, "journal-write"),
                .reader = executor(given.reader, "journal-read"),
                .closer = executor(given.closer, "journal-close")};
}

Result<std::unique_ptr<SegmentJournal>> SegmentJournal::Open(SegmentJournalOptions options,
                                                             io::FileSystem& fs, Loop& home) {
  ASSIGN_OR_RETURN(RecoveredJournal recovered, RecoverSegmentJournal(std::move(options), fs));
  return std::make_unique<SegmentJournal>(std::move(recovered), home);
}

SegmentJournal::SegmentJournal(RecoveredJournal recovered, Loop& home)
    : options_(recovered.options),
      lock_(std::move(recovered.lock)),
      journal_id_(recovered.found.journal_id),
      user_state_(std::move(recovered.found.user_state)),
      charge_(options_.memory_budget),
      threads_(options_.executors),
      queue_(MakeWriter(recovered), home, *threads_->writer,
             [this](GroupResult result) { appender_.OnGroup(std::move(result)); }),
      records_(std::move(recovered.found.records), options_.cache_size, charge_, home,
               [this](Position position) {
                 reader_.Forget(position);
                 checkpoints_.Changed();
               }),
      checkpoints_(options_, *this, queue_, home, recovered.found.next_checkpoint),
      room_(options_, records_, checkpoints_, home),
      compactor_(records_, queue_, home, *threads_->reader, options_.segment_size,
                 [this] { ContinueClose(); }),
      reader_(options_, *recovered.fs, records_, checkpoints_, home, *threads_->reader),
      appender_({.options = options_,
                 .home = home,
                 .charge = charge_,
                 .records = records_,
                 .queue = queue_,
                 .checkpoints = checkpoints_,
                 .room = room_,
                 .compactor = compactor_},
                recovered.found.next_position, [this](bool readable) { OnGroup(readable); }) {
  if (!records_.index().segments().empty()) {
    checkpoints_.Changed();
  }
}

SegmentJournal::~SegmentJournal() = default;

void SegmentJournal::Append(otlp::Batch batch, AppendCallback done) {
  appender_.Append(std::move(batch), std::move(done));
}

void SegmentJournal::SetListener(std::move_only_function<void()> on_readable) {
  listener_ = std::move(on_readable);
  if (listener_ && !records_.book().pending().empty()) {
    listener_();
  }
}

std::optional<RecordInfo> SegmentJournal::NextPending(Position from) const {
  return records_.NextPending(from);
}

std::optional<RecordInfo> SegmentJournal::NextOwed(ReaderId reader, Position from) const {
  return records_.NextOwed(reader, from);
}

void SegmentJournal::Read(std::vector<Position> positions, ReadCallback done) {
  reader_.Read(std::move(positions), std::move(done));
}

void SegmentJournal::Settle(Position position, const Settlement& settlement,
                            const std::vector<ReaderId>& owed) {
  if (records_.Settle(position, settlement, owed)) {
    room_.LimitDebts();
    checkpoints_.Changed();
  }
}

ReaderId SegmentJournal::RegisterReader(std::string_view name) {
  return records_.RegisterReader(name);
}

void SegmentJournal::SettleDebt(ReaderId reader, Position position, bool delivered) {
  if (records_.SettleDebt(reader, position, delivered)) {
    checkpoints_.Changed();
  }
}

void SegmentJournal::SetBackfillMaxSize(uint64_t bytes) { room_.SetBackfillMaxSize(bytes); }

void SegmentJournal::ForgetUnregisteredReaders() { room_.GiveUpUnregistered(); }

void SegmentJournal::SetRetention(const RetentionLimits& limits) {
  RetentionLimits allowed = limits;
  if (options_.max_size > 0) {
    allowed.bytes = std::min(allowed.bytes, options_.max_size / kRetainedPart);
  }
  records_.retained().SetLimits(allowed);
}

std::vector<Position> SegmentJournal::Retained(const RetainedQuery& query) const {
  return ToPositions(records_.retained().retention().Find(query));
}

Amount SegmentJournal::OweRetained(ReaderId reader, Position position) {
  const Amount amount = records_.OweRetained(reader, position);
  if (amount.requests > 0) {
    room_.LimitDebts();
    checkpoints_.Changed();
  }
  return amount;
}

JournalStats SegmentJournal::stats() const {
  const Book& book = records_.book();
  JournalStats stats{.pending = book.ledger().pending,
                     .owed = book.owed(),
                     .debts_given_up = book.given_up(),
                     .oldest = std::nullopt,
                     .retained = records_.retained().kept().amount,
                     .retained_since = records_.retained().retention().complete_since(),
                     .memory_bytes = charge_.bytes(),
                     .disk_bytes = appender_.disk_bytes()};
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
  checkpoints_.Changed();
}

std::string SegmentJournal::Snapshot(uint64_t sequence) {
  const Book& book = records_.book();
  return EncodeCheckpoint({.journal_id = journal_id_,
                           .sequence = sequence,
                           .unsynced = !options_.sync,
                           .counted = appender_.counted(),
                           .head = appender_.head(),
                           .ledger = book.ledger(),
                           .given_up = book.given_up(),
                           .pending = book.pending(),
                           .debts = book.debts(),
                           .retained = records_.retained().retention().groups(),
                           .user_state = user_state_});
}

std::vector<uint64_t> SegmentJournal::Releasable() {
  std::vector<uint64_t> sequences;
  for (const auto& [sequence, segment] : records_.index().segments()) {
    if (segment.sealed && segment.live_records == 0 && segment.retained_records == 0 &&
        sequence != compactor_.segment()) {
      sequences.push_back(sequence);
    }
  }
  return sequences;
}

void SegmentJournal::OnCheckpoint(const CheckpointResult& result) {
  if (result.status.ok()) {
    for (const uint64_t sequence : result.released) {
      threads_->closer->Post([file = records_.index().RemoveSegment(sequence)] {});
    }
    compactor_.Look();
  }
  appender_.OnCheckpoint(result);
  ContinueClose();
}

void SegmentJournal::OnGroup(bool readable) {
  auto then = lifetime_.Guard([this] { ContinueClose(); });
  if (readable && listener_) {
    listener_();
  }
  then();
}

void SegmentJournal::Close(std::move_only_function<void()> done) {
  close_done_ = std::move(done);
  checkpoints_.Stop();
  compactor_.Stop();
  room_.Stop();
  records_.retained().Stop();
  appender_.Close();
  ContinueClose();
}

void SegmentJournal::ContinueClose() {
  if (!close_done_ || !appender_.idle() || checkpoints_.in_flight() || compactor_.segment() != 0) {
    return;
  }
  if (!closed_) {
    closed_ = true;
    checkpoints_.Write();
    return;
  }
  // An empty journal leaves its checkpoint and no segments.
  queue_.Finish(records_.index().size() == 0 && !checkpoints_.dirty(),
                std::exchange(close_done_, nullptr));
}

}  // namespace gapless::journal
