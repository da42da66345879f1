// LevelWatch: says when the active level is not the one that docs/failover.md names, or when a
// level returns before its hold is over, or without the proof that it needs. It looks at the status
// now and then, and hears every line of the log.
#pragma once

#include "queue/queue_status.h"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gapless::sim {

class LevelWatch {
 public:
  // Whether a level answers empty exports well and refuses data, while there is data to try it
  // with.
  using DataAloneTells = std::function<bool(std::string_view level)>;

  // `hold`: as configured.
  LevelWatch(Duration hold, DataAloneTells data_alone_tells)
      : hold_(hold), data_alone_tells_(std::move(data_alone_tells)) {}

  void OnLog(std::string_view line, TimePoint now);
  void Look(const queue::QueueStatus& status);
  // What was wrong since the last call.
  std::vector<std::string> TakeComplaints() { return std::exchange(complaints_, {}); }

  // An operator or a reload: outages that begin before `until` may end earlier.
  void Excuse(TimePoint until);
  // The process ends: what the next one remembers is not looked at.
  void Forget() { levels_.clear(); }

  // How often a level was seen to change from one state to another, by "healthy>down".
  const std::map<std::string, uint64_t>& changes() const { return changes_; }

 private:
  struct Level {
    Duration hold{};
    std::optional<TimePoint> fell_at;
    std::optional<TimePoint> returned_at;
    bool excused = false;  // this outage
    bool lied = false;     // it fell with good answers to empty exports
  };

  Level& LevelIn(std::string_view line);
  void ExcuseAll();
  void OnFall(std::string_view line, TimePoint now);
  void OnReturn(std::string_view line, TimePoint now);

  Duration hold_;
  DataAloneTells data_alone_tells_;
  TimePoint excused_until_{};
  bool all_down_ = false;
  std::map<std::string, Level> levels_;
  std::map<std::string, routing::LevelState> states_;
  std::map<std::string, uint64_t> changes_;
  std::vector<std::string> complaints_;
};

}  // namespace gapless::sim
