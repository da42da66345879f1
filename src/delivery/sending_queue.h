// SendingQueue: journal + router + levels = everything that upstream calls a sending queue, and
// failover with it.
//
// A plain exporter is a queue with one level; a failover connector has one level per priority. The
// queue stands in front of the decision: what a level has not settled is simply still pending, and
// the next level gets it.
//
//   Consume -> admission -> journal -> backlog -> unit -> level -> senders
//                             ^ settle                      | outcomes -> router -> actions
//
// One per (exporter or connector, signal); everything on its home loop (pipeline/home_consumer.h
// hops there). It lives across configuration reloads: Reconfigure exchanges levels and settings and
// keeps journal and failover state.
#pragma once

#include "base/loop.h"
#include "base/rng.h"
#include "delivery/admission.h"
#include "delivery/backfill.h"
#include "delivery/backlog.h"
#include "delivery/dead_letter.h"
#include "delivery/lane_order.h"
#include "delivery/queue_level.h"
#include "delivery/queue_stats.h"
#include "delivery/router.h"
#include "delivery/sender.h"
#include "delivery/settings.h"
#include "delivery/unit.h"
#include "journal/journal.h"
#include "pipeline/consumer.h"
#include "pipeline/processor.h"
#include "telemetry/log.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace gapless::delivery {

// When the client hears OK.
enum class Ack : uint8_t {
  kStored,   // in the journal's tier
  kSettled,  // a destination confirmed it (wait_for_result, and queues that are off)
};

struct SendingQueueOptions {
  std::string name;  // the exporter's or connector's ID
  otlp::Signal signal = otlp::Signal::kTraces;
  bool is_failover = false;
  QueueSettings queue;
  // The most patient level's: how long an expired unit waits before it is tried again.
  Duration max_interval = std::chrono::seconds(30);
  Ack ack = Ack::kStored;
  // Queue off: the record is withdrawn when the client's deadline passes, and levels share that
  // deadline.
  bool withdraw = false;
  Order order = Order::kFifo;
  RouterConfig router;  // its levels are filled in from `levels`
  std::vector<QueueLevel> levels;
  DeadLetterTarget dead_letter;
};

// A reading for the admin API and for tests.
struct QueueStatus {
  struct Level {
    std::string name;
    LevelState state = LevelState::kHealthy;
    Override word = Override::kAuto;
    Duration since{};
    std::string last_error;
    uint64_t delivered_items = 0;
  };
  std::string name;
  otlp::Signal signal = otlp::Signal::kTraces;
  std::optional<size_t> active;
  Duration active_since{};
  std::vector<Level> levels;
  journal::Ledger ledger;
  journal::JournalStats journal;
  uint64_t possible_duplicates = 0;
  uint64_t handed_over_items = 0;
  uint64_t backfilled_items = 0;
};

class SendingQueue final {
 public:
  SendingQueue(Loop& home, std::unique_ptr<journal::Journal> journal, SendingQueueOptions options,
               telemetry::Logger log, std::unique_ptr<QueueStats> stats, uint64_t seed);
  ~SendingQueue();
  SendingQueue(const SendingQueue&) = delete;
  SendingQueue& operator=(const SendingQueue&) = delete;

  // The completion answers as `ack` says: OK, or UNAVAILABLE with a delay at the limit.
  void Consume(otlp::Batch batch, pipeline::Completion completion);

  // New settings and levels. Units on levels that are gone are taken back; levels that stay keep
  // their state.
  void Reconfigure(SendingQueueOptions options);
  // The component left the configuration: takes nothing any more and goes on delivering until the
  // journal is empty and nothing is owed; then closes it and calls `done`. A Reconfigure before
  // that brings it back.
  void Retire(std::move_only_function<void()> done);
  // False once its journal is being closed.
  bool CanComeBack() const { return !closing_; }
  // Takes nothing any more, delivers until the journal is empty or `deadline` passed, then closes
  // the journal. `done` hears what was left in memory: counted as dropped{shutdown}. A durable
  // journal waits only for what is in flight.
  void Shutdown(TimePoint deadline, std::move_only_function<void(journal::Amount left)> done);

