#include "delivery/unit.h"

namespace gapless::delivery {

std::pair<std::vector<UnitPart>, std::vector<UnitPart>> CutInHalf(
    const std::vector<UnitPart>& parts) {
  uint64_t items = 0;
  for (const UnitPart& part : parts) {
    items += part.count;
  }
  GAPLESS_CHECK(items > 1);
  uint64_t left = items / 2;
  std::pair<std::vector<UnitPart>, std::vector<UnitPart>> halves;
  for (const UnitPart& part : parts) {
    const auto take = static_cast<uint32_t>(std::min<uint64_t>(left, part.count));
    left -= take;
    if (take == part.count) {
      halves.first.push_back(part);
      continue;
    }
    if (take == 0) {
      halves.second.push_back(part);
      continue;
    }
    UnitPart head = part;
    head.count = take;
    head.whole = false;
    UnitPart tail = part;
    tail.first += take;
    tail.count -= take;
    tail.whole = false;
    halves.first.push_back(head);
    halves.second.push_back(tail);
  }
  return halves;
}

}  // namespace gapless::delivery
