#include "journal/recent_records.h"

#include <iterator>
#include <utility>

namespace gapless::journal {

namespace {

// So long after the last read of a pending record new ones still stay in memory.
constexpr Duration kWhileRead = std::chrono::seconds(5);

}  // namespace

void RecentRecords::Put(Position position, otlp::Batch batch, uint64_t charged, bool alone,
                        TimePoint now) {
  if (alone) {
    last_read_at_ = now;
  }
  const bool outage = now - last_read_at_ > kWhileRead;
  while (!records_.empty() && (outage || (bytes_ + charged > limit_ && HasPassedOne()))) {
    Erase(records_.begin());
  }
  full_ = bytes_ + charged > (full_ ? limit_ / 2 : limit_);
  if (full_ || outage) {
    charge_.Release(charged);
    return;
  }
  bytes_ += charged;
  records_.emplace_hint(records_.end(), position,
                        Record{.batch = std::move(batch), .charged = charged});
}

void RecentRecords::OnRead(Position position, TimePoint now) {
  last_read_ = position;
  last_read_at_ = now;
}

const otlp::Batch* RecentRecords::Find(Position position) const {
  const auto it = records_.find(position);
  return it == records_.end() ? nullptr : &it->second.batch;
}

void RecentRecords::Drop(Position position) {
  if (const auto it = records_.find(position); it != records_.end()) {
    Erase(it);
  }
}

bool RecentRecords::DropOne() {
  if (records_.empty()) {
    return false;
  }
  Erase(HasPassedOne() ? records_.begin() : std::prev(records_.end()));
  return true;
}

void RecentRecords::Erase(Records::iterator it) {
  bytes_ -= it->second.charged;
  charge_.Release(it->second.charged);
  records_.erase(it);
}

}  // namespace gapless::journal
