#include "queue/debt_book.h"

#include "queue/backlog.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace gapless::queue {
namespace {

// A merged unit of old data is kept small: it competes with live data.
constexpr uint64_t kOwedBytesMax = uint64_t{1} << 20;
constexpr size_t kExpireMax = 10'000;

}  // namespace

std::vector<journal::ReaderId> OwedAfter(const std::vector<journal::ReaderId>& readers,
                                         const std::vector<UnitTrack>& tracks, size_t by) {
  std::vector<journal::ReaderId> owed;
  for (size_t i = 0; i < std::min(by, readers.size()); ++i) {
    if (!tracks[i].rejected) {
      owed.push_back(readers[i]);
    }
  }
  return owed;
}

DebtBook::DebtBook(journal::Journal& journal, std::string_view reader)
    : journal_(journal), reader_(journal.RegisterReader(reader)), cut_limit_(journal.head()) {}

void DebtBook::Add(journal::Position position) { cursor_ = std::min(cursor_, position); }

std::optional<journal::RecordInfo> DebtBook::NextAvailable() {
  auto info = journal_.NextOwed(reader_, cursor_);
  while (info && !Available(info->position)) {
    info = journal_.NextOwed(reader_, info->position + 1);
  }
  cursor_ = info ? info->position : std::numeric_limits<journal::Position>::max();
  return info;
}

UnitParts DebtBook::Take(const std::optional<sending::BatchSettings>& batch) {
  UnitParts parts;
  std::optional<journal::RecordInfo> first;
  uint64_t items = 0;
  uint64_t bytes = 0;
  while (const auto info = NextAvailable()) {
    if (first) {
      const bool by_bytes = batch->sizer == sending::Sizer::kBytes;
      const uint64_t size = by_bytes ? bytes + info->bytes : items + info->items;
      if (!SameMetadata(*first, *info) || bytes + info->bytes > kOwedBytesMax ||
          (batch->max_size > 0 && size > batch->max_size)) {
        break;
      }
    } else {
      first = info;
    }
    items += info->items;
    bytes += info->bytes;
    parts.push_back({.position = info->position,
                     .count = info->items,
                     .bytes = info->bytes,
                     .lanes = info->lanes});
    under_way_[info->position] = {.items = info->items, .left = info->items};
    ++cursor_;
    if (!batch || (batch->sizer == sending::Sizer::kBytes ? bytes : items) >= batch->min_size) {
      break;
    }
  }
  return parts;
}

uint64_t DebtBook::Settle(const std::vector<UnitPart>& parts, bool delivered) {
  uint64_t again = 0;
  for (const UnitPart& part : parts) {
    const auto it = under_way_.find(part.position);
    if (it == under_way_.end()) {
      continue;
    }
    it->second.left -= std::min(it->second.left, part.count);
    it->second.pieces.taken += delivered ? 1 : 0;
    if (it->second.left > 0) {
      continue;
    }
    const OnItsWay ended = it->second;
    under_way_.erase(it);
    if (ended.doubted) {
      again += ended.items;
      Add(part.position);
    } else {
      journal_.SettleDebt(reader_, part.position, delivered);
    }
  }
  return again;
}

void DebtBook::Doubt() {
  for (auto& [position, record] : under_way_) {
    record.doubted = record.doubted || record.left < record.items;
  }
}

bool DebtBook::MayCutAgain(journal::Position position) {
  const auto it = under_way_.find(position);
  if (it == under_way_.end()) {
    return false;  // the journal gave it up
  }
  ++it->second.pieces.refused;
  return cut_limit_.Allows(position, it->second.items, it->second.pieces);
}

void DebtBook::Await(uint64_t live_unit, UnitParts parts, uint32_t attempts) {
  for (const UnitPart& part : parts) {
    ++held_back_[part.position];
  }
  awaited_[live_unit] = {.parts = std::move(parts), .attempts = attempts};
}

void DebtBook::OnLiveLate(uint64_t live_unit, bool delivered) {
  const auto it = awaited_.find(live_unit);
  if (it == awaited_.end() || (!delivered && --it->second.attempts > 0)) {
    return;
  }
  for (const UnitPart& part : it->second.parts) {
    if (delivered && part.whole) {
      journal_.SettleDebt(reader_, part.position, /*delivered=*/true);
    }
    ReleaseHold(part.position);
  }
  awaited_.erase(it);
}

void DebtBook::ReleaseHold(journal::Position position) {
  const auto it = held_back_.find(position);
  if (--it->second == 0) {
    held_back_.erase(it);
    Add(position);
  }
}

uint64_t DebtBook::ExpireBefore(WallTime limit) {
  uint64_t items = 0;
  for (size_t i = 0; i < kExpireMax; ++i) {
    const auto info = journal_.NextOwed(reader_, 0);
    if (!info || info->arrival >= limit || !Available(info->position)) {
      break;
    }
    items += info->items;
    journal_.SettleDebt(reader_, info->position, /*delivered=*/false);
  }
  return items;
}

std::optional<WallTime> DebtBook::oldest() const {
  const auto info = journal_.NextOwed(reader_, 0);
  return info ? std::optional(info->arrival) : std::nullopt;
}

uint64_t DebtBook::Forget() {
  uint64_t items = 0;
  while (const auto info = journal_.NextOwed(reader_, 0)) {
    items += info->items;
    journal_.SettleDebt(reader_, info->position, /*delivered=*/false);
  }
  under_way_.clear();
  return items;
}

}  // namespace gapless::queue
