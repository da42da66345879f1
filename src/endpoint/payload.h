// Payloads: a batch as the body of a request in the wanted encoding. Pure; any thread.
#pragma once

#include "otlp/batch.h"
#include "wire/compression.h"

namespace gapless::endpoint {

// The serialized request in `codec`. A batch that is already in that codec is passed on as it is,
// without a copy; others are inflated and compressed anew as needed.
Result<Rope> EncodePayload(const otlp::Batch& batch, wire::Codec codec, int level);

}  // namespace gapless::endpoint
