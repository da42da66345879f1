#include "journal/held_memory.h"

namespace gapless::journal {

namespace {

constexpr uint64_t kRecordOverhead = 256;
// Below this it is not worth a copy.
constexpr size_t kSlack = 4096;

}  // namespace

void CopyOutOfWastedSlabs(otlp::Batch& batch) {
  const size_t size = batch.body.size();
  if (batch.body.held_bytes() <= 2 * size + kSlack) {
    return;
  }
  SlabRef slab(Slab::New(size));
  batch.body.CopyTo(slab->data());
  const std::byte* data = slab->data();
  batch.body = Rope(Slice(std::move(slab), data, size));
}

uint64_t MetadataBytes(const otlp::Metadata& metadata) {
  uint64_t bytes = 0;
  for (const auto& [key, value] : metadata) {
    bytes += key.size() + value.size() + sizeof(otlp::Metadata::value_type);
  }
  return bytes;
}

uint64_t HeldBytes(const otlp::Batch& batch) {
  return kRecordOverhead + batch.body.held_bytes() + batch.body.slices().size() * sizeof(Slice) +
         (batch.metadata ? MetadataBytes(*batch.metadata) : 0);
}

}  // namespace gapless::journal
