#include "journal/appender.h"

#include "base/check.h"
#include "journal/held_memory.h"
#include "wire/checksum.h"

#include <optional>
#include <utility>

#include <fmt/format.h>

namespace gapless::journal {

namespace {

// Appends whose write has not finished; beyond it clients hear that the disk is too slow.
constexpr uint64_t kInFlightMax = uint64_t{256} << 20;
// A large body is in this thread's caches, not in the writer's: it is hashed here, unless the
// writer may compress it.
constexpr size_t kHotBody = 16 * 1024;

}  // namespace

Appender::Appender(const Parts& parts, Position next, OnDone on_done)
    : parts_(parts), on_done_(std::move(on_done)), next_(next), counted_(next) {
  for (const auto& [sequence, segment] : parts_.records.index().segments()) {
    disk_bytes_ += segment.capacity;
  }
}

Status Appender::Admit(const otlp::Batch& batch, uint64_t charge) {
  const SegmentJournalOptions& options = parts_.options;
  if (closing_) {
    return Unavailable("the journal is closing");
  }
  const uint64_t smallest_segment = kSegmentDataAt + 2 * kRecordHeaderSize + batch.body.size();
  if (options.max_size > 0 && smallest_segment > options.max_size) {
    return ResourceExhausted(fmt::format("a request of {} bytes never fits into max_size {}",
                                         batch.body.size(), options.max_size));
  }
  if (batch.body.size() > kStoredSizeMax || batch.raw_size > kRawSizeMax) {
    return ResourceExhausted("the request is larger than a record of the journal");
  }
  if (in_flight_bytes_ + batch.body.size() > kInFlightMax && in_flight_bytes_ > 0) {
    return ResourceExhausted("the disk does not keep up").WithRetryAfter(options.retry_delay);
  }
  while (!parts_.charge.Try(charge)) {
    if (!parts_.records.FreeMemory()) {
      return NoMemoryLeft("the journal").WithRetryAfter(options.retry_delay);
    }
  }
  return OkStatus();
}

void Appender::Append(otlp::Batch batch, Journal::AppendCallback done, bool waits) {
  CopyOutOfWastedSlabs(batch);
  batch.context.reset();
  batch.lanes = batch.lanes != 0 ? batch.lanes : otlp::kAllLanes;
  std::string metadata = EncodeMetadata(batch.metadata.get());
  if (MetadataSize(metadata, batch.lanes) > kMetadataSizeMax) {
    done(InvalidArgument("the kept metadata of the request is larger than 1 MiB"));
    return;
  }
  const uint64_t held = HeldBytes(batch) + RecordIndex::kBytesPerRecord;
  if (const Status admitted = Admit(batch, held); !admitted.ok()) {
    done(admitted);
    return;
  }
  const MetadataTable::Id id = parts_.records.HoldMetadata(metadata, batch);
  const Position position = next_++;
  const int64_t arrival = parts_.home.WallNow().time_since_epoch().count();
  in_flight_bytes_ += batch.body.size();
  in_flight_.push_back({.record = {.position = position,
                                   .batch = batch,
                                   .arrival_ns = arrival,
                                   .metadata = id,
                                   .charged = held},
                        .done = std::move(done),
                        .waits = waits});
  WriteRequest request = {.position = position,
                          .arrival_ns = arrival,
                          .metadata = std::move(metadata),
                          .batch = std::move(batch)};
  if (request.batch.body.size() >= kHotBody && !parts_.options.pack) {
    request.body_crc = wire::Crc32c(request.batch.body);
  }
  parts_.queue.Push(std::move(request));
}

Appender::InFlight Appender::Finish(const Written& written) {
  InFlight finished = std::move(in_flight_.front());
  in_flight_.pop_front();
  GAPLESS_CHECK(finished.record.position == written.position);
  counted_ = written.position + 1;
  in_flight_bytes_ -= finished.record.batch.body.size();
  return finished;
}

void Appender::OnGroup(GroupResult result) {
  auto& segments = parts_.records.index().segments();
  for (OpenedSegment& opened : result.opened) {
    parts_.records.index().AddSegment(opened.header, std::move(opened.file), std::move(opened.path),
                                      opened.capacity);
  }
  disk_bytes_ = result.disk_bytes;
  Status failure;
  for (const Written& written : result.written) {
    failure = written.status.ok() || written.moved ? failure : written.status;
  }
  const bool wait = parts_.room.MakeRoom(failure, !result.opened.empty(), disk_bytes_);
  std::vector<std::pair<Journal::AppendCallback, Result<Position>>> answers;
  bool readable = false;
  for (const Written& written : result.written) {
    if (written.moved) {
      parts_.compactor.OnMoved(written);
      continue;
    }
    auto [record, done, waits] = Finish(written);
    if (written.status.ok()) {
      parts_.records.Accept(std::move(record), segments.at(written.segment), written.offset,
                            written.size);
      readable = true;
      answers.emplace_back(std::move(done), written.position);
      continue;
    }
    parts_.records.Abandon(record);
    if (wait && waits) {
      waiting_.push_back({.batch = std::move(record.batch), .done = std::move(done)});
    } else {
      answers.emplace_back(std::move(done), written.status);
    }
  }
  for (const uint64_t sequence : result.sealed) {
    segments.at(sequence).sealed = true;
  }
  parts_.checkpoints.Changed();
  if (wait) {
    parts_.checkpoints.Write();
  } else if (!failure.ok()) {
    log_.Log(parts_.options.log, telemetry::LogLevel::kError, parts_.home.Now(),
             "the journal cannot store",
             {{"directory", parts_.options.directory}, {"error", failure}});
  }
  auto finished = lifetime_.Guard([this, readable] { on_done_(readable); });
  for (auto& [done, answer] : answers) {
    done(std::move(answer));
  }
  finished();
}

void Appender::OnCheckpoint(const CheckpointResult& result) {
  disk_bytes_ = result.disk_bytes;
  if (!waiting_.empty() && result.status.ok() && parts_.room.IsOnItsWay()) {
    parts_.checkpoints.Write();  // this one did not yet name what was given up
  } else {
    AppendWaiting(/*wait=*/result.status.ok());
  }
}

void Appender::AppendWaiting(bool wait) {
  for (auto& [batch, done] : std::exchange(waiting_, {})) {
    Append(std::move(batch), std::move(done), wait);
  }
}

void Appender::Close() {
  closing_ = true;
  AppendWaiting(/*wait=*/false);  // each hears that the journal is closing
}

}  // namespace gapless::journal
