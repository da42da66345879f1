#include "journal/book.h"

#include "base/check.h"

#include <algorithm>
#include <utility>

namespace gapless::journal {

void Book::Accept(Position position, const Amount& amount) {
  const bool added = pending_.Add(position);
  GAPLESS_CHECK(added);
  ledger_.accepted += amount;
  ledger_.pending += amount;
}

bool Book::Settle(Position position, const Amount& amount, const Settlement& settlement,
                  const std::vector<ReaderId>& owed) {
  if (!pending_.Remove(position)) {
    return false;
  }
  ledger_.pending -= amount;
  // Whatever a caller counted wrongly, the equation holds: items beyond the record's are not
  // booked, missing ones are filtered.
  uint64_t left = amount.items;
  const auto take = [&left](uint32_t count) {
    const uint64_t taken = std::min<uint64_t>(left, count);
    left -= taken;
    return taken;
  };
  Amount* whole = nullptr;
  if (settlement.delivered > 0) {
    ledger_.delivered.items += take(settlement.delivered);
    whole = &ledger_.delivered;
  }
  for (size_t i = 0; i < kDropReasons; ++i) {
    if (settlement.dropped[i] > 0) {
      ledger_.dropped[i].items += take(settlement.dropped[i]);
      whole = whole ? whole : &ledger_.dropped[i];
    }
  }
  GAPLESS_DCHECK(left == settlement.filtered);
  ledger_.filtered.items += left;
  whole = whole ? whole : &ledger_.filtered;
  whole->requests += amount.requests;
  whole->bytes += amount.bytes;

  for (const ReaderId reader : owed) {
    debts_.Add(reader, position);
  }
  if (!owed.empty()) {
    owed_ += amount;
  }
  return owed.empty();
}

bool Book::Drop(Position position, const Amount& amount, DropReason reason) {
  if (!pending_.Remove(position)) {
    return false;
  }
  ledger_.pending -= amount;
  ledger_.dropped[static_cast<size_t>(reason)] += amount;
  return true;
}

bool Book::SettleDebt(ReaderId reader, Position position, const Amount& amount) {
  if (!debts_.Settle(reader, position) || debts_.IsOwed(position)) {
    return false;
  }
  owed_ -= amount;
  return true;
}

bool Book::Owe(ReaderId reader, Position position, const Amount& amount) {
  const bool owed = debts_.IsOwed(position);
  if (!debts_.Add(reader, position)) {
    return false;
  }
  owed_ += owed ? Amount{} : amount;
  return true;
}

void Book::GiveUpDebt(Position position, const Amount& amount) {
  GAPLESS_CHECK(debts_.IsOwed(position));
  debts_.GiveUp(position);
  owed_ -= amount;
  given_up_ += amount;
}

bool Book::DebtVanished(Position position, const Amount& amount) {
  if (debts_.IsOwed(position)) {
    return false;
  }
  owed_ -= amount;
  given_up_ += amount;
  return true;
}

void Book::Restore(Ledger ledger, IntervalSet pending, Debts debts, const Amount& given_up) {
  ledger_ = std::move(ledger);
  pending_ = std::move(pending);
  debts_ = std::move(debts);
  given_up_ = given_up;
  owed_ = {};
}

void Book::DropMissing(const IntervalSet& positions, const Amount& amount, DropReason reason) {
  for (const auto& [begin, end] : positions.intervals()) {
    pending_.RemoveRange(begin, end);
  }
  ledger_.pending -= amount;
  ledger_.dropped[static_cast<size_t>(reason)] += amount;
}

void Book::BookUnknownLoss(uint64_t requests, DropReason reason) {
  const Amount amount{.requests = requests, .items = 0, .bytes = 0};
  ledger_.accepted += amount;
  ledger_.dropped[static_cast<size_t>(reason)] += amount;
}

}  // namespace gapless::journal
