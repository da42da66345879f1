// What operators and the configuration do to a life.
#include "tests/sim/backend_life.h"
#include "tests/sim/between.h"

#include <algorithm>

namespace gapless::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr size_t kLevelsMax = 4;

}  // namespace

void BackendLife::Operate() {
  if (return_at_) {
    if (loop_.Now() >= *return_at_) {
      Return();
    }
  } else {
    if (features_.reloads && act_rng_.Chance(0.005)) {
      Reload();
    }
    if (features_.operators && act_rng_.Chance(0.01)) {
      SpeakWord();
    }
    if (features_.restarts && act_rng_.Chance(0.002)) {
      Restart();
    }
    if (features_.retires && act_rng_.Chance(0.003)) {
      Retire();
    }
  }
  if (features_.clock_jumps && act_rng_.Chance(0.005)) {
    Tell("the wall clock jumps");
    clock_.Jump(Between(act_rng_, milliseconds(1), minutes(60)));
  }
  if (features_.clock_back && act_rng_.Chance(0.005)) {
    Tell("the wall clock is set back");
    clock_.Jump(-Between(act_rng_, milliseconds(1), minutes(60)));
  }
  if (features_.crashes && act_rng_.Chance(0.004)) {
    Die(io::CrashKind::kProcess);
  }
  if (features_.power_loss && act_rng_.Chance(0.003)) {
    Die(act_rng_.Chance(0.5) ? io::CrashKind::kPower : io::CrashKind::kTorn);
  }
}

void BackendLife::UseLevels() { deliveries_.SetLevels(Groups()); }

void BackendLife::Reload() {
  const bool fresh = act_rng_.Chance(0.5);
  if (fresh) {
    for (Level& level : levels_) {
      for (size_t i = 0; i < level.senders.size(); ++i) {
        level.senders[i] = MakeSender(level.peers[i]);
      }
    }
  }
  if (act_rng_.Chance(0.3)) {
    ChooseBatch();
  }
  std::string changes;
  const bool reverse = !features_.backfill && act_rng_.Chance(0.3);
  if (reverse) {
    std::ranges::reverse(levels_);
    changes += ", levels reversed";
  }
  if (features_.level_changes && act_rng_.Chance(0.7)) {
    changes += ChangeLevels();
  }
  UseLevels();
  level_watch_.Excuse(loop_.Now());
  progress_at_ = loop_.Now();  // what was learned about the levels begins anew
  Tell(std::string("reload") + (fresh ? ", new exporters" : "") + changes);
  queue_->Reconfigure(Options());
}

// With backfill the first level stays: it is promised everything.
std::string BackendLife::ChangeLevels() {
  const size_t first = features_.backfill ? 1 : 0;
  const size_t index = first + act_rng_.Below(levels_.size() - first);
  switch (act_rng_.Below(3)) {
    case 0:
      if (levels_.size() < kLevelsMax) {
        const auto at =
            static_cast<std::ptrdiff_t>(first + act_rng_.Below(levels_.size() + 1 - first));
        levels_.insert(levels_.begin() + at, MakeLevel());
        return ", " + levels_[static_cast<size_t>(at)].name + " added";
      }
      [[fallthrough]];
    case 1:
      if (levels_.size() > 2) {
        gone_.push_back(std::move(levels_[index]));
        gone_.back().senders.clear();
        levels_.erase(levels_.begin() + static_cast<std::ptrdiff_t>(index));
        return ", " + gone_.back().name + " removed";
      }
      [[fallthrough]];
    default:
      if (features_.order) {
        return {};  // a new name is a new level: nobody knows that its backend is the same
      }
      levels_[index].name += "'";
      return ", one is now " + levels_[index].name;
  }
}

void BackendLife::SpeakWord() {
  level_watch_.Excuse(loop_.Now());
  const size_t level = act_rng_.Below(levels_.size());
  if (act_rng_.Chance(0.3)) {
    Tell("an operator probes " + levels_[level].name);
    level_watch_.Excuse(loop_.Now() + settings_.timeout + seconds(1));
    queue_->Probe(level, [](const sending::AttemptResult&) {});
  } else if (act_rng_.Chance(0.5)) {
    const auto word = static_cast<routing::Override>(act_rng_.Below(3));
    Tell("an operator: " + levels_[level].name + " is " + std::string(ToString(word)));
    overridden_ |= word != routing::Override::kAuto;
    queue_->SetOverride(level, word);
  } else {
    Tell("an operator: all levels are auto");
    overridden_ = false;
    for (size_t i = 0; i < levels_.size(); ++i) {
      queue_->SetOverride(i, routing::Override::kAuto);
    }
  }
}

}  // namespace gapless::sim
