#include "queue/backfill.h"

#include <algorithm>
#include <utility>

namespace gapless::queue {
namespace {

// Units that wait or are on their way; with so many of them nothing new is begun.
constexpr size_t kUnitsMax = 1024;

}  // namespace

Backfill::Backfill(const QueueContext& queue, Options options, Owner owner)
    : queue_(queue),
      options_(std::move(options)),
      owner_(std::move(owner)),
      debts_(queue.journal, options_.to.name),
      pacer_(options_.settings.rate),
      units_(UnitMemory({queue.options.memory, MemoryUse::kUnits})),
      progress_(queue.home, queue.journal, queue.stats, queue.log, options_.to.name),
      loader_(queue.journal, *this),
      outcomes_({.loop = queue.home,
                 .options = options_,
                 .owner = owner_,
                 .debts = debts_,
                 .units = units_,
                 .progress = progress_,
                 .wake = [this] { Wake(); }}),
      level_(std::make_unique<LevelSender>(options_.to, 0, outcomes_)),
      former_(queue.home) {
  progress_.SetLevel(options_.level);
}

void Backfill::Reconfigure(Options options) {
  TakeBack();
  units_.BringBack(0);
  former_.Add(std::move(level_));
  options_ = std::move(options);
  pacer_.SetRate(options_.settings.rate);
  progress_.SetLevel(options_.level);
  level_ = std::make_unique<LevelSender>(options_.to, 0, outcomes_);
}

void Backfill::Pump(bool may_send) {
  Expire();
  if (units_.any_aside() && outcomes_.IsProved()) {
    units_.BringBack(0);
  }
  if (debts_.empty() && units_.size() == 0) {
    progress_.End();
    return;
  }
  const auto rested = units_.EndRest(queue_.home.Now());
  if (may_send) {
    SendReady(/*aside=*/false);
    while (HasRoom() && units_.size() < kUnitsMax && units_.memory().MayHoldMore()) {
      Unit* unit = MakeUnit();
      if (unit == nullptr) {
        SendReady(/*aside=*/true);  // there is nothing else to ask the level with
        break;
      }
      if (MayGo(*unit)) {
        Start(*unit);
      } else {
        units_.Wait(*unit, UnitScheduler::Place::kLast);
      }
    }
    if (rested) {
      WakeAt(*rested);
    }
  }
  former_.DropIdle([this](std::string_view) { return level_.get(); });
  ArmWake(may_send);
}

// Half of the slots stay free for live data.
bool Backfill::HasRoom() const {
  return loader_.HasRoom() && level_->HasRoom() && pacer_.Ready(queue_.home.Now()) &&
         units_.under_way() < std::max<size_t>(1, level_->slots() / 2);
}

bool Backfill::MayGo(const Unit& unit) const {
  return unit.tracks[0].late == 0 && units_.IsItsTurn(unit) && (unit.lanes & BusyLanes()) == 0;
}

sending::Lanes Backfill::BusyLanes() const {
  return level_->busy_lanes() | former_.BusyLanes(name());
}

void Backfill::SendReady(bool aside) {
  if (!HasRoom()) {
    return;
  }
  units_.ForEachReady([this, aside](Unit& unit) {
    if (unit.aside == aside && HasRoom() && MayGo(unit)) {
      Start(unit);
    }
  });
}

// More items than a unit may have, by the settings or as the level takes them: the first piece
// goes, the others wait.
Unit* Backfill::MakeUnit() {
  UnitParts parts = debts_.Take(options_.batch);
  if (parts.empty()) {
    return nullptr;
  }
  for (UnitPart& part : parts) {
    part.lanes = options_.ordered ? part.lanes : 0;
  }
  const bool limited = options_.batch && options_.batch->sizer == sending::Sizer::kItems;
  const uint64_t max = level_->ItemCap(limited ? options_.batch->max_size : 0);
  std::vector<UnitParts> pieces;
  if (max > 0) {
    pieces = CutToItems(std::move(parts), max);
  } else {
    pieces.push_back(std::move(parts));
  }
  Unit& first = units_.Add(std::move(pieces.front()), /*levels=*/1);
  for (size_t i = 1; i < pieces.size(); ++i) {
    units_.Wait(units_.Add(std::move(pieces[i]), /*levels=*/1), UnitScheduler::Place::kLast);
  }
  return &first;
}

void Backfill::Start(Unit& unit) {
  progress_.Begin();
  units_.Take(unit);
  unit.level = 0;
  if (unit.content == Unit::Content::kRead) {
    OnLoaded(unit);
  } else {
    loader_.Load(unit);
  }
}

void Backfill::OnPartLost(const UnitPart& part, const std::optional<Status>& unreadable) {
  debts_.Settle({part}, /*delivered=*/false);
  if (unreadable) {
    progress_.GivenUp(part.count, "damaged");
  }
}

void Backfill::OnNothingToSend(Unit& unit) {
  outcomes_.CountUnheard(unit);
  units_.Remove(unit.id);
  Wake();
}

void Backfill::OnLoaded(Unit& unit) {
  if (!unit.level) {
    return;  // taken back meanwhile
  }
  if ((unit.lanes & BusyLanes()) != 0) {  // taken while it was read
    unit.level.reset();
    units_.Wait(unit, UnitScheduler::Place::kFirst);
    return;
  }
  pacer_.Spend(unit.batch.raw_size, queue_.home.Now());
  unit.batch.context.reset();  // its client is long gone
  level_->Send(unit, {.batch = {}, .deadline = std::nullopt, .lanes = unit.lanes});
}

void Backfill::TakeBack() {
  units_.ForEach([this](Unit& unit) {
    if (unit.level) {
      level_->Release(unit);
      unit.level.reset();
      units_.Wait(unit, UnitScheduler::Place::kByAge);
    }
  });
}

void Backfill::End() {
  units_.ForEach([this](Unit& unit) {
    if (unit.level) {
      level_->Release(unit);
    }
    outcomes_.CountUnheard(unit);
  });
  units_.Clear();
}

void Backfill::Forget() {
  End();
  progress_.GivenUp(debts_.Forget(), "level_gone");
}

void Backfill::Expire() {
  const Duration max_age = options_.settings.max_age;
  if (max_age > Duration::zero()) {
    progress_.GivenUp(debts_.ExpireBefore(queue_.home.WallNow() - max_age), "too_old");
  }
}

void Backfill::WakeAt(TimePoint when) {
  if (wake_.armed() && *wake_at_ <= when) {
    return;
  }
  wake_at_ = when;
  wake_ = queue_.home.RunAt(when, [this] { owner_.wake(); });
}

void Backfill::ArmWake(bool may_send) {
  if (may_send && !pacer_.Ready(queue_.home.Now())) {
    WakeAt(pacer_.next());
  }
  const auto oldest = debts_.oldest();
  if (oldest && options_.settings.max_age > Duration::zero()) {
    const Duration left = *oldest + options_.settings.max_age - queue_.home.WallNow();
    WakeAt(queue_.home.Now() + std::max<Duration>(left, std::chrono::seconds(1)));
  }
}

}  // namespace gapless::queue
