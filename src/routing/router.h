// Router: which level may send. Events in, actions out; no clock, I/O, threads or logging.
//
// Each level is a state machine of its own (level.h). The router chooses between them: new data
// goes to the first that is usable, a forced one before all. A plain exporter is a router with one
// level. One instance per (exporter or failover connector, signal); home loop only. Tables:
// docs/failover.md, router_test.cc.
#pragma once

#include "routing/level.h"
#include "routing/router_events.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gapless::routing {

class Router {
 public:
  Router(RouterConfig config, TimePoint now);

  RouterActions Step(const RouterEvent& event, TimePoint now);
  // When the next kTick is due; none: only other events matter.
  std::optional<TimePoint> NextTick() const;

  std::optional<size_t> active() const { return active_; }
  bool Usable(size_t level) const { return levels_[level].usable(); }
  // It has taken data since the start or the last Reconfigure. Until then its refusals say nothing
  // about the data: it may refuse whatever it gets.
  bool proved(size_t level) const { return levels_[level].proved(); }
  // It is down because it refused all that it got.
  bool down_by_refusal(size_t level) const { return levels_[level].down_by_refusal(); }
  LevelState state(size_t level) const { return levels_[level].state(); }
  Override operator_override(size_t level) const { return levels_[level].operator_override(); }
  TimePoint since(size_t level) const { return levels_[level].since(); }
  Duration hold(size_t level) const { return levels_[level].hold(); }
  const std::string& last_error(size_t level) const { return levels_[level].last_error(); }
  size_t levels() const { return levels_.size(); }
  const RouterConfig& config() const { return config_; }

  // A new configuration: levels with a known name keep their state, new ones begin healthy.
  RouterActions Reconfigure(RouterConfig config, TimePoint now);
  // State for a restart, as text; a level that was down then is probed before it is used.
  std::string Save() const;
  // What Save writes of each level, to see whether it has changed.
  std::vector<LevelMemory> Remember() const;
  bool Remembers(const std::vector<LevelMemory>& known) const;
  RouterActions Restore(std::string_view saved, TimePoint now);

 private:
  LevelContext ContextOf(size_t level, TimePoint now) const;
  // The level has added actions from `first` on: names it in them and chooses anew.
  void Finish(size_t level, size_t first, RouterActions& actions);
  // Chooses the active level, and says so if it changed.
  void Elect(std::string_view reason, const std::string& error, RouterActions& actions);
  void ProbeWhatIsDue(TimePoint now, RouterActions& actions);

  RouterConfig config_;
  std::vector<Level> levels_;
  std::optional<size_t> active_;
  TimePoint last_round_{};
};

}  // namespace gapless::routing
