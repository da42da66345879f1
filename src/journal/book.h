// Book: who still needs which record, and the ledger that says so. The pure core that all journals
// share.
//
// A record is pending (accepted, not settled), then owed (settled, a debt is left), then released:
// its space may return. The book knows positions, not contents; whoever keeps the records passes
// their amounts in. One thread.
#pragma once

#include "journal/debts.h"
#include "journal/interval_set.h"
#include "journal/journal.h"

#include <optional>
#include <vector>

namespace gapless::journal {

class Book {
 public:
  // What a record counts: one request, its items, its raw bytes.
  static Amount AmountOf(const otlp::Batch& batch) { return {1, batch.items, batch.raw_size}; }

  void Accept(Position position, const Amount& amount);
  // Returns true if the record is released, false if it is owed or was not pending.
  bool Settle(Position position, const Amount& amount, const Settlement& settlement,
              const std::vector<ReaderId>& owed);
  // The whole record for one reason; as Settle without debts.
  bool Drop(Position position, const Amount& amount, DropReason reason);
  // Returns true if this was the last debt: the record is released.
  bool SettleDebt(ReaderId reader, Position position, const Amount& amount);
  // A record that is not pending is owed once more. False if it is owed to this reader already.
  bool Owe(ReaderId reader, Position position, const Amount& amount);
  // All debts of this record; counted. Precondition: it is owed.
  void GiveUpDebt(Position position, const Amount& amount);

  // After debts vanished by themselves (Debts::TakeUnregistered): counts them as given up. Returns
  // true if nobody is owed the record any more: it is released.
  bool DebtVanished(Position position, const Amount& amount);

  bool IsPending(Position position) const { return pending_.Contains(position); }
  bool IsOwed(Position position) const { return debts_.IsOwed(position); }

  const IntervalSet& pending() const { return pending_; }
  const Ledger& ledger() const { return ledger_; }
  const Debts& debts() const { return debts_; }
  Debts& mutable_debts() { return debts_; }
  const Amount& owed() const { return owed_; }
  const Amount& given_up() const { return given_up_; }

  // What a checkpoint held. The ledger's pending must be the sum over `pending`; the owed amount is
  // found by RestoreOwed, once per record.
  void Restore(Ledger ledger, IntervalSet pending, Debts debts, const Amount& given_up);
  void RestoreOwed(const Amount& amount) { owed_ += amount; }
  // Pending records of a checkpoint that are not there any more: together they held `amount`.
  void DropMissing(const IntervalSet& positions, const Amount& amount, DropReason reason);
  // Records that existed, whose sizes nobody knows: requests without items.
  void BookUnknownLoss(uint64_t requests, DropReason reason);

 private:
  IntervalSet pending_;
  Debts debts_;
  Ledger ledger_;
  Amount owed_;
  Amount given_up_;
};

}  // namespace gapless::journal
