#include "queue/unit.h"

#include <algorithm>

namespace gapless::queue {

namespace {

uint64_t ItemsOf(const UnitParts& parts) {
  uint64_t items = 0;
  for (const UnitPart& part : parts) {
    items += part.count;
  }
  return items;
}

// The first `items` items, and the rest.
std::pair<UnitParts, UnitParts> SplitAt(const UnitParts& parts, uint64_t items) {
  std::pair<UnitParts, UnitParts> cut;
  for (const UnitPart& part : parts) {
    const auto take = static_cast<uint32_t>(std::min<uint64_t>(items, part.count));
    items -= take;
    if (take == part.count) {
      cut.first.push_back(part);
      continue;
    }
    if (take == 0) {
      cut.second.push_back(part);
      continue;
    }
    UnitPart head = part;
    head.count = take;
    head.whole = false;
    UnitPart tail = part;
    tail.first += take;
    tail.count -= take;
    tail.whole = false;
    cut.first.push_back(head);
    cut.second.push_back(tail);
  }
  return cut;
}

}  // namespace

bool IsInvalid(const Unit& unit) {
  return std::ranges::any_of(
      unit.tracks, [](const UnitTrack& track) { return track.rejected && track.certain; });
}

uint64_t UnheardCopies(const Unit& unit) {
  return unit.items * (unit.copies - std::min<uint32_t>(unit.copies, 1));
}

std::pair<UnitParts, UnitParts> CutInHalf(const UnitParts& parts) {
  const uint64_t items = ItemsOf(parts);
  GAPLESS_CHECK(items > 1);
  return SplitAt(parts, items / 2);
}

std::pair<UnitParts, UnitParts> HalveRecords(const UnitParts& parts) {
  const auto middle = parts.begin() + static_cast<ptrdiff_t>(parts.size() / 2);
  return {{parts.begin(), middle}, {middle, parts.end()}};
}

std::vector<UnitParts> CutToRecords(const UnitParts& parts) {
  std::vector<UnitParts> singles;
  for (const UnitPart& part : parts) {
    singles.push_back({part});
  }
  return singles;
}

std::vector<UnitParts> CutToItems(UnitParts parts, uint64_t items) {
  std::vector<UnitParts> pieces;
  while (!parts.empty()) {
    auto [piece, rest] = SplitAt(parts, items);
    pieces.push_back(std::move(piece));
    parts = std::move(rest);
  }
  return pieces;
}

}  // namespace gapless::queue
