// Every bound that the configuration language puts on its input.
#pragma once

#include <cstddef>

namespace gapless::config {

// One source: a file, a variable, an answer.
inline constexpr size_t kDocumentBytesMax = 8'388'608;
// Values, and bytes of their text, in one tree; aliases and expansions counted in full.
inline constexpr size_t kNodesMax = 200'000;
inline constexpr size_t kTreeTextBytesMax = 33'554'432;
inline constexpr size_t kMapEntriesMax = 10'000;
// Lists and maps within each other.
inline constexpr size_t kDepthMax = 100;
// One Resolve: text made by `${…}`, and how often one is looked up. Rounds for one value:
// upstream's bound.
inline constexpr size_t kExpandedTextBytesMax = 33'554'432;
inline constexpr size_t kExpansionsMax = 20'000;
inline constexpr int kExpansionRoundsMax = 1000;
// Problems of each kind kept by one Errors.
inline constexpr size_t kIssuesMax = 100;

}  // namespace gapless::config
