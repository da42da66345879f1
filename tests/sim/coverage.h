// Coverage: what the lives of a run have reached, by name: features, changes of levels, answers,
// reasons of switches and drops, what a start found on the disk. It reads what the product tells
// anyway: metrics, log lines, status.
#pragma once

#include "telemetry/metrics.h"
#include "tests/sim/features.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace gapless::sim {

class BackendLife;

class Coverage {
 public:
  // The goal that a line of the log reaches; empty: none.
  static std::string_view GoalOfLog(std::string_view line);

  // A life that has ended.
  void Add(const Features& features, BackendLife& life);
  // What other queues of a registry have reached.
  void AddMetrics(telemetry::Registry& registry);

  uint64_t lives() const { return lives_; }
  std::chrono::duration<double> lived() const { return lived_; }
  // Goals that no life has reached.
  std::vector<std::string> Missing() const;
  // In how many lives each goal was reached, a line each.
  std::string Table() const;

 private:
  void Count();

  uint64_t lives_ = 0;
  std::chrono::duration<double> lived_{};
  std::map<std::string, uint64_t> reached_;
  std::set<std::string> now_;  // by the life that is being added
};

}  // namespace gapless::sim
