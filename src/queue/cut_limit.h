// CutLimit: how often a record whose pieces are refused as invalid is cut again. Pure.
//
// One bad item among good ones is found by halves. A record of which nothing is taken is not tried
// for long: its client could make a backend refuse hundreds of requests for one. A record of a
// former process is cut down to its items: what that process had delivered of it, and did not write
// down, may be refused as a repetition, and the rest of it is good.
#pragma once

#include "journal/journal.h"

#include <algorithm>
#include <bit>
#include <cstdint>

namespace gapless::queue {

// Of one record.
struct CutPieces {
  uint32_t refused = 0;  // by a level, as invalid
  uint32_t taken = 0;
};

class CutLimit {
 public:
  // `head`: of the journal when this process took it over.
  explicit CutLimit(journal::Position head) : head_(head) {}

  // Whether the piece that was refused last is cut.
  bool Allows(journal::Position position, uint32_t items, const CutPieces& pieces) const {
    const auto depth = static_cast<uint32_t>(std::bit_width(items));
    const uint32_t most = std::min(kRefusalsMax, kRefusals + 2 * depth * (1 + pieces.taken));
    return position < head_ || pieces.refused <= most;
  }

 private:
  static constexpr uint32_t kRefusalsMax = 256;
  // Beside those that a single bad item needs.
  static constexpr uint32_t kRefusals = 8;

  journal::Position head_;
};

}  // namespace gapless::queue
