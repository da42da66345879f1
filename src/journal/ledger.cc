#include "journal/journal.h"

namespace gapless::journal {

std::string_view ToString(DropReason reason) {
  switch (reason) {
    case DropReason::kRejected:
      return "rejected";
    case DropReason::kPoison:
      return "poison";
    case DropReason::kExpired:
      return "expired";
    case DropReason::kWithdrawn:
      return "withdrawn";
    case DropReason::kOverflow:
      return "overflow";
    case DropReason::kPartialSuccess:
      return "partial_success";
    case DropReason::kDamaged:
      return "damaged";
    case DropReason::kUnsynced:
      return "unsynced";
    case DropReason::kShutdown:
      return "shutdown";
  }
  return "unknown";
}

Amount& Amount::operator+=(const Amount& other) {
  requests += other.requests;
  items += other.items;
  bytes += other.bytes;
  return *this;
}

Amount& Amount::operator-=(const Amount& other) {
  requests -= other.requests;
  items -= other.items;
  bytes -= other.bytes;
  return *this;
}

Amount Ledger::dropped_total() const {
  Amount total;
  for (const Amount& amount : dropped) {
    total += amount;
  }
  return total;
}

bool Ledger::Balanced() const {
  Amount sum = delivered;
  sum += filtered;
  sum += dropped_total();
  sum += pending;
  return sum == accepted;
}

}  // namespace gapless::journal
