// What a drill showed: readings of a failover connector taken while it went on, judged. Pure.
#pragma once

#include "base/status.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gapless::cli {

// One signal of the connector, read from the admin API.
struct DrillSample {
  std::string signal;
  int64_t active = -1;  // level; -1: none
  Duration active_since{};
  std::vector<std::string> levels;
  std::vector<uint64_t> delivered_by;  // items, by level
  uint64_t accepted = 0;               // items, as all below
  uint64_t delivered = 0;
  uint64_t dropped = 0;
  uint64_t filtered = 0;
  uint64_t pending = 0;
  uint64_t duplicates = 0;  // possible ones
};

// The answer of /failover/status.
Result<std::vector<DrillSample>> ParseDrillSamples(std::string_view json);

// Follows one signal.
class DrillJudge {
 public:
  // `before`: the last reading before the drill; `level`: the one that is played dead.
  DrillJudge(DrillSample before, size_t level) : before_(std::move(before)), level_(level) {}

  // `since`: the drill's begin. `over`: its end, once it is past.
  void Add(const DrillSample& sample, Duration since, std::optional<Duration> over);
  // Back where it was, with nothing left to deliver.
  bool settled() const { return settled_; }
  // Data went elsewhere, nothing is missing, and it went back.
  bool passed() const;
  // The three answers, in a line each.
  std::string Report() const;

 private:
  std::string LevelName(int64_t level) const;

  const DrillSample before_;
  const size_t level_;
  DrillSample last_;
  std::optional<Duration> switched_;  // after the begin
  int64_t switched_to_ = -1;
  std::optional<Duration> back_;  // after the end
  uint64_t gap_ = 0;              // the largest hole in the ledger that was seen
  bool settled_ = false;
};

}  // namespace gapless::cli
