// Router: what outlives a process, and names of states.
#include "routing/router.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace gapless::routing {

std::string_view ToString(LevelState state) {
  constexpr std::string_view kNames[] = {"healthy", "down", "probing", "trial"};
  return kNames[static_cast<size_t>(state)];
}

std::string_view ToString(Override value) {
  constexpr std::string_view kNames[] = {"auto", "drained", "forced"};
  return kNames[static_cast<size_t>(value)];
}

std::vector<LevelMemory> Router::Remember() const {
  std::vector<LevelMemory> known;
  std::ranges::transform(levels_, std::back_inserter(known), &Level::memory);
  return known;
}

bool Router::Remembers(const std::vector<LevelMemory>& known) const {
  return std::ranges::equal(levels_, known, {}, &Level::memory);
}

std::string Router::Save() const {
  std::string text;
  for (const Level& level : levels_) {
    const LevelMemory memory = level.memory();
    text += fmt::format("{}\t{}\t{}\t{}\n", memory.up ? "up" : "down",
                        ToString(memory.operator_override), memory.hold.count(), level.name());
  }
  return text;
}

RouterActions Router::Restore(std::string_view saved, TimePoint now) {
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
    const auto level = std::ranges::find(levels_, fields[3], &Level::name);
    if (level == levels_.end()) {
      continue;
    }
    int64_t hold = 0;
    std::from_chars(fields[2].data(), fields[2].data() + fields[2].size(), hold);
    level->Restore({.up = fields[0] != "down",
                    .operator_override = fields[1] == "drained"  ? Override::kDrained
                                         : fields[1] == "forced" ? Override::kForced
                                                                 : Override::kAuto,
                    .hold = Duration(hold)},
                   now);
  }
  RouterActions actions;
  Elect("restart", {}, actions);
  ProbeWhatIsDue(now, actions);
  return actions;
}

}  // namespace gapless::routing
