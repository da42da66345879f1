// Names of a Collector's queue files.
#pragma once

#include "base/component_id.h"
#include "otlp/signal.h"

#include <string>
#include <string_view>

namespace gapless::takeover {

// As file_storage writes them: what is not a letter, a digit, '.', '_' or '-' becomes '~' and at
// least four hex digits of its code point.
std::string SanitizedName(std::string_view name);

// "exporter_otlp_backup_logs"; without a name "exporter_otlp__logs". A name that is too long for a
// file is the SHA-256 of it.
std::string QueueFileName(const ComponentId& exporter, otlp::Signal signal);

}  // namespace gapless::takeover
