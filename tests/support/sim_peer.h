// SimPeer: the far end of simulated transports: what it does with what it is sent, and what it has
// received, counted by item.
#pragma once

#include "base/rng.h"
#include "sending/outcome.h"
#include "tests/support/sim_backend.h"
#include "tests/support/sim_items.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace gapless::sim {

class SimTransport;

class SimPeer {
 public:
  enum class Link : uint8_t { kUp, kRefused, kBlackHole };
  enum class Mode : uint8_t {
    kOk,
    kUnavailable,  // a living peer answers UNAVAILABLE
    kFaulty,       // INTERNAL
    kThrottled,    // RESOURCE_EXHAUSTED with a delay
    kDenied,       // UNAUTHENTICATED
    kRejects,      // INVALID_ARGUMENT
    kHangs,        // takes nothing, answers nothing, but its connection lives
    kTakesAndHangs,
    kTakesAndFails,  // takes the data, then answers UNAVAILABLE
  };

  explicit SimPeer(std::string name) : name_(std::move(name)) {}
  SimPeer(const SimPeer&) = delete;
  SimPeer& operator=(const SimPeer&) = delete;

  // Settings; read when something arrives.
  Mode mode = Mode::kOk;
  bool faulty_probes = false;  // empty exports fail, whatever the mode
  Duration latency = std::chrono::milliseconds(2);
  Duration jitter{};  // a request may need this much longer to get there
  Duration throttle_delay = std::chrono::seconds(1);
  size_t max_bytes = SIZE_MAX;
  uint64_t refused_items = 0;   // of each unit, as partial success
  std::set<uint64_t> poison;    // units with one of these are rejected …
  std::set<uint64_t> faulty;    // … or fail
  std::set<uint64_t> crashing;  // … or reset the connection that brings them
  double failure_rate = 0;      // of the units, at random, with INTERNAL
  Rng rng{1};
  SimBackend backend;
  bool watched = false;  // `flights` sees what is under way

  // What it has.
  std::map<uint64_t, int> received;
  uint64_t deceived_items = 0;  // taken, and then denied
  uint64_t attempts = 0;
  uint64_t probes = 0;
  FlightWatch flights;
  // Hears what is asked and answered, for people.
  std::function<void(const std::string&)> tell;
  std::vector<uint64_t> unit_sizes;  // items of each unit that was taken, in order

  const std::string& name() const { return name_; }
  Link link() const { return link_; }
  // Breaks or mends the network in front of the peer; kRefused resets what is open.
  void SetLink(Link link);
  // Resets every connection; the next dial is answered.
  void Reset();
  bool Crashes(const otlp::Batch& data) const {
    return !crashing.empty() && AnyOf(crashing, NumbersIn(data.body.ToString()));
  }
  bool Has(uint64_t number) const { return received.contains(number); }
  uint64_t Duplicates() const {
    uint64_t more = 0;
    for (const auto& [number, count] : received) {
      more += static_cast<uint64_t>(count - 1);
    }
    return more;
  }

  // Whether it would take data, at the rate of its backend.
  bool Willing() const {
    return link_ == Link::kUp && mode == Mode::kOk && !faulty_probes && failure_rate == 0 &&
           backend.state == SimBackend::State::kWell;
  }
  // The process dies, and with it what it had not written down.
  void Crash(TimePoint now) {
    for (const uint64_t number : backend.Crash(now)) {
      received.erase(number);
    }
    Reset();
  }

  // What the peer answers; none: it stays silent. `data`: none for a probe.
  std::optional<sending::AttemptResult> Answer(const otlp::Batch* data, TimePoint now) {
    now_ = now;
    if (data == nullptr) {
      ++probes;
      return faulty_probes ? Failure(Code::kInternal, "empty request") : Say(nullptr, {});
    }
    ++attempts;
    const std::string bytes = data->body.ToString();
    const std::vector<uint64_t> numbers = NumbersIn(bytes);
    items_ = ItemsIn(bytes);
    auto answer = Say(data, numbers);
    if (tell) {
      tell(name_ + " " + InWords(items_) + ": " +
           (answer ? std::string(ToString(answer->outcome)) + " " + answer->status.message()
                   : "silence"));
    }
    return answer;
  }

