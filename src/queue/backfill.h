// Backfill: brings one level, once it is well again, what other levels took in its place.
//
// Live data goes first: a unit of old data is sent only when the level has room that nothing live
// wants, over at most half of its slots, at a limited rate. Failures of old data say nothing about
// the level; connections are watched by the queue. What the level calls invalid is skipped and
// counted. One per level of a failover; home loop.
#pragma once

#include "base/lifetime.h"
#include "base/loop.h"
#include "queue/assemble.h"
#include "queue/debt_book.h"
#include "queue/level_sender.h"
#include "queue/pacer.h"
#include "queue/queue_level.h"
#include "queue/queue_stats.h"
#include "queue/unit.h"
#include "sending/settings.h"
#include "telemetry/log.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace gapless::queue {

class Backfill final : private LevelSender::Client {
 public:
  struct Options {
    sending::BackfillSettings settings;
    std::optional<sending::BatchSettings> batch;
    // Failures of one unit, while others get through, after which it is suspected.
    uint32_t fall = 3;
    // Whether data of one lane (lanes.h) goes one after the other.
    bool ordered = false;
    // How long a unit rests whose whole back-off series failed.
    Duration max_interval{};
    size_t level = 0;  // its index, for metrics
    QueueLevel to;
  };
  // What the backfill tells its queue.
  struct Owner {
    // Pump shall be called: time passed, or a unit ended. On a turn of its own.
    std::move_only_function<void()> wake;
    // Items that a destination may hold twice.
    std::move_only_function<void(uint64_t items)> duplicates;
    // An attempt has ended: where nothing live comes, old data is what proves a level.
    std::move_only_function<void(const sending::AttemptResult& result)> attempted;
    // Whether the level has taken live data: before, its refusals say nothing about the data.
    std::move_only_function<bool()> proved;
  };

  // All references outlive it. The options name the reader to whom is owed.
  Backfill(Loop& loop, journal::Journal& journal, QueueStats& stats, telemetry::Logger log,
           Options options, Owner owner);
  Backfill(const Backfill&) = delete;
  Backfill& operator=(const Backfill&) = delete;

  // New settings and senders of the same level; units under way are taken back.
  void Reconfigure(Options options);
  const std::string& name() const { return options_.to.name; }
  journal::ReaderId reader() const { return debts_.reader(); }

  // A new debt.
  void Add(journal::Position position);
  // A unit of live data was settled elsewhere while `attempts` of it still run here: its records
  // wait for them.
  void Await(uint64_t live_unit, const std::vector<UnitPart>& parts, uint32_t attempts);
  // One of these has ended.
  void OnLiveLate(uint64_t live_unit, bool delivered);
  // A live unit arrived: what fails here meanwhile fails alone.
  void OnLiveSuccess() { ++successes_; }

  // Asks for a Pump: the level is well again.
  void Wake();
  // Sends what may be sent now. `may_send`: the level is well and nothing live wants its room.
  void Pump(bool may_send);
  // The level went down: what is under way waits for its return.
  void TakeBack();
  // The level may have lost what it confirmed shortly before.
  void Doubt() { debts_.Doubt(); }
  // The level left the configuration.
  void Forget();
  // The queue ends: nothing is sent or settled any more.
  void End();

  uint64_t delivered_items() const { return delivered_items_; }
  // Units that are being read or sent.
  size_t under_way() const { return under_way_; }

 private:
  // From the first unit until nothing is owed any more.
  struct Run {
    TimePoint began{};
    uint64_t items = 0;
    uint64_t given_up = 0;
  };
  struct Awaited {
    std::vector<UnitPart> parts;
    uint32_t attempts = 0;
  };

  bool HasRoom() const;
  // Lanes in which something is under way, also over senders of a former configuration.
  sending::Lanes BusyLanes() const;
  Unit* Next();
  // What the level refused before it had taken anything …
  Unit* NextRefused();
  // … goes in its order again, once the level takes data.
  void BringBackRefused();
  void CutToSize(UnitParts& parts);
  Unit& NewUnit(UnitParts parts);
  void EnterLanes(Unit& unit) const;
  void SortWaiting();
  void Start(Unit& unit);
  void OnLoaded(uint64_t unit_id, ReadBatches batches);
  void Send(Unit& unit);

  // LevelSender. Of connections and room the queue's own client hears, and wakes the backfill.
  Unit* FindUnit(uint64_t id) override;
  void OnAttempt(LevelSender& level, size_t path, Unit& unit,
                 const sending::AttemptResult& result) override;
  void OnPathDelivered(LevelSender& level, size_t path, Unit& unit,
                       const sending::AttemptResult& result) override;
  void OnDelivered(LevelSender& level, Unit& unit, const LevelSender::Taken& taken,
                   const sending::AttemptResult& result) override;
  void OnFailed(LevelSender& level, Unit& unit, sending::DeliveryEnd end,
                const sending::AttemptResult& result) override;
  void OnLate(LevelSender& level, uint64_t unit_id, const sending::AttemptResult& result) override;
  void OnNews(LevelSender&, size_t, LevelSender::News, const Status&) override {}
  void OnRoom() override {}

  void OnRejected(Unit& unit, const sending::AttemptResult& result);
  void OnGaveUp(Unit& unit);
  void Paid(Unit& unit, uint64_t items, uint64_t copies);
  void GiveUp(Unit& unit, std::string_view reason);
  void CutInTwo(Unit& unit);
  void Cut(Unit& unit, std::vector<UnitParts> pieces);
  bool IsProved();
  bool MayCut(const Unit& unit);
  void Wait(Unit& unit, bool front);
  void Release(Unit& unit);
  void Erase(uint64_t unit_id);

  void Expire();
  void CountGivenUp(uint64_t items, std::string_view reason);
  void CountDuplicates(uint64_t items);
  void LogProgress();
  void EndRun();
  void WakeAt(TimePoint when);
  void ArmWake(bool may_send);

  Loop& loop_;
  journal::Journal& journal_;
  QueueStats& stats_;
  const telemetry::Logger log_;
  Options options_;
  Owner owner_;
  DebtBook debts_;
  Pacer pacer_;
  std::unique_ptr<LevelSender> level_;
  std::vector<std::unique_ptr<LevelSender>> former_;  // until nothing is under way over them
  std::map<uint64_t, Unit> units_;  // of each, tracks[0] and, while it is under way, level 0
  std::deque<uint64_t> waiting_;    // units that were under way before, in the order of sending
  std::unordered_map<uint64_t, Awaited> awaited_;
  uint64_t next_unit_ = 1;
  size_t under_way_ = 0;
  // Records of which pieces were refused, and how often, in this run.
  std::unordered_map<journal::Position, uint32_t> refusals_;
  uint64_t successes_ = 0;
  bool any_refused_ = false;
  uint64_t delivered_items_ = 0;
  std::optional<Run> run_;
  telemetry::Sampled progress_log_{1, std::chrono::seconds(30)};
  telemetry::Sampled failures_log_{1, std::chrono::seconds(30)};
  std::optional<TimePoint> wake_at_;
  Timer wake_;
  Lifetime lifetime_;
};

}  // namespace gapless::queue
