// SimBackend: what real backends add to a simulated peer: the order of each series, rate limits,
// read-only storage, a wrong path, data that dies with the process. The answers are those of
// Prometheus, Cortex, VictoriaMetrics and VictoriaLogs.
//
// Also FlightWatch, which sees data of one resource under way twice. Neither shares code with the
// product but the classification of answers.
#pragma once

#include "base/loop.h"
#include "sending/outcome.h"
#include "tests/support/sim_items.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace gapless::sim {

// The first few offences in words, and how many there were.
class Offences {
 public:
  void Add(const std::string& text) {
    if (count_++ < kKept) {
      texts_.push_back(text);
    }
  }
  uint64_t count() const { return count_; }
  const std::vector<std::string>& texts() const { return texts_; }

 private:
  static constexpr uint64_t kKept = 3;
  uint64_t count_ = 0;
  std::vector<std::string> texts_;
};

// Which items are under way to one destination: from the attempt until its answer, its failure or
// its withdrawal.
class FlightWatch {
 public:
  uint64_t Begin(std::vector<SimItem> items) {
    for (const auto& [resource, number] : FirstOfEach(items)) {
      const auto other = under_way_.find(resource);
      if (other != under_way_.end() && !other->second.empty()) {
        offences_.Add("in flight twice: resource " + std::to_string(resource) + ", item " +
                      std::to_string(number) + " while item " +
                      std::to_string(other->second.begin()->second) + " is under way");
      }
      under_way_[resource][next_] = number;
    }
    items_ += items.size();
    flights_[next_] = std::move(items);
    return next_++;
  }
  void End(uint64_t flight) {
    const auto it = flights_.find(flight);
    if (it == flights_.end()) {
      return;
    }
    for (const SimItem& item : it->second) {
      under_way_[item.resource].erase(flight);
    }
    items_ -= it->second.size();
    flights_.erase(it);
  }
  uint64_t items() const { return items_; }
  const Offences& offences() const { return offences_; }

 private:
  static std::map<uint32_t, uint64_t> FirstOfEach(const std::vector<SimItem>& items) {
    std::map<uint32_t, uint64_t> first;
    for (const SimItem& item : items) {
      first.emplace(item.resource, item.number);
    }
    return first;
  }

  std::map<uint64_t, std::vector<SimItem>> flights_;
  std::map<uint32_t, std::map<uint64_t, uint64_t>> under_way_;  // by resource: flight, first item
  uint64_t next_ = 1;
  uint64_t items_ = 0;
  Offences offences_;
};

class SimBackend {
 public:
  enum class State : uint8_t {
    kWell,
    kReadOnly429,  // throttles all data without a delay
    kReadOnly503,  // 503 to data, empty exports are OK
    kWrongPath,    // 400 to everything
  };

  // What it is like; read when something arrives.
  State state = State::kWell;
  bool throttles_probes = true;  // kReadOnly429: empty exports too
  // Refuses a request with an item older than the newest of its resource.
  bool ordered = false;
  bool refuses_repeats = false;  // … and with one that it has, but for the newest
  bool accepts_late = false;     // … but not this one (out_of_order_time_window)
  double rate = 0;               // items per second, 0: no limit …
  double burst = 0;              // … and how many at once
  Duration unsynced{};           // how much of what it took a crash destroys

  // What it answers instead of taking the data or the probe (no items); none: it takes it.
  std::optional<sending::AttemptResult> Object(const std::vector<SimItem>& items, bool probe,
                                               TimePoint now) {
    switch (state) {
      case State::kWell:
        break;
      case State::kReadOnly429:
        if (!probe || throttles_probes) {
          return Answer(429, "the storage is in read-only mode");
        }
        break;
      case State::kReadOnly503:
        if (!probe) {
          return Answer(503, "cannot add rows: the storage is in read-only mode");
        }
        break;
      case State::kWrongPath:
        return Answer(400, "unsupported path requested");
    }
    return probe ? std::nullopt : ObjectToItems(items, now);
  }

  void Take(const std::vector<SimItem>& items, TimePoint now) {
    for (const SimItem& item : items) {
      uint64_t& newest = newest_[item.resource];
      newest = std::max(newest, item.number);
      taken_[item.number] = item.resource;
      if (unsynced > Duration::zero()) {
        recent_.push_back({.item = item, .at = now});
      }
    }
  }

  // The process dies. Returns the items that die with it.
  std::vector<uint64_t> Crash(TimePoint now) {
    std::vector<uint64_t> lost;
    for (const Recent& recent : recent_) {
      if (recent.at + unsynced > now && taken_.erase(recent.item.number) > 0) {
        lost.push_back(recent.item.number);
      }
    }
    recent_.clear();
    newest_.clear();
    for (const auto& [number, resource] : taken_) {
      newest_[resource] = number;
    }
    return lost;
  }

  // Invalid items, and others that this says: nobody complains when they come late.
  std::set<uint64_t> invalid;
  std::function<bool(uint64_t number)> excused;
  // What it has, and refused when it came again.
  const std::set<uint64_t>& refused_repeats() const { return refused_repeats_; }
  const Offences& out_of_order() const { return out_of_order_; }

 private:
  struct Recent {
    SimItem item;
    TimePoint at;
  };

  static sending::AttemptResult Answer(int code, const std::string& text) {
    return sending::ClassifyHttp(code, Status(Code::kUnavailable, text).FromPeer());
  }

  std::optional<sending::AttemptResult> ObjectToItems(const std::vector<SimItem>& items,
                                                      TimePoint now) {
    if (ordered && !accepts_late && !InOrder(items)) {
      return Answer(400, "out of order sample");
    }
    if (rate > 0) {
      const auto size = static_cast<double>(items.size());
      const double since = std::chrono::duration<double>(now - filled_).count();
      tokens_ = tokens_ < 0 ? burst : std::min(burst, tokens_ + since * rate);
      filled_ = now;
      if (size > tokens_) {
        return Answer(429, "ingestion rate limit (" + std::to_string(rate) +
                               ") exceeded while adding " + std::to_string(items.size()));
      }
      tokens_ -= size;
    }
    return std::nullopt;
  }

  bool InOrder(const std::vector<SimItem>& items) {
    std::map<uint32_t, uint64_t> newest;
    bool repeated = false;
    for (const SimItem& item : items) {
      const auto had = newest_.find(item.resource);
      uint64_t& here =
          newest.emplace(item.resource, had == newest_.end() ? 0 : had->second).first->second;
      if (item.number < here && !taken_.contains(item.number)) {
        if (!invalid.contains(item.number) && !(excused && excused(item.number))) {
          out_of_order_.Add("out of order: resource " + std::to_string(item.resource) + ", item " +
                            std::to_string(item.number) + " after " + std::to_string(here));
        }
        return false;
      }
      repeated |= item.number < here;
      here = std::max(here, item.number);
    }
    if (!repeated || !refuses_repeats) {
      return true;
    }
    for (const SimItem& item : items) {
      if (taken_.contains(item.number)) {
        refused_repeats_.insert(item.number);
      }
    }
    return false;
  }

  std::map<uint32_t, uint64_t> newest_;  // by resource
  std::map<uint64_t, uint32_t> taken_;   // number, resource
  std::deque<Recent> recent_;
  std::set<uint64_t> refused_repeats_;
  double tokens_ = -1;
  TimePoint filled_{};
  Offences out_of_order_;
};

}  // namespace gapless::sim
