// Router: what outlives a configuration or a process, and names of states.
#include "routing/router.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace gapless::routing {

std::string_view ToString(LevelState state) {
  switch (state) {
    case LevelState::kHealthy:
      return "healthy";
    case LevelState::kDown:
      return "down";
    case LevelState::kProbing:
      return "probing";
    case LevelState::kTrial:
      return "trial";
  }
  return "unknown";
}

std::string_view ToString(Override word) {
  switch (word) {
    case Override::kAuto:
      return "auto";
    case Override::kDrained:
      return "drained";
    case Override::kForced:
      return "forced";
  }
  return "unknown";
}

std::vector<RouterAction> Router::Reconfigure(RouterConfig config, TimePoint now) {
  std::vector<Level> old = std::move(levels_);
  const std::optional<std::string> active_name =
      active_ ? std::optional(old[*active_].name) : std::nullopt;
  const Duration former_hold = config_.hold;
  config_ = std::move(config);
  levels_.clear();
  active_.reset();
  for (size_t i = 0; i < config_.levels.size(); ++i) {
    const RouterConfig::Level& wanted = config_.levels[i];
    const auto it = std::ranges::find(old, wanted.name, &Level::name);
    if (it == old.end()) {
      levels_.push_back(NewLevel(wanted, now));
    } else {
      Level level = std::move(*it);
      level.name = wanted.name;
      level.members.assign(wanted.members, Member());
      // One that grew, since the level flaps, stays.
      level.hold = level.hold > former_hold ? std::max(level.hold, config_.hold) : config_.hold;
      level.probe_running = false;
      level.refused.clear();
      level.doubted_since.reset();
      level.good_probes = 0;
      if (level.state != LevelState::kHealthy) {
        level.state = LevelState::kDown;
        level.hold_until = now;
        level.probe_at = now;
      }
      levels_.push_back(std::move(level));
    }
    if (active_name && wanted.name == *active_name) {
      active_ = i;
    }
  }
  Actions actions;
  Elect("reload", {}, actions);
  StartDueProbes(now, actions);
  return actions;
}

Router::Remembered Router::RememberedOf(const Level& level) const {
  return {.up = level.state == LevelState::kHealthy,
          .word = level.word,
          .hold = level.hold > config_.hold ? level.hold : Duration::zero()};
}

bool Router::Remembers(const std::vector<Remembered>& known) const {
  return std::ranges::equal(levels_, known, [this](const Level& level, const Remembered& before) {
    return RememberedOf(level) == before;
  });
}

std::vector<Router::Remembered> Router::Remember() const {
  std::vector<Remembered> levels;
  std::ranges::transform(levels_, std::back_inserter(levels),
                         [this](const Level& level) { return RememberedOf(level); });
  return levels;
}

std::string Router::Save() const {
  std::string text;
  const std::vector<Remembered> remembered = Remember();
  for (size_t i = 0; i < levels_.size(); ++i) {
    text += fmt::format("{}\t{}\t{}\t{}\n", remembered[i].up ? "up" : "down",
                        ToString(remembered[i].word), remembered[i].hold.count(), levels_[i].name);
  }
  return text;
}

std::vector<RouterAction> Router::Restore(std::string_view saved, TimePoint now) {
  while (!saved.empty()) {
    std::string_view line = saved.substr(0, saved.find('\n'));
    saved.remove_prefix(std::min(saved.size(), line.size() + 1));
    std::string_view fields[4];
    for (size_t i = 0; i < 4; ++i) {
      const size_t end = i < 3 ? line.find('\t') : line.size();
      if (end == std::string_view::npos) {
        break;
      }
      fields[i] = line.substr(0, end);
      line.remove_prefix(std::min(line.size(), end + 1));
    }
    const auto it = std::ranges::find(levels_, fields[3], &Level::name);
    if (it == levels_.end()) {
      continue;
    }
    int64_t hold = 0;
    std::from_chars(fields[2].data(), fields[2].data() + fields[2].size(), hold);
    it->hold = std::clamp(Duration(hold), config_.hold, std::max(kHoldMax, config_.hold));
    it->word = fields[1] == "drained"  ? Override::kDrained
               : fields[1] == "forced" ? Override::kForced
                                       : Override::kAuto;
    if (fields[0] == "down") {
      it->state = LevelState::kDown;
      it->since = now;
      it->probe_at = now;
    }
  }
  Actions actions;
  Elect("restart", {}, actions);
  StartDueProbes(now, actions);
  return actions;
}

}  // namespace gapless::routing
