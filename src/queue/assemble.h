// From the records of a unit to the one payload that is sent.
#pragma once

#include "journal/journal.h"
#include "otlp/batch.h"
#include "queue/unit.h"

#include <utility>
#include <vector>

namespace gapless::queue {

// By part; an error: it could not be read (damaged, or nobody holds it any more).
using ReadBatches = std::vector<Result<otlp::Batch>>;

// Reads the records of all parts; `done` fires once, perhaps inside the call, not after the journal
// is destroyed. Home loop of the journal.
void ReadParts(journal::Journal& journal, const std::vector<UnitPart>& parts,
               journal::Journal::ReadCallback done);

struct Assembled {
  // What `batch` holds, in order; empty: nothing is left to send.
  std::vector<UnitPart> parts;
  otlp::Batch batch;
  uint64_t inflated = 0;  // bytes that came out of compressed records
  std::vector<UnitPart> unread;
  // Read, but they cannot be cut or uncompressed.
  std::vector<std::pair<UnitPart, Status>> damaged;
};

// Glues what was read to one payload: cut to the parts' ranges, uncompressed where it must be
// merged or cut, else as it arrived. Pure.
Assembled Assemble(const std::vector<UnitPart>& parts, ReadBatches batches);

}  // namespace gapless::queue
