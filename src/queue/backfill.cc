// What is sent, and when. What the answers mean: backfill_outcomes.cc.
#include "queue/backfill.h"

#include <algorithm>

namespace gapless::queue {
namespace {

// Units that failed and wait; with so many of them nothing new is begun.
constexpr size_t kWaitingMax = 1024;

}  // namespace

Backfill::Backfill(Loop& loop, journal::Journal& journal, QueueStats& stats, telemetry::Logger log,
                   Options options, Owner owner)
    : loop_(loop),
      journal_(journal),
      stats_(stats),
      log_(std::move(log)),
      options_(std::move(options)),
      owner_(std::move(owner)),
      debts_(journal, options_.to.name),
      pacer_(options_.settings.rate) {
  level_ = std::make_unique<LevelSender>(options_.to, 0, static_cast<LevelSender::Client&>(*this));
}

void Backfill::Reconfigure(Options options) {
  TakeBack();
  BringBackRefused();
  level_->Detach();
  former_.push_back(std::move(level_));
  options_ = std::move(options);
  pacer_.SetRate(options_.settings.rate);
  level_ = std::make_unique<LevelSender>(options_.to, 0, static_cast<LevelSender::Client&>(*this));
}

void Backfill::Add(journal::Position position) { debts_.Add(position); }

void Backfill::Await(uint64_t live_unit, const std::vector<UnitPart>& parts, uint32_t attempts) {
  for (const UnitPart& part : parts) {
    debts_.Hold(part.position);
  }
  awaited_[live_unit] = {.parts = parts, .attempts = attempts};
}

void Backfill::OnLiveLate(uint64_t live_unit, bool delivered) {
  const auto it = awaited_.find(live_unit);
  if (it == awaited_.end()) {
    return;
  }
  if (!delivered && --it->second.attempts > 0) {
    return;
  }
  for (const UnitPart& part : it->second.parts) {
    if (delivered && part.whole) {
      debts_.Arrived(part.position);
    }
    debts_.ReleaseHold(part.position);
  }
  awaited_.erase(it);
  Wake();
}

void Backfill::Wake() { WakeAt(loop_.Now()); }

void Backfill::Pump(bool may_send) {
  Expire();
  if (any_refused_ && IsProved()) {
    BringBackRefused();
  }
  if (debts_.empty() && units_.empty()) {
    EndRun();
    return;
  }
  while (may_send && HasRoom() && pacer_.Ready(loop_.Now())) {
    Unit* unit = Next();
    if (unit == nullptr) {
      break;
    }
    Start(*unit);
  }
  for (auto& level : former_) {
    if (level->IsDone(level_.get())) {
      loop_.DeferDelete(std::move(level));
    }
  }
  std::erase(former_, nullptr);
  ArmWake(may_send);
}

// Half of the slots stay free for live data.
bool Backfill::HasRoom() const {
  return level_->HasRoom() && under_way_ < std::max<size_t>(1, level_->slots() / 2);
}

sending::Lanes Backfill::BusyLanes() const {
  sending::Lanes busy = level_->busy_lanes();
  for (const auto& former : former_) {
    busy |= former->busy_lanes();
  }
  return busy;
}

Unit* Backfill::NextRefused() {
  const auto due = std::ranges::find_if(waiting_, [this](uint64_t id) {
    const Unit& unit = units_.at(id);
    return unit.tracks[0].rejected && *unit.not_before <= loop_.Now();
  });
  if (due == waiting_.end()) {
    return nullptr;
  }
  Unit& unit = units_.at(*due);
  waiting_.erase(due);
  unit.tracks[0].rejected = false;
  return &unit;
}

void Backfill::BringBackRefused() {
  any_refused_ = false;
  for (const uint64_t id : waiting_) {
    Unit& unit = units_.at(id);
    if (std::exchange(unit.tracks[0].rejected, false)) {
      EnterLanes(unit);
      unit.not_before.reset();
    }
  }
  SortWaiting();
}

Unit* Backfill::Next() {
  sending::Lanes busy = BusyLanes();  // and what waits before the unit
  bool held_up = false;
  for (auto it = waiting_.begin(); it != waiting_.end(); ++it) {
    Unit& unit = units_.at(*it);
    const bool due = unit.tracks[0].late == 0 && !unit.tracks[0].rejected &&
                     (!unit.not_before || *unit.not_before <= loop_.Now());
    if (due && (unit.lanes & busy) == 0) {
      waiting_.erase(it);
      return &unit;
    }
    held_up = held_up || unit.lanes != 0;
    busy |= unit.lanes;
  }
  if (held_up || waiting_.size() >= kWaitingMax) {
    return nullptr;
  }
  auto parts = debts_.Take(options_.batch);
  if (parts.empty()) {
    return NextRefused();
  }
  CutToSize(parts);
  Unit& unit = NewUnit(std::move(parts));
  if ((unit.lanes & busy) != 0) {
    Wait(unit, /*front=*/true);
    return nullptr;
  }
  return &unit;
}

// More items than a unit may have, by the settings or as the level takes them: the first piece
// stays, the others wait.
void Backfill::CutToSize(UnitParts& parts) {
  const bool limited = options_.batch && options_.batch->sizer == sending::Sizer::kItems;
  const uint64_t max = level_->ItemCap(limited ? options_.batch->max_size : 0);
  if (max == 0) {
    return;
  }
  std::vector<UnitParts> pieces = CutToItems(std::move(parts), max);
  parts = std::move(pieces.front());
  for (size_t i = 1; i < pieces.size(); ++i) {
    Wait(NewUnit(std::move(pieces[i])), /*front=*/false);
  }
}

Unit& Backfill::NewUnit(UnitParts parts) {
  const uint64_t id = next_unit_++;
  Unit& unit = units_[id];
  unit.id = id;
  unit.parts = std::move(parts);
  for (const UnitPart& part : unit.parts) {
    unit.items += part.count;
  }
  EnterLanes(unit);
  unit.tracks.resize(1);
  return unit;
}

void Backfill::EnterLanes(Unit& unit) const {
  for (const UnitPart& part : unit.parts) {
    unit.lanes |= options_.ordered ? part.lanes : 0;
  }
}

void Backfill::Start(Unit& unit) {
  if (!run_) {
    run_ = Run{.began = loop_.Now()};
    const journal::Amount owed = journal_.stats().owed;
    log_.Info("backfill: started", {{"level", options_.level},
                                    {"destination", name()},
                                    {"owed_requests", owed.requests},
                                    {"owed_items", owed.items}});
  }
  unit.level = 0;
  unit.not_before.reset();
  ++under_way_;
  if (unit.loaded) {
    Send(unit);
    return;
  }
  if (std::exchange(unit.loading, true)) {
    return;
  }
  ReadParts(journal_, unit.parts, lifetime_.Guard([this, id = unit.id](ReadBatches batches) {
    OnLoaded(id, std::move(batches));
  }));
}

void Backfill::OnLoaded(uint64_t unit_id, ReadBatches batches) {
  const auto it = units_.find(unit_id);
  if (it == units_.end()) {
    return;
  }
  Unit& unit = it->second;
  Assembled made = Assemble(unit.parts, std::move(batches));
  // Given up by the journal meanwhile, or damaged: it has counted them.
  debts_.Settle(made.unread, /*delivered=*/false);
  for (const auto& [part, status] : made.damaged) {
    debts_.Settle({part}, /*delivered=*/false);
    CountGivenUp(part.count, "damaged");
  }
  unit.loading = false;
  if (made.parts.empty()) {
    Erase(unit_id);
    return;
  }
  unit.parts = std::move(made.parts);
  unit.batch = std::move(made.batch);
  unit.items = unit.batch.items;
  unit.loaded = true;
  if (unit.level) {
    Send(unit);
  }
}

void Backfill::Send(Unit& unit) {
  if ((unit.lanes & BusyLanes()) != 0) {
    Release(unit);
    Wait(unit, /*front=*/true);  // taken while it was read
    return;
  }
  pacer_.Spend(unit.batch.raw_size, loop_.Now());
  unit.batch.context.reset();  // its client is long gone
  level_->Send(unit, {.batch = {}, .deadline = std::nullopt, .lanes = unit.lanes});
}

void Backfill::TakeBack() {
  for (auto& [id, unit] : units_) {
    if (unit.level) {
      Release(unit);
      Wait(unit, /*front=*/true);
    }
  }
  SortWaiting();
}

void Backfill::SortWaiting() {
  const auto place = [this](uint64_t id) {
    const UnitPart& first = units_.at(id).parts.front();
    return std::pair(first.position, first.first);
  };
  std::ranges::sort(waiting_, {}, place);
}

// Of attempts whose outcome nobody will hear, all but one may be copies.
void Backfill::End() {
  for (auto& [id, unit] : units_) {
    Release(unit);
    CountDuplicates(unit.items * (unit.copies - std::min<uint32_t>(unit.copies, 1)));
  }
  units_.clear();
  waiting_.clear();
}

void Backfill::Forget() {
  End();
  const uint64_t items = debts_.Forget();
  CountGivenUp(items, "level_gone");
}

// The unit is not under way any more; attempts that run on may still deliver it.
void Backfill::Release(Unit& unit) {
  if (unit.level) {
    level_->Release(unit);
    unit.level.reset();
    --under_way_;
  }
}

void Backfill::Wait(Unit& unit, bool front) {
  unit.batch = {};  // read again when its turn comes: many may wait
  unit.loaded = false;
  if (front) {
    waiting_.push_front(unit.id);
  } else {
    waiting_.push_back(unit.id);
  }
  WakeAt(unit.not_before.value_or(loop_.Now()));
}

void Backfill::Expire() {
  const Duration max_age = options_.settings.max_age;
  if (max_age > Duration::zero()) {
    CountGivenUp(debts_.ExpireBefore(loop_.WallNow() - max_age), "too_old");
  }
}

void Backfill::WakeAt(TimePoint when) {
  if (wake_.armed() && *wake_at_ <= when) {
    return;
  }
  wake_at_ = when;
  wake_ = loop_.RunAt(when, [this] { owner_.wake(); });
}

void Backfill::ArmWake(bool may_send) {
  if (may_send && !pacer_.Ready(loop_.Now())) {
    WakeAt(pacer_.next());
  }
  if (may_send) {
    for (const uint64_t id : waiting_) {
      if (const auto at = units_.at(id).not_before; at && *at > loop_.Now()) {
        WakeAt(*at);
      }
    }
  }
  const auto oldest = debts_.oldest();
  if (oldest && options_.settings.max_age > Duration::zero()) {
    const Duration left = *oldest + options_.settings.max_age - loop_.WallNow();
    WakeAt(loop_.Now() + std::max<Duration>(left, std::chrono::seconds(1)));
  }
}

}  // namespace gapless::queue