  // The process is about to end: those who wait for room, now or later, are refused with a delay.
  void StopBlocking();

  // The operator's word on a level.
  void SetOverride(size_t level, Override word);
  // Asks the level's destinations now; `done` hears the worst answer, unless a Reconfigure comes
  // first. A good one ends the level's hold.
  void Probe(size_t level, AttemptCallback done);

  // Sends what was delivered since then, to whatever level, and is still retained, to this level
  // (again): behind live data, as backfill. Returns what that is; retention may reach less far back
  // (JournalStats::retained_since).
  journal::Amount Replay(size_t level, WallTime since);

  QueueStatus status() const;
  bool empty() const { return journal_->stats().pending.requests == 0; }
  const SendingQueueOptions& options() const { return options_; }
  const journal::Journal& journal() const { return *journal_; }

 private:
  class PathClient;
  struct LevelRuntime {
    std::vector<std::unique_ptr<PathClient>> paths;
    uint64_t successes = 0;
    uint64_t delivered_items = 0;
    WallTime repeated{};  // RepeatConfirmed
    size_t loading = 0;
  };
  // What is booked of a record so far.
  struct OpenRecord {
    uint32_t items = 0;
    uint32_t booked = 0;
    uint64_t bytes = 0;
    journal::Settlement settlement;
    // Pieces that a level refused as invalid, and pieces that were taken.
    uint32_t refusals = 0;
    uint32_t taken = 0;
    // Backfill: who shall also get it, and which items of a cut record a reader has already.
    std::vector<journal::ReaderId> owed;
    std::vector<std::pair<journal::ReaderId, uint32_t>> held;
  };
  struct Waiter {
    pipeline::Completion completion;
    Timer deadline;
    std::shared_ptr<const otlp::RequestContext> context;
    Status verdict;
  };
  struct Blocked {
    otlp::Batch batch;
    pipeline::Completion completion;
    Timer deadline;
    size_t holds = 0;  // bytes of memory
  };

  // sending_queue.cc: life.
  static Backlog::Options BacklogOptionsOf(const SendingQueueOptions& options);
  void BuildLevels();
  void OnReadable();
  void CheckDrained();
  bool IsSending() const;
  void FinishShutdown();

  // intake.cc: what comes in.
  void Admit(otlp::Batch batch, pipeline::Completion completion);
  void AdmitBlocked();
  void OnFull(otlp::Batch batch, pipeline::Completion completion);
  void Block(otlp::Batch batch, pipeline::Completion completion, size_t holds);
  void WatchBlocked();
  void ExpireBlocked();
  void DropOldest(const otlp::Batch& batch);
  void Append(otlp::Batch batch, pipeline::Completion completion);
  void AwaitSettlement(journal::Position position, const otlp::Batch& batch,
                       pipeline::Completion completion);
  void WatchClients();
  Duration LongestSeries() const;
  void Expire(journal::Position position);
  void Withdraw(journal::Position position, Status status);

  // booking.cc: what became of each record.
  void Recount();
  void Open(journal::Position position);
  void Forget(const UnitPart& part);
  void BookUnsent(journal::Position position, journal::DropReason reason, const Status& verdict);
  // What level `by` (none: one that left the configuration) made of the unit.
  void BookUnit(const Unit& unit, uint64_t filtered, uint64_t refused, std::optional<size_t> by);
  void BookDrop(const Unit& unit, journal::DropReason reason, const Status& verdict);
  void BookPart(const UnitPart& part, const journal::Settlement& share, const Status& verdict,
                const std::vector<journal::ReaderId>& owed = {}, std::optional<size_t> by = {});

  // queue_health.cc: health pages.
  void BuildHealthChecks();
  void OnVerdict(const std::string& level, const HealthCheckSettings& of, bool well,
                 const Status& last);
  void TellRouterOfHealth();

