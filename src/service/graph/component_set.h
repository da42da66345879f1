// ComponentSet: the running components of one kind, brought from one configuration to the next;
// what did not change is kept. Control worker.
//
// Those that hold ports: TakeOut, then Start. Those that others use: Start, and TakeOut once
// nothing new uses the former ones.
#pragma once

#include "service/graph/context.h"
#include "service/plan/part_names.h"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <utility>

namespace gapless::service {

template <typename Key, typename T>
class ComponentSet {
 public:
  struct Part {
    pipeline::ComponentConfigPtr config;
    std::array<bool, 3> signals{};  // that a receiver serves
    std::shared_ptr<T> component = nullptr;
  };
  // Without components, each once.
  using Wanted = std::vector<std::pair<Key, Part>>;
  using Make = std::function<std::shared_ptr<T>(const Key&, const Part&)>;

  explicit ComponentSet(Kind kind) : kind_(kind) {}

  // What is not wanted, or not with these settings, and what Start replaced.
  std::vector<std::shared_ptr<T>> TakeOut(const Wanted& wanted, ReloadReport& report) {
    for (auto it = parts_.begin(); it != parts_.end();) {
      const auto next = std::ranges::find(wanted, it->first, &Wanted::value_type::first);
      if (next != wanted.end() && Same(it->second, next->second)) {
        ++it;
        continue;
      }
      (next != wanted.end() ? report.restarted : report.stopped)
          .push_back(Called(kind_, it->first));
      gone_.push_back(std::move(it->second.component));
      it = parts_.erase(it);
    }
    return std::exchange(gone_, {});
  }

  Status Start(const Wanted& wanted, ReloadReport& report, const Make& make) {
    for (const auto& [key, part] : wanted) {
      const auto running = parts_.find(key);
      std::string name = Called(kind_, key);
      if (running != parts_.end() && Same(running->second, part)) {
        report.kept.push_back(std::move(name));
        continue;
      }
      std::shared_ptr<T> component = make(key, part);
      if (Status status = component->Start(); !status.ok()) {
        gone_.push_back(std::move(component));
        return FailedToStart(kind_, IdOf(key), status);
      }
      if (running != parts_.end()) {
        gone_.push_back(std::move(running->second.component));
        report.restarted.push_back(std::move(name));
      } else if (std::ranges::find(report.restarted, name) == report.restarted.end()) {
        report.started.push_back(std::move(name));
      }
      parts_[key] = {.config = part.config, .signals = part.signals, .component = component};
    }
    return OkStatus();
  }

  const std::map<Key, Part>& parts() const { return parts_; }
  void Shutdown(TimePoint deadline, const std::function<void()>& done) const {
    for (const auto& [key, part] : parts_) {
      part.component->Shutdown(deadline, done);
    }
  }

 private:
  static bool Same(const Part& a, const Part& b) {
    return a.signals == b.signals && SameConfig(*a.config, *b.config);
  }

  const Kind kind_;
  std::map<Key, Part> parts_;
  std::vector<std::shared_ptr<T>> gone_;  // not taken out yet
};

}  // namespace gapless::service
