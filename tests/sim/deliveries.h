// Deliveries: which backend has confirmed which item, and which copies nobody can explain. Counts
// by the identity of items and shares no code with the product.
//
// A copy is explained while the sender cannot know that the item is there: no answer was heard
// before the attempt began, the backend has lost it, or the process that heard the answer died
// before it was written down. One attempt more is explained for each whose answer nobody heard.
#pragma once

#include "tests/sim/oracle.h"
#include "tests/support/sim_peer.h"

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

namespace gapless::sim {

class Deliveries final : public AttemptWatch {
 public:
  explicit Deliveries(Loop& loop) : loop_(loop) {}

  // What a level has confirmed is also brought to the levels before it.
  void Backfilled() { backfilled_ = true; }
  // The levels that are used now, most wanted first.
  void SetLevels(std::vector<PeerGroup> levels) { levels_ = std::move(levels); }
  // A client handed in these items as one record.
  void Offered(uint64_t first, uint32_t count) { records_.push_back({first, count}); }

  void OnTaken(const SimPeer& peer, const std::vector<uint64_t>& numbers, TimePoint began) override;
  void OnConfirmed(const SimPeer& peer, const std::vector<uint64_t>& numbers) override;
  void OnForgotten(const SimPeer& peer, const std::vector<uint64_t>& numbers) override;
  void OnAnswer(sending::OutcomeClass outcome) override { ++answers_[outcome]; }

  // The process is gone. What it knew before `written_down` is known to the next one, as far as all
  // of a record is confirmed; with backfill, by the same level: a record of which a level has only
  // a part is owed to it as a whole.
  void OnProcessEnd(TimePoint written_down);

  // Of a level with several paths the worst counts: all of them get everything.
  uint64_t unexplained() const;
  const std::string& examples() const { return examples_; }
  const std::map<sending::OutcomeClass, uint64_t>& answers() const { return answers_; }

 private:
  static constexpr TimePoint kUnknown = TimePoint::max();
  struct Record {
    uint64_t first;
    uint32_t count;
  };
  // When each item was confirmed, by number.
  using Confirmed = std::vector<TimePoint>;

  static TimePoint At(const Confirmed& confirmed, uint64_t number) {
    return number < confirmed.size() ? confirmed[number] : kUnknown;
  }
  // An attempt was explained by another one that nobody heard of.
  bool TakeUnheard(uint64_t number);
  bool IsSettled(const Record& record) const;
  bool HasAll(const PeerGroup& level, const Record& record) const;
  void Unlearn(const PeerGroup& level, const Record& record);
  // All paths of the level confirmed the item before.
  bool LevelHad(const PeerGroup& level, uint64_t number, TimePoint before) const;
  bool Known(const SimPeer& peer, uint64_t number, TimePoint before) const;

  Loop& loop_;
  bool backfilled_ = false;
  std::vector<PeerGroup> levels_;
  std::vector<Record> records_;
  std::map<const SimPeer*, Confirmed> confirmed_;
  std::unordered_map<uint64_t, int> unheard_;  // by item: taken, and no answer was heard
  std::map<sending::OutcomeClass, uint64_t> answers_;
  std::map<const SimPeer*, uint64_t> unexplained_;
  std::string examples_;
};

}  // namespace gapless::sim
