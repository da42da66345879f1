// Every bound that the configuration language puts on its input.
#pragma once

#include <cstddef>

namespace gapless::config {

inline constexpr size_t kDocumentBytesMax = size_t{8}
                                            << 20;  // one source: a file, a variable, an answer
inline constexpr size_t kNodesMax = 200'000;  // one tree, aliases and expansions counted in full
inline constexpr size_t kTreeTextBytesMax = size_t{32}
                                            << 20;  // all text of one tree, aliases counted in full
inline constexpr size_t kMapEntriesMax = 10'000;    // keys of one map
inline constexpr size_t kDepthMax = 100;            // lists and maps within each other
inline constexpr size_t kExpandedTextBytesMax = size_t{8}
                                                << 20;  // all text made by `${…}` in one Resolve
inline constexpr int kExpansionRoundsMax = 1000;        // upstream's bound for one value
inline constexpr size_t kExpansionsMax = 100'000;       // `${…}` looked up in one Resolve
inline constexpr size_t kIssuesMax = 100;               // problems kept by one Errors

}  // namespace gapless::config
