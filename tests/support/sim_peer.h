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
class SimPeer;

// Hears what becomes of attempts at a peer.
class AttemptWatch {
 public:
  virtual ~AttemptWatch() = default;
  // The peer has taken these items. `began`: the attempt.
  virtual void OnTaken(const SimPeer& peer, const std::vector<uint64_t>& numbers,
                       TimePoint began) = 0;
  // The sender hears that the peer has them.
  virtual void OnConfirmed(const SimPeer& peer, const std::vector<uint64_t>& numbers) = 0;
  // The peer has lost them again.
  virtual void OnForgotten(const SimPeer& peer, const std::vector<uint64_t>& numbers) = 0;
  // Any answer that the sender hears.
  virtual void OnAnswer(sending::OutcomeClass outcome) = 0;
};

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
  bool watched = false;           // `flights` sees what is under way …
  AttemptWatch* watch = nullptr;  // … and this what comes of it

  // What it has.
  std::map<uint64_t, int> received;
  uint64_t taken_items = 0;
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
  bool Crashes(const SimRequest& data) const { return AnyOf(crashing, data.numbers); }
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
    const std::vector<uint64_t> lost = backend.Crash(now);
    for (const uint64_t number : lost) {
      received.erase(number);
    }
    if (watch != nullptr) {
      watch->OnForgotten(*this, lost);
    }
    Reset();
  }

  // What the peer answers; none: it stays silent. `data`: none for a probe. `began`: the attempt.
  std::optional<sending::AttemptResult> Answer(const SimRequest* data, TimePoint now,
                                               TimePoint began) {
    now_ = now;
    began_ = began;
    if (data == nullptr) {
      ++probes;
      return faulty_probes ? Failure(Code::kInternal, "empty request") : Say(nullptr);
    }
    ++attempts;
    auto answer = Say(data);
    if (tell) {
      tell(name_ + " " + InWords(data->items) + ": " +
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

  void Take(const SimRequest* data) {
    if (data == nullptr) {
      return;
    }
    unit_sizes.push_back(data->numbers.size());
    taken_items += data->numbers.size();
    for (const uint64_t number : data->numbers) {
      ++received[number];
    }
    backend.Take(data->items, now_);
    if (watch != nullptr) {
      watch->OnTaken(*this, data->numbers, began_);
    }
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

  static bool AnyOf(const std::set<uint64_t>& set, const std::vector<uint64_t>& numbers) {
    return !set.empty() &&
           std::ranges::any_of(numbers, [&set](uint64_t number) { return set.contains(number); });
  }

  std::optional<sending::AttemptResult> Say(const SimRequest* data) {
    if (mode == Mode::kOk || mode == Mode::kTakesAndHangs || mode == Mode::kTakesAndFails) {
      if (auto objection = Object(data)) {
        return objection;
      }
    }
    switch (mode) {
      case Mode::kOk:
        return SayOk(data);
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
        Take(data);
        return std::nullopt;
      case Mode::kTakesAndFails:
        Take(data);
        deceived_items += data == nullptr ? 0 : data->numbers.size();
        return Failure(Code::kUnavailable, "lost my head");
    }
    return std::nullopt;
  }

  // Why it does not take the data; none: it takes it.
  std::optional<sending::AttemptResult> Object(const SimRequest* data) {
    if (data != nullptr && data->bytes > max_bytes) {
      return Failure(Code::kResourceExhausted, "received message larger than max");
    }
    if (data != nullptr && AnyOf(poison, data->numbers)) {
      return Failure(Code::kInvalidArgument, "poison");
    }
    return backend.Object(data == nullptr ? std::vector<SimItem>{} : data->items, data == nullptr,
                          now_);
  }

  sending::AttemptResult SayOk(const SimRequest* data) {
    if (data == nullptr) {
      return {};
    }
    if (AnyOf(faulty, data->numbers) || (failure_rate > 0 && rng.Chance(failure_rate))) {
      return Failure(Code::kInternal, "stumbled");
    }
    Take(data);
    sending::AttemptResult ok;
    ok.rejected_items = refused_items;
    return ok;
  }

  const std::string name_;
  Link link_ = Link::kUp;
  TimePoint now_{};    // when the request that is being answered came …
  TimePoint began_{};  // … and was sent
  std::vector<SimTransport*> transports_;
};

}  // namespace gapless::sim
