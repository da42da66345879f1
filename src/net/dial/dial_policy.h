// DialPolicy: when to dial, when a dial counts as failed, when to pause. Pure: time is injected,
// dials are numbers.
//
// A *burst* of three overlapping dials answers "is the peer there?" quickly: after a connection
// failure they start at 0, 50 and 100 ms; on first use the second and third only help out (after
// 300 and 600 ms, or 50 ms after a failed one). A dial that is overdue, or still silent when two
// later ones have failed, is reported as failed; it runs on in the background for a while, so that
// a very slow network is still a network. Three failed dials end the burst: waiting requests fail,
// and from then on one dial a second follows while anybody wants the connection. There is no
// growing back-off: a peer that returns is found within a second.
//
// A dial is overdue when it has made no step (name found, TCP connected, bytes received) for longer
// than is allowed, and the peer has not answered on another connection for as long. Allowed is the
// longest of `answer_within`, three times the slowest step of this dial, twice the slowest step of
// earlier dials (remembered for an hour), and the owner's Patience. Owned by one ClientChannel, on
// its worker.
#pragma once

#include "base/loop.h"
#include "net/dial/answer_times.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

namespace gapless::net {

class DialPolicy {
 public:
  struct Options {
    Duration answer_within = std::chrono::milliseconds(800);
    Duration give_up_after = std::chrono::seconds(10);
    Duration redial_spacing = std::chrono::milliseconds(50);
    Duration first_spacing = std::chrono::milliseconds(300);
    Duration rhythm = std::chrono::seconds(1);
    // Least time between two bursts: a peer that accepts and hangs up at once is not dialled in a
    // tight loop.
    Duration burst_gap = std::chrono::milliseconds(100);
    // A request, also one that failed at once, keeps the rhythm going for so long.
    Duration wanted_for = std::chrono::seconds(60);
  };
  static constexpr int kBurst = 3;
  // Dials running at once, late ones included; the oldest is given up beyond.
  static constexpr size_t kMaxDials = 6;

  enum class Phase : uint8_t { kIdle, kBurst, kPaused, kConnected };

  // What the owner knows about the peer.
  struct Patience {
    Duration connect{};  // until TCP is connected
    Duration answer{};   // for each later step
    TimePoint spoke{};   // when it last answered on another connection
    // A dial that makes steps for ever is overdue all the same.
    Duration at_most = std::chrono::seconds(30);
  };

  struct Overdue {
    uint64_t id;
    Duration waited;
  };
  // What the caller must do now, in this order.
  struct Actions {
    std::vector<Overdue> overdue;   // report as failed (not answered in time); the dial runs on
    std::vector<uint64_t> abandon;  // drop silently
    std::vector<uint64_t> start;    // begin these dials
    bool exhausted = false;         // the peer is not there: requests that wait fail
  };

  DialPolicy() = default;
  explicit DialPolicy(Options options) : options_(options) {}

  // Somebody wants the connection. Starts a burst unless one runs, a pause lasts or we are
  // connected.
  void Want(TimePoint now);
  // As Want, but a pause ends at once (a probe is not to wait for the rhythm).
  void WantNow(TimePoint now);
  // The connection failed, or fell silent: redial at once, whether or not anybody wants it.
  void OnConnectionFailed(TimePoint now);
  // The connection ended as it should (GOAWAY): a new one is wanted, nothing has failed.
  void OnGoodbye(TimePoint now);
  // The last connection ended and none is needed until somebody wants one (HTTP/1.1 idle close).
  void OnIdle(TimePoint now);
  // The suspected connection spoke again: running dials are not needed.
  void OnRecovered(TimePoint now);
  // To be kept up to date before Poll and NextPoll.
  void SetPatience(const Patience& patience) { patience_ = patience; }
  // The dial got on; `connected`: TCP is. What is told again and unknown dials change nothing.
  void OnStep(uint64_t dial, TimePoint when, bool connected);
  // The dial has not begun yet, for a reason of our own: its time counts from now.
  void OnHeldBack(uint64_t dial, TimePoint now);
  // False if the dial had been reported overdue, or is no longer known.
  bool OnAnswered(uint64_t dial, TimePoint now);
  // True if the failure is news, false if the dial was reported overdue before or is unknown.
  bool OnDialFailed(uint64_t dial, TimePoint now);

  Actions Poll(TimePoint now);
  std::optional<TimePoint> NextPoll(TimePoint now) const;

  Phase phase() const { return phase_; }

 private:
  struct Dial {
    uint64_t id;
    TimePoint started;
    TimePoint last_step;
    Duration slowest_step{};
    bool connected = false;
    bool reported = false;
    bool passed_by = false;  // later dials of its burst failed before it
  };
  void BeginBurst(Duration spacing, TimePoint now);
  void BeginPacedBurst(Duration spacing, TimePoint now);
  void DropAll();
  void CountFailure(TimePoint now);
  void PassBy(uint64_t failed);
  TimePoint AnswerBy(const Dial& dial, TimePoint now) const;
  void StartDial(TimePoint now);
  bool wanted(TimePoint now) const { return now < wanted_until_; }

  Options options_;
  Patience patience_;
  AnswerTimes steps_{std::chrono::minutes(5)};  // the slowest of each dial that was answered
  Phase phase_ = Phase::kIdle;
  std::vector<Dial> dials_;
  uint64_t next_id_ = 1;
  Duration spacing_{};
  int burst_started_ = 0;
  int burst_failed_ = 0;
  TimePoint last_start_{};
  TimePoint next_start_{};
  TimePoint last_burst_{};
  TimePoint wanted_until_{};
  std::vector<uint64_t> dropped_;
  bool exhausted_ = false;
};

}  // namespace gapless::net
