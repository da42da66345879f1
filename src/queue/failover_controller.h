// FailoverController: the router of a queue, and what it asks for: probes, probes with live data,
// hand-over. It hears health pages and operators, writes the log, and keeps the state of the levels
// with the journal, so that a restart knows it.
//
//   attempts, dials, health pages, operator, time -> router -> actions -> Units, probes, log
//
// A plain exporter is a failover with one level. Home loop.
#pragma once

#include "base/lifetime.h"
#include "base/loop.h"
#include "journal/journal.h"
#include "queue/health_checks.h"
#include "queue/queue_context.h"
#include "queue/turns.h"
#include "routing/router.h"

#include <optional>
#include <vector>

namespace gapless::queue {

class FailoverController {
 public:
  // What the router's decisions mean for the units of the queue. Called inside Feed, Restore and
  // Reconfigure.
  class Units {
   public:
    // Everything that the level has not settled waits for another one.
    virtual void TakeBack(size_t level) = 0;
    // Sends one unit to the level, as a probe with live data. False: none can serve as one.
    virtual bool StartLiveProbe(size_t level, routing::LiveProbeKind kind) = 0;
    virtual void OnLevelBack(size_t level) = 0;
    // It may have died, and with it what it had just confirmed.
    virtual void OnLevelLost(size_t level) = 0;
    // New data goes to another level: a better one than before, or worse, or none.
    virtual void OnActivated(bool better) = 0;
    // Something is to be sent.
    virtual bool WorkWaits() const = 0;

   protected:
    ~Units() = default;
  };

  // All outlive it. Every event is a turn.
  FailoverController(const QueueContext& queue, Turns& turns, Units& units);
  FailoverController(const FailoverController&) = delete;
  FailoverController& operator=(const FailoverController&) = delete;

  // The levels as they were when the journal was last used, perhaps by another process.
  void Restore();
  // The options have changed. Levels that stay keep their state; what runs for others is not heard.
  void Reconfigure();
  void Feed(const routing::RouterEvent& event);
  // Feed on a later turn, unless the configuration changes before.
  void FeedLater(routing::RouterEvent event);
  // Asks the level's destinations now; `done` hears the worst answer, unless a Reconfigure comes
  // first. A good one ends the level's hold.
  void Probe(size_t level, sending::AttemptCallback done);
  // Nothing is asked and nothing heard any more; the state is kept.
  void End();

  const routing::Router& router() const { return router_; }
  // Something is to be sent: what attempts and ticks tell the router.
  bool WorkWaits() const { return units_.WorkWaits(); }
  TimePoint activated() const { return activated_; }
  // A record was settled: perhaps all that waited when the level came back is delivered now.
  void CheckFailbackComplete();

 private:
  void Act(const routing::RouterAction& action);
  void OnTransition(const routing::RouterAction& action);
  void OnActivation(const routing::RouterAction& action);
  void ArmTick();
  // The round is as good as its worst member.
  void ProbeLevel(size_t level, sending::AttemptCallback done);
  void TellOfHealth();
  void SaveState();

  const QueueContext& queue_;
  Turns& turns_;
  Units& units_;
  routing::Router router_;
  HealthChecks health_;
  TimePoint activated_{};
  // Set by a failback: it is complete when nothing older than this is pending.
  std::optional<journal::Position> failback_until_;
  std::vector<routing::LevelMemory> saved_;
  bool ended_ = false;
  Timer tick_;
  Lifetime configuration_;  // of callbacks that belong to the present one
};

}  // namespace gapless::queue
