#include "tests/sim/level_watch.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

namespace gapless::sim {
namespace {

using routing::LevelState;
using std::chrono::minutes;
using std::chrono::seconds;

// "`hold` doubles when a level falls within 60 s of its return, up to 5 minutes, and halves for
// every 5 minutes it stays up."
constexpr Duration kFlapWindow = seconds(60);
constexpr Duration kHoldMax = minutes(5);
constexpr Duration kHoldDecay = minutes(5);

// The first that is forced, else the first that is healthy and not drained.
std::optional<size_t> Wanted(const queue::QueueStatus& status) {
  std::optional<size_t> wanted;
  for (size_t i = 0; i < status.levels.size(); ++i) {
    const auto& level = status.levels[i];
    if (level.word == routing::Override::kForced) {
      return i;
    }
    const bool usable =
        level.word == routing::Override::kAuto && level.state == LevelState::kHealthy;
    wanted = wanted || !usable ? wanted : i;
  }
  return wanted;
}

// The level that a line is about.
std::string_view NameIn(std::string_view line) {
  constexpr std::string_view kField = "\"destination\": \"";
  const size_t at = std::min(line.find(kField), line.size() - kField.size()) + kField.size();
  return line.substr(at, line.find('"', at) - at);
}

}  // namespace

void LevelWatch::OnFall(std::string_view line, TimePoint now) {
  Level& level = LevelIn(line);
  level.fell_at = now;
  level.lied = data_alone_tells_(NameIn(line));
  level.excused = all_down_ || now <= excused_until_;
  if (!level.returned_at) {
    return;
  }
  const Duration up = now - *level.returned_at;
  if (up < kFlapWindow) {
    level.hold = std::min(level.hold * 2, kHoldMax);
  } else {
    for (Duration left = up; left >= kHoldDecay; left -= kHoldDecay) {
      level.hold = std::max(level.hold / 2, hold_);
    }
  }
}

void LevelWatch::OnReturn(std::string_view line, TimePoint now) {
  Level& level = LevelIn(line);
  level.returned_at = now;
  if (!level.fell_at || level.excused) {
    return;
  }
  if (const Duration away = now - *level.fell_at; away < level.hold) {
    complaints_.push_back(fmt::format("a level is back after {:.3f} s, its hold is {:.3f} s: {}",
                                      std::chrono::duration<double>(away).count(),
                                      std::chrono::duration<double>(level.hold).count(), line));
  }
  if (level.lied && line.contains("\"proof\": \"probe\"") && data_alone_tells_(NameIn(line))) {
    complaints_.push_back(fmt::format("a level is back that refuses all data: {}", line));
  }
}

LevelWatch::Level& LevelWatch::LevelIn(std::string_view line) {
  return levels_.try_emplace(std::string(NameIn(line)), Level{.hold = hold_}).first->second;
}

void LevelWatch::OnLog(std::string_view line, TimePoint now) {
  if (line.starts_with("failover: level down")) {
    OnFall(line, now);
  } else if (line.starts_with("failover: level is back")) {
    OnReturn(line, now);
  } else if (line.starts_with("failover: no level is usable")) {
    all_down_ = true;
    ExcuseAll();
  } else if (line.starts_with("failover: a level is usable again")) {
    all_down_ = false;
  }
}

void LevelWatch::Look(const queue::QueueStatus& status) {
  if (status.active != Wanted(status)) {
    complaints_.push_back(fmt::format("level {} is active, it should be {}",
                                      status.active ? static_cast<int>(*status.active) : -1,
                                      Wanted(status) ? static_cast<int>(*Wanted(status)) : -1));
  }
  all_down_ = !status.active;
  for (const auto& level : status.levels) {
    LevelState& state = states_[level.name];
    if (state != level.state) {
      ++changes_[fmt::format("{}>{}", ToString(state), ToString(level.state))];
    }
    state = level.state;
  }
  if (all_down_) {
    ExcuseAll();
  }
}

void LevelWatch::Excuse(TimePoint until) {
  excused_until_ = std::max(excused_until_, until);
  ExcuseAll();
}

void LevelWatch::ExcuseAll() {
  for (auto& [name, level] : levels_) {
    level.excused = true;
  }
}

}  // namespace gapless::sim
