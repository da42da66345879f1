#include "queue/assemble.h"

#include "otlp/split.h"

namespace gapless::queue {

void ReadParts(journal::Journal& journal, const std::vector<UnitPart>& parts,
               journal::Journal::ReadCallback done) {
  std::vector<journal::Position> positions;
  positions.reserve(parts.size());
  for (const UnitPart& part : parts) {
    positions.push_back(part.position);
  }
  journal.Read(std::move(positions), std::move(done));
}

Assembled Assemble(const std::vector<UnitPart>& parts, ReadBatches batches) {
  Assembled made;
  made.parts.reserve(parts.size());
  for (size_t i = 0; i < parts.size(); ++i) {
    const UnitPart& part = parts[i];
    if (!batches[i].ok()) {
      made.unread.push_back(part);
      continue;
    }
    const bool as_it_came = parts.size() == 1 && part.whole;
    Result<otlp::Batch>& piece = batches[i];
    if (!as_it_came) {
      const bool plain = piece->codec == wire::Codec::kIdentity;
      piece = otlp::Inflate(std::move(*piece));
      made.inflated += piece.ok() && !plain ? piece->body.size() : 0;
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
    if (made.parts.empty()) {
      made.batch = std::move(piece).value();
    } else {
      otlp::MergeInto(made.batch, std::move(piece).value());
    }
    made.parts.push_back(part);
  }
  return made;
}

}  // namespace gapless::queue
