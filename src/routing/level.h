// Level: one level of a router: healthy, or in an outage; a state machine, events in, actions out.
//
// clang-format off
//            3 failed dials, or `fall` failures          probe round due
//   HEALTHY -------------------------------------> DOWN -----------------> PROBING
//     ^                                            ^  ^     bad probe        | `rise` good
//     | good answer to a probe with live data,     |  +----------------------+ probes
//     | or no unit could serve                     |  bad answer             v
//     +--------------------------------------------+------------- PROBING WITH LIVE DATA
// clang-format on
//
// An outage lasts from the fall to the return; what is tried between is part of it. The operator's
// override and the health page stand beside the state. A value, pure. Table: level_test.cc.
#pragma once

#include "routing/failure_detector.h"
#include "routing/hold.h"
#include "routing/outage.h"
#include "routing/router_events.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace gapless::routing {

// What outlives a process.
struct LevelMemory {
  bool up = true;
  Override operator_override = Override::kAuto;
  Duration hold{};  // zero: as configured
  bool operator==(const LevelMemory&) const = default;
};

class Level {
 public:
  // Healthy.
  Level(const RouterConfig::Level& wanted, Duration hold, TimePoint now);

  const std::string& name() const { return name_; }
  LevelState state() const;
  Override operator_override() const { return override_; }
  bool usable() const;
  // It has taken data since the start or the last Reconfigure.
  bool proved() const { return std::ranges::find(proved_, false) == proved_.end(); }
  // It is down because it refused all that it got.
  bool down_by_refusal() const;
  TimePoint since() const { return since_; }
  Duration hold() const { return hold_.value(); }
  const std::string& last_error() const { return last_error_; }
  LevelMemory memory() const;

  // These add what is to be done to `actions`, without the number of the level.
  void On(const RouterEvent& event, const LevelContext& context, RouterActions& actions);
  // Takes it down if what was seen is enough.
  void Judge(bool work_waits, const LevelContext& context, RouterActions& actions);
  // Probes it if that is due. True: a round of probes of a level that is down began.
  bool ProbeIfDue(const LevelContext& context, RouterActions& actions);
  // When to call these two again; none: not before the next event.
  std::optional<TimePoint> NextTick(const LevelContext& context) const;

  // What runs is not heard; what it has taken does not hold any more.
  void Reconfigure(size_t members, Duration hold, TimePoint now);
  void Restore(const LevelMemory& memory, TimePoint now);

 private:
  struct Healthy {
    FailureDetector failures;
    bool returned = false;  // from an outage
  };

  void OnTraffic(const RouterEvent& event, const LevelContext& context, RouterActions& actions);
  void OnProbe(const RouterEvent& event, const LevelContext& context, RouterActions& actions);
  void OnLiveProbe(const RouterEvent& event, const LevelContext& context, RouterActions& actions);
  void OnOverride(Override wanted, const LevelContext& context, RouterActions& actions);
  void OnHealthPage(const RouterEvent& event, TimePoint now);

  void Fall(const FailureDetector::Finding& finding, const LevelContext& context,
            RouterActions& actions);
  // Does what the outage's answer demands.
  void Follow(const Outage::Answer& answer, TimePoint now, RouterActions& actions);
  void TellTransition(LevelState before, LevelState after, std::string_view reason, TimePoint now,
                      RouterActions& actions) const;
  // Takes back what the level has not settled, unless it is forced.
  void HandOver(std::string_view reason, RouterActions& actions) const;
  // When the next probe without data is due; none: not before something else happens.
  std::optional<TimePoint> NextProbe(const LevelContext& context) const;

  std::string name_;
  Hold hold_;
  TimePoint since_;
  std::vector<bool> proved_;  // by member: it has taken data
  Override override_ = Override::kAuto;
  bool unwell_ = false;  // its health page says so: not used while another level is usable
  bool probe_running_ = false;
  std::string last_error_;
  std::variant<Healthy, Outage> state_;
};

}  // namespace gapless::routing
