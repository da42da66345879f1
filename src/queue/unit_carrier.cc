#include "queue/unit_carrier.h"

#include <algorithm>
#include <utility>

namespace gapless::queue {
bool UnitCarrier::HasRoom(size_t level, sending::Lanes lanes) const {
  return loader_.HasRoom() && (lanes & parts_.levels.BusyLanes(level)) == 0 &&
         parts_.levels.at(level).HasRoom();
}

bool UnitCarrier::HasRoomForNew(size_t level) const {
  return parts_.scheduler.memory().MayHoldMore() && HasRoom(level);
}

bool UnitCarrier::MayGo(const Unit& unit, size_t level) const {
  return parts_.scheduler.IsItsTurn(unit) && HasRoom(level, unit.lanes);
}

void UnitCarrier::Send(Unit& unit, size_t level) {
  parts_.scheduler.Take(unit);
  unit.level = level;
  if (unit.content == Unit::Content::kRead) {
    OnLoaded(unit);
  } else {
    loader_.Load(unit);
  }
}

void UnitCarrier::OnPartLost(const UnitPart& part, const std::optional<Status>& unreadable) {
  if (!unreadable) {
    parts_.tracker.Forget(part);
    return;
  }
  journal::Settlement share;
  share.dropped[static_cast<size_t>(journal::DropReason::kDamaged)] = part.count;
  parts_.tracker.Book(part, {.share = share, .verdict = *unreadable});
}

void UnitCarrier::OnLoaded(Unit& unit) {
  const Turns::Turn turn(parts_.turns);
  if (unit.buried_as) {
    parts_.settler.Drop(unit, *unit.buried_as);
    return;
  }
  if (!unit.level) {
    return;  // taken back meanwhile
  }
  if (parts_.queue.options.withdraw && unit.batch.context && unit.batch.context->cancelled) {
    unit.last_error = Cancelled("the client left");
    parts_.settler.Drop(unit, journal::DropReason::kWithdrawn);
    return;
  }
  if ((parts_.levels.BusyLanes(*unit.level) & unit.lanes) != 0) {
    Withdraw(unit);
    parts_.scheduler.Wait(unit,
                          UnitScheduler::Place::kFirst);  // its lane was taken while it was read
    parts_.turns.WantDispatch();
    return;
  }
  parts_.levels.at(*unit.level).Send(unit, HowToSend(unit));
}

void UnitCarrier::OnNothingToSend(Unit& unit) {
  const Turns::Turn turn(parts_.turns);
  parts_.settler.Forget(unit);
}

void UnitCarrier::OnLoadedInVain() {
  const Turns::Turn turn(parts_.turns);
  parts_.turns.WantDispatch();
}

sending::SendRequest UnitCarrier::HowToSend(const Unit& unit) const {
  const SendingQueueOptions& options = parts_.queue.options;
  const bool suspected = unit.tracks[*unit.level].suspected;
  sending::SendRequest request{.batch = {},
                               .once = unit.live_probe,
                               .alone = suspected,
                               .deadline = std::nullopt,
                               .lanes = unit.lanes};
  if (unit.lanes != 0 && parts_.levels.size() > 1 && !suspected) {
    request.quick_retries = options.router.fall;
  }
  if (!options.withdraw) {
    return request;
  }
  request.once = request.once || parts_.policy.ChooseAfter(unit, *unit.level).has_value();
  if (unit.batch.context && unit.batch.context->deadline) {
    // At most the remaining deadline divided by the levels that are left.
    request.deadline = unit.batch.context->deadline;
    const Duration remaining = *request.deadline - parts_.queue.home.Now();
    const int64_t levels = std::max<int64_t>(parts_.policy.Askable(unit), 1);
    request.share = std::max<Duration>(remaining / levels, Duration(1));
  }
  return request;
}

void UnitCarrier::AbandonProbe(Unit& unit) {
  if (std::exchange(unit.live_probe, false)) {
    parts_.failover.FeedLater({.kind = routing::RouterEvent::Kind::kLiveProbe,
                               .level = *unit.level,
                               .outcome = sending::OutcomeClass::kRejected,
                               .error = {}});
  }
}

void UnitCarrier::Withdraw(Unit& unit) {
  AbandonProbe(unit);
  if (unit.level) {
    parts_.levels.at(*unit.level).Release(unit);
    unit.level.reset();
  }
  parts_.scheduler.Take(unit);
}

uint64_t UnitCarrier::TakeBack(std::optional<size_t> level) {
  uint64_t items = 0;
  parts_.scheduler.ForEach([&](Unit& unit) {
    if (!unit.level || (level && unit.level != level)) {
      return;
    }
    parts_.levels.at(*unit.level).Release(unit);
    unit.live_probe = false;
    unit.level.reset();
    items += unit.items;
    parts_.scheduler.Wait(unit, UnitScheduler::Place::kByAge);
  });
  return items;
}

}  // namespace gapless::queue
