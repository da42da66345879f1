#include "journal/interval_set.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace gapless::journal {

IntervalSet::Map::const_iterator IntervalSet::At(uint64_t position) const {
  auto it = intervals_.upper_bound(position);
  if (it != intervals_.begin() && std::prev(it)->second > position) {
    --it;
  }
  return it;
}

bool IntervalSet::Add(uint64_t position) {
  const uint64_t before = size_;
  AddRange(position, position + 1);
  return size_ != before;
}

bool IntervalSet::Remove(uint64_t position) {
  const uint64_t before = size_;
  RemoveRange(position, position + 1);
  return size_ != before;
}

void IntervalSet::AddRange(uint64_t begin, uint64_t end) {
  if (begin >= end) {
    return;
  }
  // The common case, an append behind everything, without a search.
  if (!intervals_.empty() && intervals_.rbegin()->second == begin) {
    intervals_.rbegin()->second = end;
    size_ += end - begin;
    return;
  }
  auto it = intervals_.lower_bound(begin);
  if (it != intervals_.begin() && std::prev(it)->second >= begin) {
    --it;
    begin = it->first;
  }
  while (it != intervals_.end() && it->first <= end) {
    end = std::max(end, it->second);
    size_ -= it->second - it->first;
    it = intervals_.erase(it);
  }
  intervals_.emplace_hint(it, begin, end);
  size_ += end - begin;
}

void IntervalSet::RemoveRange(uint64_t begin, uint64_t end) {
  if (begin >= end) {
    return;
  }
  auto it = intervals_.lower_bound(begin);
  if (it != intervals_.begin() && std::prev(it)->second > begin) {
    --it;
  }
  while (it != intervals_.end() && it->first < end) {
    const auto next = std::next(it);
    const auto [first, last] = *it;
    size_ -= std::min(last, end) - std::max(first, begin);
    if (first < begin) {
      it->second = begin;
      if (last > end) {
        intervals_.emplace_hint(next, end, last);
      }
    } else if (last > end) {
      // The common case, what comes first is finished first: without an allocation.
      auto interval = intervals_.extract(it);
      interval.key() = end;
      intervals_.insert(next, std::move(interval));
    } else {
      intervals_.erase(it);
    }
    it = next;
  }
}

bool IntervalSet::Contains(uint64_t position) const {
  const auto it = At(position);
  return it != intervals_.end() && it->first <= position;
}

std::optional<uint64_t> IntervalSet::FirstAtLeast(uint64_t position) const {
  const auto it = At(position);
  if (it == intervals_.end()) {
    return std::nullopt;
  }
  return std::max(position, it->first);
}

IntervalSet IntervalSet::Intersection(const IntervalSet& a, const IntervalSet& b) {
  IntervalSet both;
  auto left = a.intervals_.begin();
  auto right = b.intervals_.begin();
  while (left != a.intervals_.end() && right != b.intervals_.end()) {
    both.AddRange(std::max(left->first, right->first), std::min(left->second, right->second));
    if (left->second < right->second) {
      ++left;
    } else {
      ++right;
    }
  }
  return both;
}

void IntervalSet::Clear() {
  intervals_.clear();
  size_ = 0;
}

}  // namespace gapless::journal
