// Admission: whether a queue takes one more record. Pure.
//
// `queue_size` limits the pending records of a journal in `sizer` units. With merging behind the
// journal a record is charged min(1, items / send_batch_size) of a request, so that the setting
// means as much time as it does upstream, where the queue holds merged batches.
#pragma once

#include "journal/journal.h"
#include "sending/settings.h"

#include <cstdint>
#include <optional>

namespace gapless::queue {

class Admission {
 public:
  explicit Admission(const sending::QueueSettings& settings);

  enum class Verdict : uint8_t {
    kAdmit,
    kFull,
    kNeverFits,  // larger than the whole queue
  };
  Verdict Judge(uint64_t items, uint64_t bytes) const;
  // A record that is not pending yet.
  void Add(uint64_t items, uint64_t bytes) { used_ += Charge(items, bytes); }
  void Remove(uint64_t items, uint64_t bytes) { Remove(Charge(items, bytes)); }
  // The same of a record that is pending.
  void Add(journal::Position position, uint64_t items, uint64_t bytes) {
    used_ += ChargeAt(position, items, bytes);
  }
  void Remove(journal::Position position, uint64_t items, uint64_t bytes) {
    Remove(ChargeAt(position, items, bytes));
  }

  // All that is pending, below `head`, is charged. Where a record counts as a part of a request it
  // takes a whole one until Count has come to it.
  void Take(const journal::Amount& pending, journal::Position head);
  // Counts some of these, as many as take less than a millisecond or so. False: there are more.
  bool Count(const journal::Journal& journal);

  // In the sizer's unit.
  double SizeOf(uint64_t items, uint64_t bytes) const;
  // In the sizer's unit: otelcol_exporter_queue_size and _capacity.
  double size() const;
  double capacity() const;

 private:
  // Millionths of a unit, so that fractions of a request add up exactly.
  uint64_t Charge(uint64_t items, uint64_t bytes) const;
  uint64_t ChargeAt(journal::Position position, uint64_t items, uint64_t bytes) const;
  void Remove(uint64_t charge);

  sending::Sizer sizer_;
  uint64_t merged_items_;  // items that make one request when merging; 0: every record is one
  uint64_t capacity_;
  uint64_t used_ = 0;
  // Positions that are not counted yet.
  journal::Position uncounted_ = 0;
  journal::Position uncounted_end_ = 0;
};

}  // namespace gapless::queue
