#include "otlp/batch.h"

namespace gapless::otlp {

Result<Batch> Inflate(const Batch& batch) {
  if (batch.codec == wire::Codec::kIdentity) {
    return batch;
  }
  Batch plain = batch;
  ASSIGN_OR_RETURN(plain.body, wire::Decompress(batch.codec, batch.body, batch.raw_size));
  plain.codec = wire::Codec::kIdentity;
  plain.raw_size = plain.body.size();
  return plain;
}

Batch Merge(std::vector<Batch> batches) {
  GAPLESS_CHECK(!batches.empty());
  Batch merged = std::move(batches.front());
  for (size_t i = 1; i < batches.size(); ++i) {
    Batch& next = batches[i];
    GAPLESS_DCHECK(next.signal == merged.signal && next.codec == wire::Codec::kIdentity);
    merged.items += next.items;
    merged.raw_size += next.raw_size;
    merged.body.Append(std::move(next.body));
  }
  return merged;
}

}  // namespace gapless::otlp
