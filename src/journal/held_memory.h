// What a batch costs in memory while it waits.
#pragma once

#include "otlp/batch.h"

#include <cstdint>

namespace gapless::journal {

// Copies the body out of its slabs if it would keep more than twice its own size alive. A fresh
// copy keeps exactly its bytes.
void CopyOutOfWastedSlabs(otlp::Batch& batch);

uint64_t MetadataBytes(const otlp::Metadata& metadata);

// Bytes that the batch keeps alive, with what the bookkeeping of one record takes.
uint64_t HeldBytes(const otlp::Batch& batch);

}  // namespace gapless::journal
