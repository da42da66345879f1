#include "endpoint/payload.h"

namespace gapless::endpoint {

Result<Rope> EncodePayload(const otlp::Batch& batch, wire::Codec codec, int level) {
  // Raw and framed snappy share the name on the way in; only what was made here is known to fit.
  const bool same = batch.codec == codec && codec != wire::Codec::kSnappy;
  if (same) {
    return batch.body;
  }
  ASSIGN_OR_RETURN(const otlp::Batch plain, otlp::Inflate(batch));
  if (codec == wire::Codec::kIdentity) {
    return plain.body;
  }
  return wire::Compress(codec, level, plain.body);
}

}  // namespace gapless::endpoint