 private:
  friend class SimTransport;

  static sending::AttemptResult Failure(Code code, const std::string& text) {
    return sending::ClassifyGrpc(Status(code, text).FromPeer());
  }

  void Take(const otlp::Batch* data, const std::vector<uint64_t>& numbers) {
    if (data == nullptr) {
      return;
    }
    unit_sizes.push_back(numbers.size());
    for (const uint64_t number : numbers) {
      ++received[number];
    }
    backend.Take(items_, now_);
  }

  static std::string InWords(const std::vector<SimItem>& items) {
    std::string text = std::to_string(items.size()) + " items";
    for (size_t i = 0; i < items.size(); ++i) {
      const bool starts = i == 0 || items[i].resource != items[i - 1].resource;
      const bool ends = i + 1 == items.size() || items[i].resource != items[i + 1].resource;
      text += starts ? " r" + std::to_string(items[i].resource) + ":" : "";
      text += starts || ends ? " " + std::to_string(items[i].number) : "";
    }
    return text;
  }

  bool AnyOf(const std::set<uint64_t>& set, const std::vector<uint64_t>& numbers) const {
    for (const uint64_t number : numbers) {
      if (set.contains(number)) {
        return true;
      }
    }
    return false;
  }

  std::optional<sending::AttemptResult> Say(const otlp::Batch* data,
                                            const std::vector<uint64_t>& numbers) {
    if (mode == Mode::kOk || mode == Mode::kTakesAndHangs || mode == Mode::kTakesAndFails) {
      if (auto objection = Object(data, numbers)) {
        return objection;
      }
    }
    switch (mode) {
      case Mode::kOk:
        return SayOk(data, numbers);
      case Mode::kUnavailable:
        return Failure(Code::kUnavailable, "out of order");
      case Mode::kFaulty:
        return Failure(Code::kInternal, "broken");
      case Mode::kThrottled:
        return sending::ClassifyGrpc(
            Status(Code::kResourceExhausted, "busy").FromPeer().WithRetryAfter(throttle_delay));
      case Mode::kDenied:
        return Failure(Code::kUnauthenticated, "who are you");
      case Mode::kRejects:
        return Failure(Code::kInvalidArgument, "nonsense");
      case Mode::kHangs:
        return std::nullopt;
      case Mode::kTakesAndHangs:
        Take(data, numbers);
        return std::nullopt;
      case Mode::kTakesAndFails:
        Take(data, numbers);
        deceived_items += numbers.size();
        return Failure(Code::kUnavailable, "lost my head");
    }
    return std::nullopt;
  }

  // Why it does not take the data; none: it takes it.
  std::optional<sending::AttemptResult> Object(const otlp::Batch* data,
                                               const std::vector<uint64_t>& numbers) {
    if (data != nullptr && data->body.size() > max_bytes) {
      return Failure(Code::kResourceExhausted, "received message larger than max");
    }
    if (AnyOf(poison, numbers)) {
      return Failure(Code::kInvalidArgument, "poison");
    }
    return backend.Object(data == nullptr ? std::vector<SimItem>{} : items_, data == nullptr, now_);
  }

  sending::AttemptResult SayOk(const otlp::Batch* data, const std::vector<uint64_t>& numbers) {
    if (data == nullptr) {
      return {};
    }
    if (AnyOf(faulty, numbers) || (failure_rate > 0 && rng.Chance(failure_rate))) {
      return Failure(Code::kInternal, "stumbled");
    }
    Take(data, numbers);
    sending::AttemptResult ok;
    ok.rejected_items = refused_items;
    return ok;
  }

  const std::string name_;
  Link link_ = Link::kUp;
  TimePoint now_{};
  std::vector<SimItem> items_;  // of the request that is being answered
  std::vector<SimTransport*> transports_;
};

}  // namespace gapless::sim
