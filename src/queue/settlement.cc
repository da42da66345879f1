#include "queue/settlement.h"

#include <algorithm>

namespace gapless::queue {
namespace {

void Add(journal::Settlement& sum, const journal::Settlement& share) {
  sum.delivered += share.delivered;
  sum.filtered += share.filtered;
  for (size_t i = 0; i < journal::kDropReasons; ++i) {
    sum.dropped[i] += share.dropped[i];
  }
}

void AddReaders(std::vector<journal::ReaderId>& readers,
                const std::vector<journal::ReaderId>& more) {
  for (const journal::ReaderId reader : more) {
    if (std::ranges::find(readers, reader) == readers.end()) {
      readers.push_back(reader);
    }
  }
}

}  // namespace

void SettlementTracker::Open(journal::Position position) {
  if (records_.contains(position)) {
    return;
  }
  const auto info = journal_.NextPending(position);
  if (info && info->position == position) {
    records_.emplace(position, Record{.items = info->items,
                                      .bytes = info->bytes,
                                      .settlement = {},
                                      .pieces = {},
                                      .debt = {.position = position, .owed = {}, .held = {}}});
  }
}

void SettlementTracker::Book(const UnitPart& part, Outcome outcome) {
  Record whole{.items = part.count,
               .bytes = part.bytes,
               .settlement = {},
               .debt = {.position = part.position, .owed = {}, .held = {}}};
  const auto cut = part.whole ? records_.end() : records_.find(part.position);
  if (!part.whole && cut == records_.end()) {
    return;  // another piece was damaged, and the journal gave the record up
  }
  Record& record = part.whole ? whole : cut->second;
  // Pieces of one record may be settled by different levels: it is owed as a whole where any of
  // them is.
  AddReaders(record.debt.owed, outcome.owed);
  if (outcome.by) {
    record.settlement.by |= journal::ReaderBit(*outcome.by);
    if (!part.whole) {
      record.debt.held.emplace_back(*outcome.by, part.count);
    }
  }
  record.booked += part.count;
  record.pieces.taken += outcome.share.delivered > 0 ? 1 : 0;
  Add(record.settlement, outcome.share);
  if (!outcome.verdict.ok()) {
    clients_.SetVerdict(part.position, outcome.verdict);
  }
  if (record.booked < record.items) {
    return;
  }
  Record done = std::move(record);
  if (!part.whole) {
    records_.erase(cut);
  }
  Finish(part.position, std::move(done));
}

void SettlementTracker::Finish(journal::Position position, Record record) {
  admission_.Remove(position, record.items, record.bytes);
  journal_.Settle(position, record.settlement, record.debt.owed);
  if (!record.debt.owed.empty()) {
    on_debt_(record.debt);
  }
  clients_.Answer(position);
}

void SettlementTracker::Forget(const UnitPart& part) {
  if (part.whole) {
    admission_.Remove(part.position, part.count, part.bytes);
  } else if (auto record = records_.extract(part.position)) {
    admission_.Remove(part.position, record.mapped().items, record.mapped().bytes);
  }
  clients_.Answer(part.position, DataLoss("the record is damaged"));
}

bool SettlementTracker::MayCutAgain(journal::Position position) {
  Open(position);
  const auto it = records_.find(position);
  if (it == records_.end()) {
    return false;  // the journal gave it up
  }
  Record& record = it->second;
  ++record.pieces.refused;
  return cut_limit_.Allows(position, record.items, record.pieces);
}

void SettlementTracker::Doubt(journal::ReaderId confirmed_by,
                              const std::vector<journal::ReaderId>& owed) {
  for (auto& [position, record] : records_) {
    if ((record.settlement.by & journal::ReaderBit(confirmed_by)) != 0) {
      AddReaders(record.debt.owed, owed);
    }
  }
}

uint32_t SettlementTracker::Lose(journal::Position position) {
  Open(position);
  const Record record = std::move(records_.extract(position).mapped());
  journal::Settlement settlement = record.settlement;
  const uint32_t lost = record.items - record.booked;
  settlement.dropped[static_cast<size_t>(journal::DropReason::kShutdown)] = lost;
  journal_.Settle(position, settlement);
  return lost;
}

}  // namespace gapless::queue