  // debts.cc: backfill.
  void BuildBackfills();
  void PumpBackfills();
  void EndBackfills();
  void OnOldAttempt(const std::string& name, const AttemptResult& result);
  std::vector<journal::ReaderId> OwedOf(const Unit& unit, std::optional<size_t> by);
  void NoteDebt(OpenRecord& record, const UnitPart& part,
                const std::vector<journal::ReaderId>& owed, std::optional<size_t> by);
  void SettleRecord(journal::Position position, const OpenRecord& record);
  void RepeatConfirmed(size_t fallen);
  void Repeat(size_t to, const journal::RetainedQuery& query, size_t fallen);
  void OnLateOfSettled(std::optional<size_t> level, uint64_t unit_id, bool delivered);
  void CountDuplicates(uint64_t items);

  // steering.cc: what the router asks for.
  void Feed(const RouterEvent& event);
  void Act(const RouterAction& action);
  void OnReturn(size_t level);
  void LogTransition(const RouterAction& action);
  void LogActivation(const RouterAction& action);
  void ArmTick();
  void StartProbe(size_t level);
  void ProbePaths(size_t level, AttemptCallback done);
  void StartTrial(size_t level, TrialKind kind);
  Unit* TrialCandidate(size_t level, TrialKind kind);
  Unit* TakeReturned(size_t level, const std::function<bool(const UnitTrack&)>& wanted);
  bool IsOnTrial(size_t level) const { return router_.state(level) == LevelState::kTrial; }
  void AbandonTrial(Unit& unit);

  // dispatch.cc: which unit goes where.
  void Dispatch();
  void DispatchReturned();
  void DispatchTrial();
  void DispatchFresh();
  UnitParts TakeFresh(size_t level, bool flush);
  std::optional<size_t> LevelForFresh() const;
  bool IsLimited(size_t level) const;
  void JudgeOverflow();
  void ArmFlush();
  std::optional<size_t> ChooseLevel(const Unit& unit) const;
  // How willingly a unit is sent to a usable level: 0 gladly, 1 it fails there, 2 a whole series
  // failed there; none: it cannot go there.
  std::optional<int> Reluctance(const Unit& unit, size_t level) const;
  std::optional<size_t> LevelNamed(std::string_view name) const;
  void DropParked(const std::vector<uint64_t>& parked);
  // What units that only wait may take of the queue.
  double ParkedMax() const;
  bool MayWait(const Unit& unit) const;
  static bool IsInvalid(const Unit& unit);
  bool HasRoom(size_t level, Lanes lanes = 0) const;
  // Whether it is its turn, and the level has room for it.
  bool MayGo(const Unit& unit, size_t level) const;
  void Park(Unit& unit);
  void LeaveOrder(Unit& unit);
  // A unit behind all others in its lanes.
  Unit& NewUnit(UnitParts parts);
  Unit& MakeUnit(UnitParts parts);
  void Assign(Unit& unit, size_t level);
  void Load(Unit& unit);
  void OnLoaded(Unit& unit, ReadBatches batches);
  void SendUnit(Unit& unit);
  void SendOnPath(Unit& unit, size_t path);
  std::optional<size_t> ChooseNextAfter(const Unit& unit) const;
  Duration ShareOf(const Unit& unit) const;
  void TakeBack(size_t level);
  void Return(Unit& unit, bool front);
  void ReleasePaths(Unit& unit);

