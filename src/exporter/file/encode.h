// Encode: a batch as it stands in the file. Pure; any thread.
#pragma once

#include "base/bytes.h"
#include "exporter/file/config.h"
#include "otlp/batch.h"

namespace gapless::exporter::file {

// json without compression: the request as OTLP/JSON and a newline. Otherwise a length of four
// bytes, most significant first, and the request in the format and compression of the config.
// INVALID_ARGUMENT for a request that is not well formed, or too long for its length field.
Result<Rope> Encode(const otlp::Batch& batch, const Config& config);

}  // namespace gapless::exporter::file
