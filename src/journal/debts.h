// Debts: which settled positions are still owed to which reader (backfill).
//
// A reader is a name; IDs are indexes of names, stable while the object lives. A value type; one
// thread.
#pragma once

#include "journal/interval_set.h"
#include "journal/journal.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gapless::journal {

class Debts {
 public:
  struct Reader {
    std::string name;
    IntervalSet owed;
    bool registered = false;
  };

  // The ID of this name, old or new; a new reader owes nothing that is older than itself.
  ReaderId Register(std::string_view name);
  // For what a checkpoint holds: a reader that nobody has registered yet.
  void Restore(std::string_view name, IntervalSet owed);

  // Precondition for IDs: given by Register.
  // True if it is a new one.
  bool Add(ReaderId reader, Position position);
  // True if the debt existed.
  bool Settle(ReaderId reader, Position position);
  // Nobody gets it any more.
  void GiveUp(Position position);
  // Forgets the debts whose records are not among `positions`.
  void KeepOnly(const IntervalSet& positions);
  // Forgets what readers are owed that were restored and never registered: the first position of
  // it. None: nothing is left.
  std::optional<Position> TakeUnregistered();

  bool IsOwed(Position position) const;
  std::optional<Position> Next(ReaderId reader, Position from) const;
  std::optional<Position> Oldest() const;
  // Every position that anybody is owed, at or after `from`.
  std::optional<Position> NextOwedToAnybody(Position from) const;
  const std::vector<Reader>& readers() const { return readers_; }

 private:
  std::vector<Reader> readers_;
};

}  // namespace gapless::journal
