// What verbosity normal and detailed print of a request: the text of upstream's debug exporter.
// Pure; any thread. Upstream calls its format unstable, and so do we.
#pragma once

#include "base/bytes.h"
#include "otlp/signal.h"

#include <string>

namespace gapless::exporter::debug {

// One line per resource, scope and item.
std::string NormalText(otlp::Signal signal, ByteSpan request);
// Every field that upstream prints.
std::string DetailedText(otlp::Signal signal, ByteSpan request);

}  // namespace gapless::exporter::debug
