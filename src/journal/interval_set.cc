#include "journal/interval_set.h"

#include <algorithm>

namespace gapless::journal {

std::optional<IntervalSet::Map::Item> IntervalSet::At(uint64_t position) const {
  const std::optional<Map::Item> before = intervals_.AtMost(position);
  return before && before->value > position ? before : intervals_.AtLeast(position);
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
  // All that it meets becomes one interval, in the place of the first of them.
  std::optional<Map::Item> first = intervals_.AtMost(begin);
  if (!first || first->value < begin) {
    first = intervals_.AtLeast(begin);
  }
  if (!first || first->position > end) {
    intervals_.Insert(begin, end);
    size_ += end - begin;
    return;
  }
  size_ -= first->value - first->position;
  if (begin < first->position) {
    intervals_.Move(first->position, begin);
  }
  begin = std::min(begin, first->position);
  uint64_t reach = std::max(end, first->value);
  for (auto next = intervals_.AtLeast(begin + 1); next && next->position <= reach;
       next = intervals_.AtLeast(begin + 1)) {
    reach = std::max(reach, next->value);
    size_ -= next->value - next->position;
    intervals_.Erase(next->position);
  }
  intervals_.Set(begin, reach);
  size_ += reach - begin;
}

void IntervalSet::RemoveRange(uint64_t begin, uint64_t end) {
  if (begin >= end) {
    return;
  }
  for (auto it = At(begin); it && it->position < end; it = At(begin)) {
    const auto [first, last] = *it;
    size_ -= std::min(last, end) - std::max(first, begin);
    if (first < begin) {
      intervals_.Set(first, begin);
      if (last > end) {
        intervals_.Insert(end, last);
      }
    } else if (last > end) {
      intervals_.Move(first, end);
    } else {
      intervals_.Erase(first);
    }
  }
}

bool IntervalSet::Contains(uint64_t position) const {
  const std::optional<Map::Item> before = intervals_.AtMost(position);
  return before && before->value > position;
}

std::optional<uint64_t> IntervalSet::FirstAtLeast(uint64_t position) const {
  if (Contains(position)) {
    return position;
  }
  const std::optional<Map::Item> next = intervals_.AtLeast(position);
  return next ? std::optional(next->position) : std::nullopt;
}

IntervalSet IntervalSet::Intersection(const IntervalSet& a, const IntervalSet& b) {
  IntervalSet both;
  auto left = a.intervals_.begin();
  auto right = b.intervals_.begin();
  while (left != a.intervals_.end() && right != b.intervals_.end()) {
    const auto [left_begin, left_end] = *left;
    const auto [right_begin, right_end] = *right;
    both.AddRange(std::max(left_begin, right_begin), std::min(left_end, right_end));
    if (left_end < right_end) {
      ++left;
    } else {
      ++right;
    }
  }
  return both;
}

void IntervalSet::Clear() { *this = {}; }

bool IntervalSet::operator==(const IntervalSet& other) const {
  return size_ == other.size_ && intervals_.size() == other.intervals_.size() &&
         Intersection(*this, other).size_ == size_;
}

}  // namespace gapless::journal
