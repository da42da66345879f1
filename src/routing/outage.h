// Outage: what a level goes through from its fall to its return.
//
//   down          waits until the next round of probes is due
//   probing       is asked without data, `rise` times
//   live probing  is asked with live data: a unit serves as the probe ("trial" in what users see)
//
// A state machine; how it stands and what an answer means. Pure. Table: docs/failover.md, "Back".
#pragma once

#include "routing/failure_detector.h"
#include "routing/router_events.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

namespace gapless::routing {

// What a level has to know of the others, and of now.
struct LevelContext {
  const RouterConfig& config;
  TimePoint now{};
  TimePoint last_round{};  // when a round of probes of any level began last
  bool all_down = false;   // no level is usable
  bool other_usable = false;
};

// Whether the answer to a probe, with data or without, speaks for the level.
bool IsGood(sending::OutcomeClass outcome, DownCause cause);

class Outage {
 public:
  enum class Verdict : uint8_t {
    kGoesOn,     // nothing to do
    kLiveProbe,  // one unit has to tell: BeginLiveProbe
    kFailed,     // the probe with live data failed; it waits for the next round
    kOver,       // the level is back
  };
  struct Answer {
    Verdict verdict = Verdict::kGoesOn;
    std::string_view reason = {};  // of RouterAction
    LiveProbeKind kind = LiveProbeKind::kUsual;
  };

  Outage(DownCause cause, TimePoint now, TimePoint hold_until, TimePoint probe_at)
      : cause_(cause), hold_until_(hold_until), last_probe_(now), step_(Waiting{probe_at}) {}

  LevelState state() const;
  DownCause cause() const { return cause_; }

  // A probe without data ended. Precondition: none with data is under way.
  Answer OnProbe(sending::OutcomeClass outcome, const LevelContext& context);
  // While a probe with live data is under way: it ended; no unit can serve; the unit that was
  // waited for has come; it is given up.
  Answer OnLiveProbe(sending::OutcomeClass outcome, const LevelContext& context);
  // `work_waits`: there is data, which other levels have in hand.
  Answer OnNothingToTry(bool work_waits, const LevelContext& context);
  void OnUnitCame() { std::get<LiveProbing>(step_).until.reset(); }
  Answer FailLiveProbe(std::string_view reason, const LevelContext& context);
  // Empty exports tell as much as data does: they fail as well, or data was taken meanwhile.
  void TrustProbes();
  void BeginLiveProbe(LiveProbeKind kind);

  // It need not wait any longer.
  void EndHold(TimePoint now) { hold_until_ = std::min(hold_until_, now); }
  void ProbeNow(TimePoint now);
  // Probes are not wanted for now.
  void StopProbing();
  // What is under way is not heard; it is probed at once.
  void Restart(TimePoint now);
  // Stops waiting for a unit that does not come.
  void EndWait(TimePoint now);
  // When the next probe without data is due; none: not while one with data is under way.
  std::optional<TimePoint> ProbeDue(const LevelContext& context) const;
  // Until when it waits for a unit to come.
  std::optional<TimePoint> WaitEnds() const;
  // A probe without data begins. True: and with it a round.
  bool BeginProbe(TimePoint now);

 private:
  struct Waiting {
    TimePoint probe_at{};
  };
  struct Probing {
    TimePoint probe_at{};
    uint32_t good = 0;
  };
  struct LiveProbing {
    LiveProbeKind kind = LiveProbeKind::kUsual;
    std::optional<TimePoint> until = std::nullopt;  // it waits so long for a unit to come
  };

  Answer OnBadProbe(sending::OutcomeClass outcome, const LevelContext& context);
  void WaitForNextRound(const LevelContext& context);

  DownCause cause_;
  TimePoint hold_until_;
  TimePoint last_probe_;  // or the fall
  uint32_t failed_rounds_ = 0;
  uint32_t faulty_rounds_ = 0;  // in a row, that the peer answered with a failure of its own
  bool waited_ = false;         // in vain for a unit: good probes must do
  std::variant<Waiting, Probing, LiveProbing> step_;
};

}  // namespace gapless::routing
