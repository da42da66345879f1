#include "journal/retention.h"

#include <algorithm>
#include <utility>

namespace gapless::journal {

namespace {

constexpr int kGroupsPerTime = 32;
constexpr Duration kSpanMin = std::chrono::milliseconds(100);

}  // namespace

void Retention::SetTime(Duration time, WallTime now) {
  if (!on() && time > Duration::zero() && !complete_since_) {
    complete_since_ = now;
  }
  time_ = time;
  if (!on()) {
    complete_since_.reset();
  }
}

bool Retention::Note(Position position, uint64_t by, WallTime now) {
  const Duration span = std::max(kSpanMin, time_ / kGroupsPerTime);
  for (auto group = groups_.rbegin(); group != groups_.rend(); ++group) {
    if (now - group->first >= span || now < group->first) {
      break;
    }
    if (group->by == by) {
      group->last = std::max(group->last, now);
      return group->positions.Add(position);
    }
  }
  groups_.push_back({.first = now, .last = now, .by = by, .positions = {}});
  return groups_.back().positions.Add(position);
}

std::optional<Position> Retention::Pop() {
  if (groups_.empty()) {
    return std::nullopt;
  }
  Group& group = groups_.front();
  const Position position = *group.positions.FirstAtLeast(0);
  group.positions.Remove(position);
  if (complete_since_) {
    complete_since_ = std::max(*complete_since_, group.last);
  }
  if (group.positions.empty()) {
    groups_.pop_front();
  }
  return position;
}

// A clock that was set back must not keep records for ever.
bool Retention::IsDue(const Group& group, WallTime now) const {
  return group.last + time_ <= now || group.first > now + time_;
}

std::optional<Position> Retention::PopDue(WallTime now) {
  return !groups_.empty() && IsDue(groups_.front(), now) ? Pop() : std::nullopt;
}

std::optional<WallTime> Retention::due() const {
  return groups_.empty() ? std::nullopt : std::optional(groups_.front().last + time_);
}

IntervalSet Retention::Find(const RetainedQuery& query) const {
  IntervalSet found;
  for (const Group& group : groups_) {
    const bool wanted = !query.by || (group.by & ReaderBit(*query.by)) != 0;
    if (wanted && group.last >= query.since) {
      for (const auto& [begin, end] : group.positions.intervals()) {
        found.AddRange(begin, end);
      }
    }
  }
  for (const Group& group : groups_) {
    if (query.not_by && (group.by & ReaderBit(*query.not_by)) != 0) {
      for (const auto& [begin, end] : group.positions.intervals()) {
        found.RemoveRange(begin, end);
      }
    }
  }
  return found;
}

std::optional<WallTime> Retention::complete_since() const { return complete_since_; }

void Retention::Restore(std::deque<Group> groups) {
  std::erase_if(groups, [](const Group& group) { return group.positions.empty(); });
  groups_ = std::move(groups);
  if (!groups_.empty()) {
    complete_since_ = groups_.front().first;
  }
}

Duration UntilDue(WallTime due, WallTime now) {
  constexpr Duration kMin = std::chrono::milliseconds(10);
  constexpr Duration kMax = std::chrono::minutes(1);
  return std::clamp<Duration>(due - now, kMin, kMax);
}

std::vector<Position> ToPositions(const IntervalSet& set) {
  std::vector<Position> positions;
  positions.reserve(set.size());
  for (const auto& [begin, end] : set.intervals()) {
    for (Position position = begin; position < end; ++position) {
      positions.push_back(position);
    }
  }
  return positions;
}

}  // namespace gapless::journal
