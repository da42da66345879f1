// One value of a Collector's queue as a batch.
//
// Source: exporterhelper's request encoding: OTLP data as it is, or, since 0.129, in a wrapper with
// the context of the request: 1 format version (fixed32), 2 context, 3 data. One file may hold
// both. Pure; input is hostile.
#pragma once

#include "otlp/batch.h"

namespace gapless::takeover {

// The metadata of the client comes with it, the span context and the address do not. Errors:
// INVALID_ARGUMENT if it is no OTLP data of this signal.
Result<otlp::Batch> DecodeQueueItem(Slice value, otlp::Signal signal);

}  // namespace gapless::takeover
