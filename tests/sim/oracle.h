// Oracle: judges one queue by the identity of its items. It hears what clients were promised and
// looks at what the peers hold; of the product it reads the ledger, to check it.
#pragma once

#include "journal/journal.h"
#include "tests/support/sim_peer.h"

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace gapless::sim {

// The peers of one level: an item is there when one of them has it.
using PeerGroup = std::vector<std::shared_ptr<SimPeer>>;

class Oracle {
 public:
  // A client handed in the items [first, first + count).
  void Offered(uint64_t first, uint32_t count) { records_.push_back({first, count, false}); }
  // … and was promised that they are safe (or was told no).
  void Answered(uint64_t first, bool ok) {
    for (auto it = records_.rbegin(); it != records_.rend(); ++it) {
      if (it->first == first) {
        it->answers += 1;
        it->acknowledged = ok;
        return;
      }
    }
  }
  // Items that no peer takes, or that make peers fail: their record may be dropped.
  void Poisonous(uint64_t number) { poisonous_.insert(number); }
  // Only the poisonous items themselves may be dropped, not what came with them.
  void JudgeByItem() { by_item_ = true; }
  // Items that a peer has and called invalid when they came again: they may be counted as dropped.
  void TakenForInvalid(uint64_t items) { taken_for_invalid_ = items; }
  // Everything may be dropped for this reason in this run.
  void Permit(journal::DropReason reason) { permitted_.insert(reason); }

  // What was acknowledged and is with no peer may be gone from here on: the tier does not promise
  // that it survives what has just happened.
  void ForgetAcknowledged(const std::vector<PeerGroup>& levels) {
    Permit(journal::DropReason::kUnsynced);
    Permit(journal::DropReason::kDamaged);
    for (Record& record : records_) {
      for (uint64_t number = record.first; number < record.first + record.count; ++number) {
        if (record.acknowledged && CopiesOf(number, levels) == 0) {
          forgotten_.insert(number);
        }
      }
    }
  }

  uint64_t acknowledged_items() const {
    uint64_t items = 0;
    for (const Record& record : records_) {
      items += record.acknowledged ? record.count : 0;
    }
    return items;
  }

  // Levels are brought what others took in their place: an item may be once at each.
  void Backfilled() { backfilled_ = true; }

  struct Verdict {
    std::vector<std::string> complaints;
    uint64_t missing = 0;
    uint64_t duplicates = 0;
  };
  // When everything has ended: pending is empty, every client was answered. `possible_duplicates`:
  // what the product admits; `deceived`: deliveries that a peer denied.
  Verdict Judge(const std::vector<PeerGroup>& levels, const journal::Ledger& ledger,
                uint64_t possible_duplicates) const {
    Verdict verdict;
    uint64_t held_items = 0;
    uint64_t illegitimate = 0;
    for (const Record& record : records_) {
      if (record.answers != 1) {
        verdict.complaints.push_back("a client was answered " + std::to_string(record.answers) +
                                     " times");
      }
      const bool poisonous_record = IsPoisonous(record);
      for (uint64_t number = record.first; number < record.first + record.count; ++number) {
        const bool poisonous = by_item_ ? poisonous_.contains(number) : poisonous_record;
        const uint64_t copies = CopiesOf(number, levels);
        held_items += copies > 0 ? 1 : 0;
        const uint64_t wanted = backfilled_ ? LevelsWith(number, levels) : 1;
        verdict.duplicates += copies > wanted ? copies - wanted : 0;
        if (copies == 0 && record.acknowledged && !forgotten_.contains(number)) {
          ++verdict.missing;
          illegitimate += poisonous ? 0 : 1;
        }
      }
    }
    CheckDrops(ledger, illegitimate, verdict);
    if (ledger.delivered.items > held_items) {
      verdict.complaints.push_back("delivered " + std::to_string(ledger.delivered.items) +
                                   " is more than the peers hold: " + std::to_string(held_items));
    }
    uint64_t deceived = 0;
    for (const PeerGroup& group : levels) {
      for (const auto& peer : group) {
        deceived += peer->deceived_items;
      }
    }
    if (verdict.duplicates > possible_duplicates + deceived) {
      verdict.complaints.push_back("duplicates " + std::to_string(verdict.duplicates) +
                                   ", admitted only " + std::to_string(possible_duplicates) +
                                   " + " + std::to_string(deceived));
    }
    return verdict;
  }

  // What a client was promised is somewhere, whatever the ledger says; only what is invalid is not.
  std::vector<std::string> JudgeLoss(const std::vector<PeerGroup>& levels) const {
    std::string which;
    uint64_t lost = 0;
    for (const Record& record : records_) {
      for (uint64_t n = record.first; record.acknowledged && n < record.first + record.count; ++n) {
        if (CopiesOf(n, levels) == 0 && !poisonous_.contains(n) && !forgotten_.contains(n)) {
          ++lost;
          which += which.size() < 100 ? " " + std::to_string(n) : "";
        }
      }
    }
    if (lost == 0) {
      return {};
    }
    return {"lost: " + std::to_string(lost) + " items that were acknowledged:" + which};
  }

  // After a quiet time: the promise of the backfill. Everything that a client was promised is at
  // the most wanted level, but for poisonous records and `excused` items that were given up.
  std::vector<std::string> JudgeFirstLevel(const PeerGroup& first, uint64_t excused) const {
    uint64_t missing = 0;
    std::string which;
    for (const Record& record : records_) {
      if (!record.acknowledged || (!by_item_ && IsPoisonous(record))) {
        continue;
      }
      for (uint64_t number = record.first; number < record.first + record.count; ++number) {
        if (!(by_item_ && poisonous_.contains(number)) && CopiesOf(number, {first}) == 0) {
          ++missing;
          which += which.size() < 100 ? " " + std::to_string(number) : "";
        }
      }
    }
    if (missing > excused) {
      return {"the first level lacks " + std::to_string(missing) + " items, excused " +
              std::to_string(excused) + ":" + which};
    }
    return {};
  }

 private:
  struct Record {
    uint64_t first;
    uint32_t count;
    bool acknowledged;
    int answers = 0;
  };

  bool IsPoisonous(const Record& record) const {
    const auto it = poisonous_.lower_bound(record.first);
    return it != poisonous_.end() && *it < record.first + record.count;
  }

  uint64_t OfferedPoison() const {
    uint64_t items = 0;
    for (const Record& record : records_) {
      for (auto it = poisonous_.lower_bound(record.first);
           it != poisonous_.end() && *it < record.first + record.count; ++it) {
        ++items;
      }
    }
    return items;
  }

  static uint64_t LevelsWith(uint64_t number, const std::vector<PeerGroup>& levels) {
    uint64_t with = 0;
    for (const PeerGroup& group : levels) {
      with += CopiesOf(number, {group}) > 0 ? 1 : 0;
    }
    return with;
  }

  static uint64_t CopiesOf(uint64_t number, const std::vector<PeerGroup>& levels) {
    uint64_t copies = 0;
    for (const PeerGroup& group : levels) {
      int here = 0;
      for (const auto& peer : group) {
        const auto it = peer->received.find(number);
        here = std::max(here, it == peer->received.end() ? 0 : it->second);
      }
      copies += static_cast<uint64_t>(here);
    }
    return copies;
  }

  // What is pending when a process ends is for the next one.
  void CheckDrops(const journal::Ledger& ledger, uint64_t illegitimate, Verdict& verdict) const {
    using journal::DropReason;
    uint64_t dropped = ledger.pending.items;
    uint64_t excused = ledger.pending.items;
    uint64_t invalid = 0;
    for (size_t i = 0; i < journal::kDropReasons; ++i) {
      const auto reason = static_cast<DropReason>(i);
      if (reason == DropReason::kPartialSuccess) {
        continue;  // the peers hold these
      }
      dropped += ledger.dropped[i].items;
      const bool needs_poison = reason == DropReason::kRejected || reason == DropReason::kPoison;
      if (!needs_poison && ledger.dropped[i].items > 0 && !permitted_.contains(reason)) {
        verdict.complaints.push_back("dropped for a reason that did not exist: " +
                                     std::string(ToString(reason)));
      }
      (needs_poison && !permitted_.contains(reason) ? invalid : excused) += ledger.dropped[i].items;
    }
    if (by_item_ && !permitted_.contains(DropReason::kRejected) &&
        invalid > OfferedPoison() + taken_for_invalid_) {
      verdict.complaints.push_back("dropped as invalid: " + std::to_string(invalid) +
                                   " items, of which only " + std::to_string(OfferedPoison()) +
                                   " are");
    }
    if (verdict.missing > dropped) {
      verdict.complaints.push_back("lost: " + std::to_string(verdict.missing) +
                                   " items are nowhere, " + std::to_string(dropped) + " dropped");
    }
    if (illegitimate > excused) {
      verdict.complaints.push_back("lost: " + std::to_string(illegitimate) +
                                   " harmless items are nowhere, excused " +
                                   std::to_string(excused));
    }
  }

  std::vector<Record> records_;
  std::set<uint64_t> poisonous_;
  std::set<uint64_t> forgotten_;
  std::set<journal::DropReason> permitted_;
  bool backfilled_ = false;
  bool by_item_ = false;
  uint64_t taken_for_invalid_ = 0;
};

}  // namespace gapless::sim
