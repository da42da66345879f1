#include "otlp/batch.h"

#include <algorithm>

namespace gapless::otlp {

Batch WithClientAddress(Batch batch) {
  if (!batch.context || batch.context->client_address.empty()) {
    return batch;
  }
  auto metadata =
      batch.metadata ? std::make_shared<Metadata>(*batch.metadata) : std::make_shared<Metadata>();
  metadata->emplace_back(kClientAddressKey, batch.context->client_address);
  std::ranges::stable_sort(*metadata, {}, &Metadata::value_type::first);
  batch.metadata = std::move(metadata);
  return batch;
}

Result<Batch> Inflate(Batch batch) {
  if (batch.codec == wire::Codec::kIdentity) {
    return batch;
  }
  ASSIGN_OR_RETURN(batch.body, wire::Decompress(batch.codec, batch.body, batch.raw_size));
  batch.codec = wire::Codec::kIdentity;
  batch.raw_size = batch.body.size();
  return batch;
}

void MergeInto(Batch& merged, Batch next) {
  GAPLESS_DCHECK(next.signal == merged.signal && merged.codec == wire::Codec::kIdentity &&
                 next.codec == wire::Codec::kIdentity);
  merged.items += next.items;
  merged.raw_size += next.raw_size;
  const bool known = merged.lanes != 0 && next.lanes != 0;
  merged.lanes = known ? merged.lanes | next.lanes : 0;
  merged.body.Append(std::move(next.body));
}

}  // namespace gapless::otlp
