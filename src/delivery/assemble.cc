#include "delivery/assemble.h"

#include "otlp/split.h"

#include <memory>

namespace gapless::delivery {

void ReadParts(journal::Journal& journal, std::vector<UnitPart> parts,
               std::move_only_function<void(ReadBatches)> done) {
  struct Reading {
    ReadBatches batches;
    size_t waiting = 0;
    std::move_only_function<void(ReadBatches)> done;
  };
  auto reading = std::make_shared<Reading>();
  reading->batches.resize(parts.size());
  reading->waiting = parts.size();
  reading->done = std::move(done);
  // Parts by value: a read may answer at once, and the last answer may end the unit.
  for (size_t i = 0; i < parts.size(); ++i) {
    journal.Read(parts[i].position, [i, reading](Result<otlp::Batch> batch) {
      if (batch.ok()) {
        reading->batches[i] = std::move(batch).value();
      }
      if (--reading->waiting == 0) {
        reading->done(std::move(reading->batches));
      }
    });
  }
}

Assembled Assemble(const std::vector<UnitPart>& parts, ReadBatches batches) {
  Assembled made;
  made.parts.reserve(parts.size());
  for (size_t i = 0; i < parts.size(); ++i) {
    const UnitPart& part = parts[i];
    if (!batches[i]) {
      made.unread.push_back(part);
      continue;
    }
    const bool as_it_came = parts.size() == 1 && part.whole;
    Result<otlp::Batch> piece =
        as_it_came ? std::move(*batches[i]) : otlp::Inflate(std::move(*batches[i]));
    if (piece.ok() && !part.whole) {
      auto cut = otlp::SliceItems(piece->body, piece->signal, part.first, part.count);
      if (cut.ok()) {
        piece->body = std::move(cut->request);
        piece->raw_size = piece->body.size();
        piece->items = static_cast<uint32_t>(cut->items);
      } else {
        piece = cut.status();
      }
    }
    if (!piece.ok()) {
      made.damaged.emplace_back(part, piece.status());
      continue;
    }
    if (made.parts.empty()) {
      made.batch = std::move(piece).value();
    } else {
      otlp::MergeInto(made.batch, std::move(piece).value());
    }
    made.parts.push_back(part);
  }
  return made;
}

}  // namespace gapless::delivery
