#include "tests/sim/runs.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace gapless::sim {

LifeReport RunLife(const LifePlan& plan, bool trace, Coverage* coverage) {
  Rng rng(plan.seed);
  LifeReport report;
  report.features = ChooseFeatures(rng, plan.promises);
  for (const std::string_view name : plan.left_out) {
    LeaveOut(report.features, name);
  }
  BackendLife life(rng.Next(), report.features, plan.limits, trace);
  report.complaints = life.Run();
  report.lived = life.lived();
  report.used = {.steps = life.steps(), .clients = life.clients()};
  if (coverage != nullptr) {
    coverage->Add(report.features, life);
  }
  return report;
}

std::string CommandOf(const LifePlan& plan) {
  std::string command = fmt::format("sim_test --gtest_filter='*Real*' --seed {} --with {}",
                                    plan.seed, fmt::join(plan.promises, ","));
  if (!plan.left_out.empty()) {
    command += fmt::format(" --without {}", fmt::join(plan.left_out, ","));
  }
  if (plan.limits.steps != UINT64_MAX) {
    command += fmt::format(" --steps {}", plan.limits.steps);
  }
  if (plan.limits.clients != SIZE_MAX) {
    command += fmt::format(" --clients {}", plan.limits.clients);
  }
  return command;
}

namespace {

bool Fails(const LifePlan& plan) { return !RunLife(plan, false, nullptr).complaints.empty(); }

bool LeaveOutOne(LifePlan& plan) {
  bool smaller = false;
  ForEachFeature([&](const NamedFeature& feature) {
    if (!(RunLife(plan, false, nullptr).features.*feature.on)) {
      return;
    }
    LifePlan without = plan;
    without.left_out.push_back(feature.name);
    if (Fails(without)) {
      plan = std::move(without);
      smaller = true;
    }
  });
  return smaller;
}

// Halves, then smaller and smaller parts.
template <typename Number>
bool Shorten(LifePlan& plan, Number LifeLimits::* limit) {
  bool smaller = false;
  Number now = RunLife(plan, false, nullptr).used.*limit;
  for (Number cut = now / 2; cut > 0;) {
    LifePlan shorter = plan;
    shorter.limits.*limit = now - cut;
    if (now > cut && Fails(shorter)) {
      plan = std::move(shorter);
      now -= cut;
      smaller = true;
      cut = std::min(cut, now / 2);
    } else {
      cut /= 2;
    }
  }
  return smaller;
}

}  // namespace

LifePlan Minimize(LifePlan plan) {
  bool smaller = true;
  while (smaller) {
    smaller = Shorten(plan, &LifeLimits::steps);
    smaller |= LeaveOutOne(plan);
    smaller |= Shorten(plan, &LifeLimits::clients);
  }
  return plan;
}

}  // namespace gapless::sim
