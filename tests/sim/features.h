// What may happen in one life of the simulator with real backends: each seed switches a random part
// of it on, so that rare combinations meet.
#pragma once

#include "base/rng.h"

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gapless::sim {

struct Features {
  // What the backends are like; off unless the product is held to it (kHeldTo).
  bool order = false;        // refuse what is older than the newest of its resource
  bool repeats = false;      // refuse also what they have, if it is not the newest
  bool rate = false;         // limit the items per second
  bool read_only = false;    // become read-only: 429 without a delay, or 503 to data alone
  bool wrong_start = false;  // reject everything until somebody repairs the configuration
  bool bad_items = false;    // refuse a whole request for one bad item
  bool forgets = false;      // lose what they took last when they crash
  // What happens to them.
  bool refused = false;
  bool black_hole = false;
  bool resets = false;
  bool unavailable = false;
  bool faulty = false;
  bool hangs = false;
  bool takes_and_fails = false;
  bool throttles = false;  // with a delay
  bool size_limit = false;
  bool slow = false;
  // What is done to us.
  bool reloads = false;
  bool restarts = false;
  // How we are configured.
  bool many_levels = false;
  bool many_paths = false;
  bool batch = false;
  bool backfill = false;
  bool waits = false;  // wait_for_result
  bool small_queue = false;
};

struct NamedFeature {
  std::string_view name;
  bool Features::* on;
  double chance;
};

// The first ones are promises of the product; the rest may happen in every life.
inline constexpr NamedFeature kPromises[] = {
    {"order", &Features::order, 0.7},
    {"repeats", &Features::repeats, 0.3},
    {"rate", &Features::rate, 0.25},
    {"read_only", &Features::read_only, 0.3},
    {"wrong_start", &Features::wrong_start, 0.2},
    {"bad_items", &Features::bad_items, 0.2},
    {"forgets", &Features::forgets, 0.2},
};
inline constexpr NamedFeature kCircumstances[] = {
    {"refused", &Features::refused, 0.5},
    {"black_hole", &Features::black_hole, 0.4},
    {"resets", &Features::resets, 0.3},
    {"unavailable", &Features::unavailable, 0.4},
    {"faulty", &Features::faulty, 0.4},
    {"hangs", &Features::hangs, 0.2},
    {"takes_and_fails", &Features::takes_and_fails, 0.2},
    {"throttles", &Features::throttles, 0.3},
    {"size_limit", &Features::size_limit, 0.25},
    {"slow", &Features::slow, 0.3},
    {"reloads", &Features::reloads, 0.3},
    {"restarts", &Features::restarts, 0.25},
    {"many_levels", &Features::many_levels, 0.6},
    {"many_paths", &Features::many_paths, 0.15},
    {"batch", &Features::batch, 0.6},
    {"backfill", &Features::backfill, 0.4},
    {"waits", &Features::waits, 0.15},
    {"small_queue", &Features::small_queue, 0.3},
};

// The promises that the seeds of every test run hold the product to, each list in a life of its
// own.
// `--with NAME,…` of sim_test tries other combinations.
inline const std::vector<std::vector<std::string_view>> kHeldTo = {
    {"order", "rate"}, {"read_only"}, {"forgets"}, {"wrong_start"}, {"bad_items"}};

inline Features ChooseFeatures(Rng& rng, const std::vector<std::string_view>& held_to) {
  Features features;
  for (const NamedFeature& promise : kPromises) {
    const bool chosen = rng.Chance(promise.chance);  // the same numbers, held to it or not
    for (const std::string_view name : held_to) {
      features.*promise.on |= chosen && name == promise.name;
    }
  }
  for (const NamedFeature& circumstance : kCircumstances) {
    features.*circumstance.on = rng.Chance(circumstance.chance);
  }
  features.repeats &= features.order;
  features.many_levels |= features.forgets;  // somebody else must take what died with a backend
  features.backfill = (features.backfill || features.forgets) && features.many_levels;
  return features;
}

inline void LeaveOut(Features& features, std::string_view name) {
  for (const auto& list :
       {std::span<const NamedFeature>(kPromises), std::span<const NamedFeature>(kCircumstances)}) {
    for (const NamedFeature& feature : list) {
      features.*feature.on &= feature.name != name;
    }
  }
}

inline std::string ToString(const Features& features) {
  std::string text;
  const auto add = [&](const NamedFeature& feature) {
    if (features.*feature.on) {
      text += (text.empty() ? "" : " ") + std::string(feature.name);
    }
  };
  for (const NamedFeature& promise : kPromises) {
    add(promise);
  }
  for (const NamedFeature& circumstance : kCircumstances) {
    add(circumstance);
  }
  return text;
}

}  // namespace gapless::sim
