// What became of a unit, distributed over its records; a record is settled with its last piece.
#include "delivery/sending_queue.h"

#include <algorithm>

namespace gapless::delivery {

// Drops a record that no unit holds.
void SendingQueue::BookUnsent(journal::Position position, journal::DropReason reason,
                              const Status& verdict) {
  const auto info = journal_->NextPending(position);
  const bool held = info && info->position == position;  // else the journal gave it up: damaged
  if (!held || !backlog_.Remove(position)) {
    return;
  }
  journal::Settlement share;
  share.dropped[static_cast<size_t>(reason)] = info->items;
  stats_->Dropped(reason, info->items, verdict);
  BookPart({.position = position, .count = info->items, .bytes = info->bytes}, share, verdict);
}

// A record is cut: its pieces are booked one by one.
void SendingQueue::Open(journal::Position position) {
  if (records_.contains(position)) {
    return;
  }
  const auto info = journal_->NextPending(position);
  if (info && info->position == position) {
    records_.emplace(position,
                     OpenRecord{.items = info->items, .bytes = info->bytes, .settlement = {}});
  }
}

// The journal gave the record up itself (damaged).
void SendingQueue::Forget(const UnitPart& part) {
  if (part.whole) {
    admission_.Remove(part.count, part.bytes);
  } else if (auto record = records_.extract(part.position)) {
    admission_.Remove(record.mapped().items, record.mapped().bytes);
  }
  if (auto waiter = waiters_.extract(part.position)) {
    waiter.mapped().completion(DataLoss("the record is damaged"));
  }
}

void SendingQueue::Recount() {
  admission_ = Admission(options_.queue);
  for (auto info = journal_->NextPending(0); info;
       info = journal_->NextPending(info->position + 1)) {
    admission_.Add(info->items, info->bytes);
  }
}

// Distributes what became of a unit over its records: refused items (partial success) are taken
// from the front, as nobody tells which they were.
void SendingQueue::BookUnit(const Unit& unit, uint64_t filtered, uint64_t refused,
                            std::optional<size_t> by) {
  const std::vector<journal::ReaderId> owed = OwedOf(unit, by);
  for (const UnitPart& part : unit.parts) {
    journal::Settlement share;
    share.filtered = static_cast<uint32_t>(std::min<uint64_t>(part.count, filtered));
    filtered -= share.filtered;
    const auto lost =
        static_cast<uint32_t>(std::min<uint64_t>(part.count - share.filtered, refused));
    refused -= lost;
    share.dropped[static_cast<size_t>(journal::DropReason::kPartialSuccess)] = lost;
    share.delivered = part.count - share.filtered - lost;
    BookPart(part, share, OkStatus(), owed, by);
  }
}

void SendingQueue::BookDrop(const Unit& unit, journal::DropReason reason, const Status& verdict) {
  for (const UnitPart& part : unit.parts) {
    journal::Settlement share;
    share.dropped[static_cast<size_t>(reason)] = part.count;
    BookPart(part, share, verdict);
  }
}

void SendingQueue::BookPart(const UnitPart& part, const journal::Settlement& share,
                            const Status& verdict, const std::vector<journal::ReaderId>& owed,
                            std::optional<size_t> by) {
  OpenRecord whole{.items = part.count, .bytes = part.bytes, .settlement = {}};
  const auto cut = part.whole ? records_.end() : records_.find(part.position);
  if (!part.whole && cut == records_.end()) {
    return;  // another piece was damaged, and the journal gave the record up
  }
  OpenRecord& record = part.whole ? whole : cut->second;
  NoteDebt(record, part, owed, by);
  record.booked += part.count;
  record.taken += share.delivered > 0 ? 1 : 0;
  record.settlement.delivered += share.delivered;
  record.settlement.filtered += share.filtered;
  for (size_t i = 0; i < journal::kDropReasons; ++i) {
    record.settlement.dropped[i] += share.dropped[i];
  }
  if (const auto waiter = waiters_.find(part.position); waiter != waiters_.end() && !verdict.ok()) {
    waiter->second.verdict = verdict;
  }
  if (record.booked < record.items) {
    return;
  }
  const OpenRecord done = std::move(record);
  if (!part.whole) {
    records_.erase(cut);
  }
  admission_.Remove(done.items, done.bytes);
  SettleRecord(part.position, done);
  if (auto waiter = waiters_.extract(part.position)) {
    waiter.mapped().completion(waiter.mapped().verdict);
  }
}

}  // namespace gapless::delivery
