// SettlementTracker: what became of each pending record, whose pieces may end one by one, in
// different units and on different levels. With its last piece a record is settled in the journal,
// its place in the queue is free, and the client that waits for it is answered.
//
// A record that ends as a whole costs no entry here. Home loop.
#pragma once

#include "journal/journal.h"
#include "queue/admission.h"
#include "queue/cut_limit.h"
#include "queue/pending_clients.h"
#include "queue/unit.h"

#include <functional>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace gapless::queue {

class SettlementTracker {
 public:
  // Of one record, or of a piece of one.
  struct Outcome {
    journal::Settlement share;
    Status verdict;
    // With backfill: who shall also get it, and who has it now.
    std::vector<journal::ReaderId> owed = {};
    std::optional<journal::ReaderId> by = {};
  };
  // A record that was settled while readers are owed it: what they have of it already, in items,
  // comes there twice.
  struct Debt {
    journal::Position position = 0;
    std::vector<journal::ReaderId> owed;
    std::vector<std::pair<journal::ReaderId, uint32_t>> held;
  };
  using OnDebt = std::move_only_function<void(const Debt&)>;

  // All references outlive it.
  SettlementTracker(journal::Journal& journal, Admission& admission, PendingClients& clients,
                    OnDebt on_debt)
      : journal_(journal),
        admission_(admission),
        clients_(clients),
        on_debt_(std::move(on_debt)),
        cut_limit_(journal.head()) {}

  // The record is cut: its pieces are booked one by one.
  void Open(journal::Position position);
  // How one piece of the record ended; all of it if the part is whole.
  void Book(const UnitPart& part, Outcome outcome);
  // The journal gave the record up itself (damaged).
  void Forget(const UnitPart& part);
  // One more piece of the record was refused as invalid. Whether it is worth while to cut it again:
  // see cut_limit.h.
  bool MayCutAgain(journal::Position position);
  // What the reader confirmed may be lost: records of which it has a piece are owed to these too.
  void Doubt(journal::ReaderId confirmed_by, const std::vector<journal::ReaderId>& owed);
  // The process ends: what is left of the record is lost. Returns its items.
  uint32_t Lose(journal::Position position);

 private:
  struct Record {
    uint32_t items = 0;
    uint32_t booked = 0;
    uint64_t bytes = 0;
    journal::Settlement settlement;
    CutPieces pieces;
    Debt debt;
  };
  void Finish(journal::Position position, Record record);

  journal::Journal& journal_;
  Admission& admission_;
  PendingClients& clients_;
  OnDebt on_debt_;
  const CutLimit cut_limit_;
  std::unordered_map<journal::Position, Record> records_;  // that were cut
};

}  // namespace gapless::queue
