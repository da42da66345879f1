// RecentRecords: records that were written lately and stay in memory, as their reader is close
// behind. Pure; the clock is passed in. One thread.
//
// Who reads goes upwards: what it has passed makes room, never what it reaches next. In an outage
// nothing is read, and the memory is worth more than a later read from the disk. What is left to
// the disk is left in long runs, which are read at once.
#pragma once

#include "base/loop.h"
#include "journal/budget.h"
#include "journal/journal.h"

#include <cstdint>
#include <map>

namespace gapless::journal {

class RecentRecords {
 public:
  // `limit`: bytes. What leaves gives its charge back; `charge` outlives this.
  RecentRecords(uint64_t limit, BudgetCharge& charge) : limit_(limit), charge_(charge) {}

  // A record that was just written, higher than all before. `charged`: what is charged for it
  // already. `alone`: nothing else is pending, so nobody was behind.
  void Put(Position position, otlp::Batch batch, uint64_t charged, bool alone, TimePoint now);
  // A pending record was read.
  void OnRead(Position position, TimePoint now);
  // Null: it is not here.
  const otlp::Batch* Find(Position position) const;
  void Drop(Position position);
  // Drops the one that is missed least. False: there is none.
  bool DropOne();

 private:
  struct Record {
    otlp::Batch batch;
    uint64_t charged = 0;
  };
  using Records = std::map<Position, Record>;
  void Erase(Records::iterator it);
  bool HasPassedOne() const { return !records_.empty() && records_.begin()->first <= last_read_; }

  const uint64_t limit_;
  BudgetCharge& charge_;
  Records records_;
  uint64_t bytes_ = 0;
  bool full_ = false;       // nothing enters before half of it is free
  Position last_read_ = 0;  // of the pending records
  TimePoint last_read_at_{};
};

}  // namespace gapless::journal
