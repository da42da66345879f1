#include "journal/debts.h"

#include "base/check.h"

#include <algorithm>
#include <utility>

namespace gapless::journal {

ReaderId Debts::Register(std::string_view name) {
  for (size_t i = 0; i < readers_.size(); ++i) {
    if (readers_[i].name == name) {
      readers_[i].registered = true;
      return static_cast<ReaderId>(i);
    }
  }
  readers_.push_back({.name = std::string(name), .owed = {}, .registered = true});
  return static_cast<ReaderId>(readers_.size() - 1);
}

void Debts::Restore(std::string_view name, IntervalSet owed) {
  readers_.push_back({.name = std::string(name), .owed = std::move(owed), .registered = false});
}

bool Debts::Add(ReaderId reader, Position position) {
  GAPLESS_CHECK(reader < readers_.size());
  return readers_[reader].owed.Add(position);
}

bool Debts::Settle(ReaderId reader, Position position) {
  GAPLESS_CHECK(reader < readers_.size());
  return readers_[reader].owed.Remove(position);
}

void Debts::GiveUp(Position position) {
  for (Reader& reader : readers_) {
    reader.owed.Remove(position);
  }
}

void Debts::KeepOnly(const IntervalSet& positions) {
  for (Reader& reader : readers_) {
    reader.owed = IntervalSet::Intersection(reader.owed, positions);
  }
}

std::optional<Position> Debts::TakeUnregistered() {
  std::optional<Position> first;
  for (const Reader& reader : readers_) {
    const auto next = reader.registered ? std::nullopt : reader.owed.FirstAtLeast(0);
    first = next && (!first || *next < *first) ? next : first;
  }
  for (Reader& reader : readers_) {
    if (first && !reader.registered) {
      reader.owed.Remove(*first);
    }
  }
  return first;
}

bool Debts::IsOwed(Position position) const {
  return std::ranges::any_of(readers_,
                             [&](const Reader& reader) { return reader.owed.Contains(position); });
}

std::optional<Position> Debts::Next(ReaderId reader, Position from) const {
  GAPLESS_CHECK(reader < readers_.size());
  return readers_[reader].owed.FirstAtLeast(from);
}

std::optional<Position> Debts::Oldest() const { return NextOwedToAnybody(0); }

std::optional<Position> Debts::NextOwedToAnybody(Position from) const {
  std::optional<Position> next;
  for (const Reader& reader : readers_) {
    const std::optional<Position> candidate = reader.owed.FirstAtLeast(from);
    if (candidate && (!next || *candidate < *next)) {
      next = candidate;
    }
  }
  return next;
}

}  // namespace gapless::journal
