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
  std::vector<otlp::Batch> pieces;
  for (size_t i = 0; i < parts.size(); ++i) {
    const UnitPart& part = parts[i];
    if (!batches[i]) {
      made.unread.push_back(part);
      continue;
    }
    Result<otlp::Batch> piece = std::move(*batches[i]);
    if (parts.size() > 1 || !part.whole) {
      piece = otlp::Inflate(*piece);
    }
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
    made.parts.push_back(part);
    pieces.push_back(std::move(piece).value());
  }
  if (!pieces.empty()) {
    made.batch = pieces.size() == 1 ? std::move(pieces.front()) : otlp::Merge(std::move(pieces));
  }
  return made;
}

}  // namespace gapless::delivery
