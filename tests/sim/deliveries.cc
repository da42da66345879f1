#include "tests/sim/deliveries.h"

#include <algorithm>

namespace gapless::sim {
namespace {

constexpr size_t kExamplesMax = 200;

}  // namespace

bool Deliveries::LevelHad(const PeerGroup& level, uint64_t number, TimePoint before) const {
  return std::ranges::all_of(level, [&](const auto& peer) {
    const auto it = confirmed_.find(peer.get());
    return it != confirmed_.end() && At(it->second, number) < before;
  });
}

bool Deliveries::Known(const SimPeer& peer, uint64_t number, TimePoint before) const {
  return std::ranges::any_of(levels_, [&](const PeerGroup& level) {
    const bool own = std::ranges::any_of(level, [&](const auto& p) { return p.get() == &peer; });
    return (own || !backfilled_) && LevelHad(level, number, before);
  });
}

void Deliveries::OnTaken(const SimPeer& peer, const std::vector<uint64_t>& numbers,
                         TimePoint began) {
  for (const uint64_t number : numbers) {
    const bool explained = !Known(peer, number, began) || TakeUnheard(number);
    ++unheard_[number];
    if (!explained) {
      // The product takes it as not confirmed: what it was confirmed before counts no more.
      Confirmed& confirmed = confirmed_[&peer];
      if (number < confirmed.size()) {
        confirmed[number] = kUnknown;
      }
      ++unexplained_[&peer];
      if (examples_.size() < kExamplesMax) {
        examples_ += " " + std::to_string(number) + " at " + peer.name();
      }
    }
  }
}

bool Deliveries::TakeUnheard(uint64_t number) {
  const auto it = unheard_.find(number);
  if (it == unheard_.end()) {
    return false;
  }
  if (--it->second == 0) {
    unheard_.erase(it);
  }
  return true;
}

void Deliveries::OnConfirmed(const SimPeer& peer, const std::vector<uint64_t>& numbers) {
  Confirmed& confirmed = confirmed_[&peer];
  for (const uint64_t number : numbers) {
    if (number >= confirmed.size()) {
      confirmed.resize(std::max<size_t>(number + 1, 2 * confirmed.size()), kUnknown);
    }
    confirmed[number] = std::min(confirmed[number], loop_.Now());
    TakeUnheard(number);
  }
}

void Deliveries::OnForgotten(const SimPeer& peer, const std::vector<uint64_t>& numbers) {
  Confirmed& confirmed = confirmed_[&peer];
  for (const uint64_t number : numbers) {
    if (number < confirmed.size()) {
      confirmed[number] = kUnknown;
    }
  }
}

uint64_t Deliveries::unexplained() const {
  uint64_t copies = 0;
  for (const PeerGroup& level : levels_) {
    uint64_t most = 0;
    for (const auto& peer : level) {
      const auto it = unexplained_.find(peer.get());
      most = std::max(most, it == unexplained_.end() ? 0 : it->second);
    }
    copies += most;
  }
  return copies;
}

// Pieces of a record may be at different levels.
bool Deliveries::IsSettled(const Record& record) const {
  for (uint64_t number = record.first; number < record.first + record.count; ++number) {
    if (std::ranges::none_of(
            levels_, [&](const PeerGroup& level) { return LevelHad(level, number, kUnknown); })) {
      return false;
    }
  }
  return true;
}

bool Deliveries::HasAll(const PeerGroup& level, const Record& record) const {
  for (uint64_t number = record.first; number < record.first + record.count; ++number) {
    if (!LevelHad(level, number, kUnknown)) {
      return false;
    }
  }
  return true;
}

void Deliveries::Unlearn(const PeerGroup& level, const Record& record) {
  for (const auto& peer : level) {
    Confirmed& confirmed = confirmed_[peer.get()];
    const uint64_t end = std::min<uint64_t>(record.first + record.count, confirmed.size());
    for (uint64_t number = record.first; number < end; ++number) {
      confirmed[number] = kUnknown;
    }
  }
}

void Deliveries::OnProcessEnd(TimePoint written_down) {
  for (auto& [peer, confirmed] : confirmed_) {
    for (TimePoint& at : confirmed) {
      at = at > written_down ? kUnknown : at;
    }
  }
  for (const Record& record : records_) {
    const bool settled = IsSettled(record);
    for (const PeerGroup& level : levels_) {
      // Of several paths all must have it from one sending, which nobody sees from here.
      const bool many_paths = level.size() > 1;
      if (many_paths || !settled || (backfilled_ && !HasAll(level, record))) {
        Unlearn(level, record);
      }
    }
  }
}

}  // namespace gapless::sim