  // outcomes.cc: what attempts bring.
  void OnAttempt(size_t level, size_t path, uint64_t unit_id, const AttemptResult& result);
  void LogFailure(const Unit& unit, size_t level, const AttemptResult& result);
  void NoteFault(Unit& unit, const AttemptResult& result);
  bool MayBeThere(const Unit& unit) const;
  bool WorkWaits() const;
  void SetAside(Unit& unit);
  void BringBack(size_t level);
  void OnEnd(size_t path, uint64_t unit_id, DeliveryEnd end, const AttemptResult& result);
  void OnPathDelivered(Unit& unit, size_t path, const AttemptResult& result);
  void OnUnitDelivered(Unit& unit, const AttemptResult& result);
  // `level`: none if it left the configuration; `alone`: its level has no other
  // path.
  void OnLate(std::optional<size_t> level, bool alone, uint64_t unit_id,
              const AttemptResult& result);
  void OnRejected(Unit& unit, const AttemptResult& result);
  void OnGaveUp(Unit& unit, const AttemptResult& result);
  void OnTrialEnd(Unit& unit, size_t path, DeliveryEnd end, const AttemptResult& result);
  bool IsSuspected(Unit& unit, size_t level, OutcomeClass outcome);
  void OnSuspected(Unit& unit, size_t path, const AttemptResult& result);
  bool MayCutRecord(const Unit& unit);
  void CutToRecords(Unit& unit);
  void Cut(Unit& unit, std::vector<UnitParts> pieces);
  std::optional<size_t> ChooseLevelNotTried(const Unit& unit) const;
  void Drop(Unit& unit, journal::DropReason reason);
  void Bury(Unit& unit, journal::DropReason reason);
  void OnBuried(uint64_t unit_id, journal::DropReason reason, bool stored);
  void DropNow(Unit& unit, journal::DropReason reason, std::string_view dead_letter);
  void Erase(uint64_t unit_id);
  void CheckFailbackComplete();

  Loop& home_;
  std::unique_ptr<journal::Journal> journal_;
  SendingQueueOptions options_;
  telemetry::Logger log_;
  std::unique_ptr<QueueStats> stats_;
  Rng rng_;
  Router router_;
  Admission admission_;
  Backlog backlog_;
  std::vector<LevelRuntime> levels_;
  std::vector<std::unique_ptr<PathClient>>
      old_paths_;  // of a former configuration, until their late answers are in
  std::vector<std::unique_ptr<Backfill>> backfills_;  // by level; none without backfill
  DeadLetter dead_letter_;
  struct LevelCheck {
    std::string level;
    std::unique_ptr<HealthCheck> check;
  };
  std::vector<LevelCheck> health_checks_;

  std::map<uint64_t, Unit> units_;
  LaneOrder lane_order_;
  journal::Position start_ = 0;  // what lies below was pending when the queue began
  size_t asides_ = 0;            // units that are set aside
  bool overflowing_ = false;
  std::optional<size_t> trial_wanted_;  // the next fresh unit is the trial of this level
  std::deque<uint64_t> returned_;       // units that wait to be sent again, oldest first
  uint64_t next_unit_ = 1;
  std::unordered_map<journal::Position, OpenRecord> records_;  // that were cut
  std::unordered_map<journal::Position, Waiter> waiters_;
  std::deque<Blocked> blocked_;
  size_t blocked_bytes_ = 0;

  TimePoint activated_{};
  uint64_t config_epoch_ = 0;  // probes of a former configuration are not heard
  bool accepting_ = true;
  bool may_block_ = true;
  bool dispatching_ = false;
  bool dispatch_again_ = false;
  uint64_t possible_duplicates_ = 0;
  uint64_t handed_over_items_ = 0;
  // Set by a failback: it is complete when nothing older than this is pending.
  std::optional<journal::Position> failback_until_;
  std::move_only_function<void(journal::Amount)> on_shutdown_;
  bool retiring_ = false;
  size_t appending_ = 0;  // appends that the journal has not answered
  bool closing_ = false;
  Timer tick_;
  Timer flush_;
  Timer retry_;
  Timer publish_;
  Timer shutdown_;
  Timer watch_;
  Timer blocked_watch_;
  telemetry::Sampled failures_log_{2, std::chrono::seconds(10)};
  // Last: callbacks into a queue that is gone are ignored.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace gapless::delivery
