#include "routing/router.h"

#include <algorithm>

namespace gapless::routing {

Router::Router(RouterConfig config, TimePoint now) : config_(std::move(config)) {
  for (const RouterConfig::Level& level : config_.levels) {
    levels_.emplace_back(level, config_.hold, now);
  }
  RouterActions ignored;
  Elect("start", {}, ignored);
}

RouterActions Router::Step(const RouterEvent& event, TimePoint now) {
  RouterActions actions;
  if (event.kind != RouterEvent::Kind::kTick) {
    levels_[event.level].On(event, ContextOf(event.level, now), actions);
    Finish(event.level, 0, actions);
  }
  for (size_t i = 0; i < levels_.size(); ++i) {
    const size_t first = actions.size();
    levels_[i].Judge(event.work_waits, ContextOf(i, now), actions);
    Finish(i, first, actions);
  }
  ProbeWhatIsDue(now, actions);
  return actions;
}

std::optional<TimePoint> Router::NextTick() const {
  std::optional<TimePoint> next;
  for (size_t i = 0; i < levels_.size(); ++i) {
    next = Earlier(next, levels_[i].NextTick(ContextOf(i, {})));
  }
  return next;
}

LevelContext Router::ContextOf(size_t level, TimePoint now) const {
  const auto others = [&](const Level& other) {
    return &other != &levels_[level] && other.usable();
  };
  return {.config = config_,
          .now = now,
          .last_round = last_round_,
          .all_down = !active_,
          .other_usable = std::ranges::any_of(levels_, others)};
}

void Router::Finish(size_t level, size_t first, RouterActions& actions) {
  std::string_view reason = "operator";
  std::string error;
  for (size_t i = first; i < actions.size(); ++i) {
    actions[i].level = level;
    if (actions[i].kind == RouterAction::Kind::kTransition) {
      reason = actions[i].reason;
      error = actions[i].before == LevelState::kHealthy ? actions[i].error : std::string();
    }
  }
  Elect(reason, error, actions);
}

void Router::Elect(std::string_view reason, const std::string& error, RouterActions& actions) {
  auto best = std::ranges::find(levels_, Override::kForced, &Level::operator_override);
  if (best == levels_.end()) {
    best = std::ranges::find_if(levels_, &Level::usable);
  }
  const auto chosen = best == levels_.end()
                          ? std::nullopt
                          : std::optional(static_cast<size_t>(best - levels_.begin()));
  if (chosen == active_) {
    return;
  }
  actions.push_back({.kind = RouterAction::Kind::kActivate,
                     .level = chosen,
                     .from = active_,
                     .reason = reason,
                     .error = error});
  active_ = chosen;
}

void Router::ProbeWhatIsDue(TimePoint now, RouterActions& actions) {
  for (size_t i = 0; i < levels_.size(); ++i) {
    const size_t first = actions.size();
    if (levels_[i].ProbeIfDue(ContextOf(i, now), actions)) {
      last_round_ = now;
    }
    if (actions.size() > first) {
      actions.back().level = i;
    }
  }
}

RouterActions Router::Reconfigure(RouterConfig config, TimePoint now) {
  const std::vector<Level> old = std::exchange(levels_, {});
  const auto former = std::exchange(active_, std::nullopt);
  config_ = std::move(config);
  for (const RouterConfig::Level& wanted : config_.levels) {
    const auto known = std::ranges::find(old, wanted.name, &Level::name);
    if (known == old.end()) {
      levels_.emplace_back(wanted, config_.hold, now);
      continue;
    }
    if (former && known->name() == old[*former].name()) {
      active_ = levels_.size();
    }
    levels_.push_back(*known);
    levels_.back().Reconfigure(wanted.members, config_.hold, now);
  }
  RouterActions actions;
  Elect("reload", {}, actions);
  ProbeWhatIsDue(now, actions);
  return actions;
}

}  // namespace gapless::routing
