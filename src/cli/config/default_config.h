// What `gapless` runs with when nobody configured anything: OTLP in, a primary that may not exist
// yet, and a local file that keeps everything meanwhile.
#pragma once

#include <string>

namespace gapless::cli {

// A value for --config.
std::string DefaultConfig();
// Three lines on stderr: where it listens, where data goes, what to try next.
void PrintDefaultHint();

}  // namespace gapless::cli
