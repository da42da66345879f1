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
  bool killers = false;      // fail at a request with one of some items
  bool forgets = false;      // lose what they took last when they crash
  bool clock_back = false;   // our wall clock is set back, by up to an hour
  // What happens to them.
  bool refused = false;
  bool black_hole = false;
  bool resets = false;
  bool unavailable = false;
  bool faulty = false;
  bool denies = false;
  bool hangs = false;
  bool takes_and_fails = false;
  bool throttles = false;  // with a delay
  bool size_limit = false;
  bool slow = false;
  // What happens to our machine.
  bool crashes = false;      // kill -9, also in the middle of a write
  bool power_loss = false;   // … and what was not synced is gone, or torn
  bool slow_disk = false;    // each call takes up to seconds
  bool full_disk = false;    // for a while
  bool disk_errors = false;  // one call fails, or all do for a while
  bool read_error = false;   // one call fails while a process starts
  bool clock_jumps = false;  // of the wall clock, forward
  // What is done to us.
  bool reloads = false;
  bool level_changes = false;  // reloads add, remove and rename levels
  bool retires = false;        // the queue leaves the configuration, and comes back
  bool restarts = false;       // shutdown and start
  bool operators = false;      // levels are drained, forced, probed by hand
  bool leaves = false;         // clients have deadlines, or cancel
  // How we are configured.
  bool many_levels = false;
  bool many_paths = false;
  bool batch = false;
  bool backfill = false;
  bool waits = false;      // wait_for_result
  bool queue_off = false;  // a request fails over inside the call
  bool unsynced = false;   // the journal survives kill -9, not power loss
  bool small_queue = false;
  bool small_memory = false;
  bool small_disk = false;  // max_size of the storage
  // How busy it is.
  bool sparse = false;  // seconds or minutes between requests, hours in all
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
    {"killers", &Features::killers, 0.2},
    {"forgets", &Features::forgets, 0.2},
    {"clock_back", &Features::clock_back, 0.2},
    {"read_error", &Features::read_error, 0.2},
};
inline constexpr NamedFeature kCircumstances[] = {
    {"refused", &Features::refused, 0.5},
    {"black_hole", &Features::black_hole, 0.4},
    {"resets", &Features::resets, 0.3},
    {"unavailable", &Features::unavailable, 0.4},
    {"faulty", &Features::faulty, 0.4},
    {"denies", &Features::denies, 0.2},
    {"hangs", &Features::hangs, 0.2},
    {"takes_and_fails", &Features::takes_and_fails, 0.2},
    {"throttles", &Features::throttles, 0.3},
    {"size_limit", &Features::size_limit, 0.25},
    {"slow", &Features::slow, 0.3},
    {"crashes", &Features::crashes, 0.25},
    {"power_loss", &Features::power_loss, 0.2},
    {"slow_disk", &Features::slow_disk, 0.15},
    {"full_disk", &Features::full_disk, 0.15},
    {"disk_errors", &Features::disk_errors, 0.2},
    {"clock_jumps", &Features::clock_jumps, 0.1},
    {"reloads", &Features::reloads, 0.3},
    {"level_changes", &Features::level_changes, 0.15},
    {"retires", &Features::retires, 0.1},
    {"restarts", &Features::restarts, 0.25},
    {"operators", &Features::operators, 0.15},
    {"leaves", &Features::leaves, 0.2},
    {"many_levels", &Features::many_levels, 0.6},
    {"many_paths", &Features::many_paths, 0.15},
    {"batch", &Features::batch, 0.6},
    {"backfill", &Features::backfill, 0.4},
    {"waits", &Features::waits, 0.15},
    {"queue_off", &Features::queue_off, 0.1},
    {"unsynced", &Features::unsynced, 0.2},
    {"small_queue", &Features::small_queue, 0.3},
    {"small_memory", &Features::small_memory, 0.15},
    {"small_disk", &Features::small_disk, 0.15},
    {"sparse", &Features::sparse, 0.2},
};

// The promises that the seeds of every test run hold the product to, each list in a life of its
// own. Not yet among them: all of them together.
// `--with NAME,…` of sim_test tries other combinations.
inline const std::vector<std::vector<std::string_view>> kHeldTo = {
    {"order", "rate"}, {"read_only"},  {"forgets"}, {"wrong_start"},
    {"bad_items"},     {"clock_back"}, {"killers"}};

// Switches off what contradicts something else.
inline void Reconcile(Features& f) {
  f.queue_off &= !f.forgets && !f.waits && !f.backfill;
  // With the queue off the client decides what goes first, and it may leave or be told no while an
  // attempt is under way.
  f.order &= !f.queue_off;
  f.repeats &= f.order;
  f.many_levels |= f.forgets;  // somebody else must take what died with a backend
  f.backfill = (f.backfill || f.forgets) && f.many_levels && !f.queue_off;
  f.level_changes &= f.many_levels;
  if (f.forgets) {
    // Records are retained for what a backend forgets, unless space or time is short, or somebody
    // takes the level or the queue out of use.
    f.small_disk = f.small_memory = f.full_disk = false;
    f.clock_jumps = f.clock_back = false;
    f.operators = f.retires = false;
    f.unsynced &= !f.power_loss;
  }
}

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
  Reconcile(features);
  return features;
}

template <typename Visitor>
void ForEachFeature(Visitor&& visit) {
  for (const auto& list :
       {std::span<const NamedFeature>(kPromises), std::span<const NamedFeature>(kCircumstances)}) {
    for (const NamedFeature& feature : list) {
      visit(feature);
    }
  }
}

inline void LeaveOut(Features& features, std::string_view name) {
  ForEachFeature(
      [&](const NamedFeature& feature) { features.*feature.on &= feature.name != name; });
  Reconcile(features);
}

inline std::string ToString(const Features& features) {
  std::string text;
  ForEachFeature([&](const NamedFeature& feature) {
    if (features.*feature.on) {
      text += (text.empty() ? "" : " ") + std::string(feature.name);
    }
  });
  return text;
}

}  // namespace gapless::sim
