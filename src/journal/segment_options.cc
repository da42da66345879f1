#include "journal/segment_options.h"

#include "journal/segment_format.h"

#include <algorithm>

namespace gapless::journal {

namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kSegmentSizeMin = 64 * 1024;
constexpr uint64_t kSegmentsPerLimit = 8;

}  // namespace

uint64_t SegmentSizeOf(const SegmentJournalOptions& options) {
  const uint64_t limit = options.max_size == 0
                             ? kSegmentSizeMax
                             : std::max(kSegmentSizeMin, options.max_size / kSegmentsPerLimit);
  const uint64_t size = std::min({options.segment_size, limit, kSegmentSizeMax});
  return std::max(kPage * 4, size / kPage * kPage);
}

}  // namespace gapless::journal
