// Which unit goes to which level, and sending.
#include "delivery/path_client.h"
#include "delivery/sending_queue.h"

#include <algorithm>
#include <utility>

namespace gapless::delivery {
namespace {

// Units of one level whose payload is being read from the journal.
constexpr size_t kLoadingMax = 16;
// Units that only wait for the return of a level, because every usable one rejected them, take at
// most this part of the queue.
constexpr double kParkedShare = 0.1;

}  // namespace

void SendingQueue::Dispatch() {
  if (dispatching_) {
    dispatch_again_ = true;
    return;
  }
  if (closing_) {
    return;
  }
  dispatching_ = true;
  do {
    dispatch_again_ = false;
    backlog_.Refresh();
    DispatchReturned();
    DispatchTrial();
    DispatchFresh();
  } while (dispatch_again_);
  dispatching_ = false;
  PumpBackfills();
  // On a later turn: this may run inside a callback of the path's own sender.
  for (auto& path : old_paths_) {
    if (path->idle()) {
      home_.DeferDelete(std::move(path));
    }
  }
  std::erase(old_paths_, nullptr);
}

void SendingQueue::DispatchReturned() {
  std::optional<TimePoint> wake;
  std::vector<uint64_t> parked;
  for (size_t i = 0; i < returned_.size();) {
    const uint64_t id = returned_[i];
    Unit& unit = units_.at(id);
    if (unit.not_before && *unit.not_before > home_.Now()) {
      wake = wake ? std::min(*wake, *unit.not_before) : *unit.not_before;
      ++i;
      continue;
    }
    const auto level = ChooseLevel(unit);
    if (!level && !MayWait(unit)) {
      returned_.erase(returned_.begin() + static_cast<ptrdiff_t>(i));
      Drop(unit, journal::DropReason::kRejected);
      continue;
    }
    if (options_.withdraw && !router_.active()) {
      unit.last_error =
          Unavailable("no level is usable: " + unit.last_error.message()).WithRetryable(true);
      Drop(unit, journal::DropReason::kExpired);
      continue;
    }
    if (!level && IsInvalid(unit)) {
      Park(unit);
      parked.push_back(id);
    }
    if (!level || !MayGo(unit, *level)) {
      ++i;
      continue;
    }
    returned_.erase(returned_.begin() + static_cast<ptrdiff_t>(i));
    Assign(unit, *level);
  }
  if (wake) {
    retry_ = home_.RunAt(*wake, [this] { Dispatch(); });
  }
  DropParked(parked);
}

double SendingQueue::ParkedMax() const {
  return std::max(1.0, admission_.capacity() * kParkedShare);
}

void SendingQueue::DropParked(const std::vector<uint64_t>& parked) {
  const double limit = ParkedMax();
  double size = 0;
  std::vector<uint64_t> excess;
  for (auto id = parked.rbegin(); id != parked.rend(); ++id) {
    const Unit& unit = units_.at(*id);
    size += admission_.SizeOf(unit.items, unit.batch.raw_size);
    if (size > limit) {
      excess.push_back(*id);
    }
  }
  for (auto id = excess.rbegin(); id != excess.rend(); ++id) {
    Drop(units_.at(*id), journal::DropReason::kRejected);
  }
}

void SendingQueue::DispatchFresh() {
  flush_.Cancel();
  JudgeOverflow();
  while (const auto level = LevelForFresh()) {
    // While it drains for the end of the process nothing waits for company.
    UnitParts parts = TakeFresh(*level, /*flush=*/static_cast<bool>(on_shutdown_));
    if (parts.empty()) {
      ArmFlush();
      return;
    }
    if (options_.queue.batch && !options_.queue.batch->processor.empty()) {
      stats_->Merged(options_.queue.batch->processor, backlog_.taken());
    }
    Assign(NewUnit(std::move(parts)), *level);
  }
}

// A level that only data can prove waits for the next unit.
void SendingQueue::DispatchTrial() {
  if (!trial_wanted_ || !HasRoom(*trial_wanted_)) {
    return;
  }
  const size_t level = *trial_wanted_;
  if (!IsOnTrial(level)) {
    trial_wanted_.reset();
    return;
  }
  UnitParts parts = TakeFresh(level, /*flush=*/true);
  if (parts.empty()) {
    return;
  }
  trial_wanted_.reset();
  Feed({.kind = RouterEvent::Kind::kTrialBegan, .level = level, .error = {}});
  Unit& unit = NewUnit(std::move(parts));
  unit.trial = true;
  Assign(unit, level);
}

UnitParts SendingQueue::TakeFresh(size_t level, bool flush) {
  const auto& paths = levels_[level].paths;
  return backlog_.Take(home_.WallNow(), {.flush = flush,
                                         .busy = lane_order_.held() | BusyLanesOf(paths),
                                         .max_items = ItemCapOf(paths)});
}

// The active level; while it takes less than there is, the next one that has room.
std::optional<size_t> SendingQueue::LevelForFresh() const {
  const auto active = router_.active();
  if (!active || HasRoom(*active)) {
    return active;
  }
  for (size_t i = *active + 1; overflowing_ && i < levels_.size(); ++i) {
    if (router_.Usable(i) && !IsLimited(i) && HasRoom(i)) {
      return i;
    }
  }
  return std::nullopt;
}

bool SendingQueue::IsLimited(size_t level) const {
  return std::ranges::any_of(levels_[level].paths, [this](const auto& path) {
    return path->sender().throttle().limited(home_.Now());
  });
}

// A level that asks for less than it gets may have its time, but not for ever: what has waited for
// too long goes to the next one, until the rest is young again.
void SendingQueue::JudgeOverflow() {
  const auto active = router_.active();
  const Duration after = options_.router.overflow_after;
  const bool limited =
      after > Duration::zero() && levels_.size() > 1 && active && IsLimited(*active);
  if (!limited && !overflowing_) {
    return;
  }
  const auto oldest = journal_->stats().oldest;
  const Duration age = oldest ? home_.WallNow() - *oldest : Duration::zero();
  const bool wanted = limited && age > (overflowing_ ? after / 2 : after);
  if (wanted == overflowing_) {
    return;
  }
  overflowing_ = wanted;
  if (wanted) {
    log_.Warn("failover: a level takes less than there is, the next one helps",
              {{"level", *active},
               {"destination", options_.levels[*active].name},
               {"cause", router_.last_error(*active)},
               {"oldest_waiting", age}});
  } else {
    log_.Info("failover: the next level is not needed any more", {{"oldest_waiting", age}});
  }
}

void SendingQueue::ArmFlush() {
  if (const auto at = backlog_.flush_at()) {
    flush_ =
        home_.RunAfter(std::max(*at - home_.WallNow(), Duration::zero()), [this] { Dispatch(); });
  }
}

bool SendingQueue::HasRoom(size_t level, Lanes lanes) const {
  const LevelRuntime& runtime = levels_[level];
  return runtime.loading < kLoadingMax &&
         std::ranges::all_of(
             runtime.paths, [lanes](const auto& path) { return path->sender().HasRoom(lanes); });
}

bool SendingQueue::MayGo(const Unit& unit, size_t level) const {
  return (unit.aside || unit.parked ||
          lane_order_.IsFirst({.unit = unit.id, .lanes = unit.lanes})) &&
         HasRoom(level, unit.lanes);
}

// What is younger may overtake it, but not be under way beside it.
void SendingQueue::Park(Unit& unit) {
  if (!std::exchange(unit.parked, true)) {
    asides_ -= std::exchange(unit.aside, false) ? 1 : 0;
    lane_order_.Remove({.unit = unit.id, .lanes = unit.lanes});
  }
}

// What is younger may overtake it from now on.
void SendingQueue::LeaveOrder(Unit& unit) {
  asides_ -= std::exchange(unit.aside, false) ? 1 : 0;
  lane_order_.Remove({.unit = unit.id, .lanes = unit.lanes});
  unit.lanes = 0;
  for (size_t i = 0; unit.level && i < unit.paths.size(); ++i) {
    levels_[*unit.level].paths[i]->FreeLanes(unit.paths[i].delivery);
  }
}

std::optional<int> SendingQueue::Reluctance(const Unit& unit, size_t level) const {
  const UnitTrack& track = unit.tracks[level];
  if (!router_.Usable(level) || track.rejected) {
    return std::nullopt;
  }
  return track.gave_up ? 2 : track.failing ? 1 : 0;
}

// The best usable level that has not rejected the unit; one where it fails only if there is no
// other. None while an attempt that was released still runs there: no backend gets a batch twice on
// purpose.
std::optional<size_t> SendingQueue::ChooseLevel(const Unit& unit) const {
  std::optional<size_t> best = router_.active();
  if (best && !Reluctance(unit, *best)) {
    best.reset();
  }
  for (size_t i = 0; i < levels_.size(); ++i) {
    const auto here = Reluctance(unit, i);
    if (here && (!best || *here < *Reluctance(unit, *best))) {
      best = i;
    }
  }
  return best && unit.tracks[*best].late > 0 ? std::nullopt : best;
}

std::optional<size_t> SendingQueue::LevelNamed(std::string_view name) const {
  const auto it = std::ranges::find(options_.levels, name, &QueueLevel::name);
  return it == options_.levels.end()
             ? std::nullopt
             : std::optional(static_cast<size_t>(it - options_.levels.begin()));
}

// Called so by a level whose word counts: one that has taken nothing yet may refuse whatever it
// gets.
bool SendingQueue::IsInvalid(const Unit& unit) {
  return std::ranges::any_of(
      unit.tracks, [](const UnitTrack& track) { return track.rejected && track.certain; });
}

// A level that is down, and has not rejected the unit, keeps it pending for its return.
bool SendingQueue::MayWait(const Unit& unit) const {
  for (size_t i = 0; i < levels_.size(); ++i) {
    if (!unit.tracks[i].rejected && router_.override_word(i) != Override::kDrained) {
      return true;
    }
  }
  return !IsInvalid(unit);
}

Unit& SendingQueue::NewUnit(UnitParts parts) {
  Unit& unit = MakeUnit(std::move(parts));
  lane_order_.Add({.unit = unit.id, .lanes = unit.lanes});
  return unit;
}

Unit& SendingQueue::MakeUnit(UnitParts parts) {
  const uint64_t id = next_unit_++;
  Unit& unit = units_[id];
  unit.id = id;
  unit.parts = std::move(parts);
  for (const UnitPart& part : unit.parts) {
    unit.items += part.count;
    unit.lanes |= part.lanes;
    if (!part.whole) {
      Open(part.position);
    }
  }
  unit.tracks.resize(levels_.size());
  return unit;
}

void SendingQueue::Assign(Unit& unit, size_t level) {
  unit.level = level;
  unit.not_before.reset();
  if (unit.loaded) {
    SendUnit(unit);
    return;
  }
  if (!unit.loading) {
    Load(unit);
  }
}

void SendingQueue::Load(Unit& unit) {
  ++levels_[*unit.level].loading;
  unit.loading = true;
  const auto finish = [this, id = unit.id, level = *unit.level, config = config_epoch_,
                       alive = alive_](ReadBatches batches) {
    if (!*alive) {
      return;
    }
    if (config == config_epoch_) {
      --levels_[level].loading;
    }
    const auto it = units_.find(id);
    if (it == units_.end()) {
      Dispatch();  // it ended meanwhile, and its place is free
      return;
    }
    it->second.loading = false;
    OnLoaded(it->second, std::move(batches));
  };
  ReadParts(*journal_, unit.parts, finish);
}

void SendingQueue::OnLoaded(Unit& unit, ReadBatches batches) {
  Assembled made = Assemble(unit.parts, std::move(batches));
  for (const UnitPart& part : made.unread) {
    Forget(part);  // damaged: the journal has settled and counted it
  }
  for (const auto& [part, status] : made.damaged) {
    journal::Settlement share;
    share.dropped[static_cast<size_t>(journal::DropReason::kDamaged)] = part.count;
    BookPart(part, share, status);
  }
  if (made.parts.empty()) {
    Erase(unit.id);
    return;
  }
  unit.parts = std::move(made.parts);
  unit.batch = std::move(made.batch);
  unit.items = unit.batch.items;
  unit.loaded = true;
  if (unit.level) {
    SendUnit(unit);
  }
}

void SendingQueue::SendUnit(Unit& unit) {
  if (options_.withdraw && unit.batch.context && unit.batch.context->cancelled) {
    unit.last_error = Cancelled("the client left");
    Drop(unit, journal::DropReason::kWithdrawn);
    return;
  }
  LevelRuntime& level = levels_[*unit.level];
  if ((BusyLanesOf(level.paths) & unit.lanes) != 0) {
    Return(unit, /*front=*/true);  // taken while it was read
    return;
  }
  unit.paths.assign(level.paths.size(), {});
  const uint64_t id = unit.id;
  for (size_t i = 0; i < level.paths.size(); ++i) {
    SendOnPath(unit, i);
    // A path whose processors refuse the batch, or leave nothing of it, ends at once.
    if (!units_.contains(id) || !unit.level) {
      return;
    }
  }
}

void SendingQueue::SendOnPath(Unit& unit, size_t index) {
  PathClient& path = *levels_[*unit.level].paths[index];
  otlp::Batch batch = unit.batch;
  for (const auto& processor : path.processors()) {
    auto processed = processor->Process(std::move(batch));
    if (!processed.ok()) {
      ReleasePaths(unit);
      OnRejected(unit,
                 {.outcome = OutcomeClass::kRejected, .status = processed.status(), .warning = {}});
      return;
    }
    if (!*processed) {
      OnPathDelivered(unit, index, {.warning = {}});
      return;
    }
    batch = std::move(**processed);
  }
  unit.paths[index].sent_items = batch.items;
  SendRequest request{.batch = std::move(batch),
                      .once = unit.trial,
                      .alone = unit.tracks[*unit.level].suspected,
                      .deadline = std::nullopt,
                      .lanes = unit.lanes};
  if (unit.lanes != 0 && levels_.size() > 1 && !unit.tracks[*unit.level].suspected) {
    request.quick_retries = options_.router.fall;
  }
  if (options_.withdraw) {
    request.share = ShareOf(unit);
    request.once = request.once || ChooseNextAfter(unit).has_value();
    request.deadline = unit.batch.context ? unit.batch.context->deadline : std::nullopt;
  }
  unit.paths[index].delivery = path.Send(std::move(request), unit.id);
}

// Queue off: the usable level that would be asked after this one.
std::optional<size_t> SendingQueue::ChooseNextAfter(const Unit& unit) const {
  for (size_t i = 0; i < levels_.size(); ++i) {
    if (i != *unit.level && router_.Usable(i) && !unit.tracks[i].rejected &&
        !unit.tracks[i].gave_up) {
      return i;
    }
  }
  return std::nullopt;
}

// A level gets at most the remaining deadline divided by the levels that are left.
Duration SendingQueue::ShareOf(const Unit& unit) const {
  if (!unit.batch.context || !unit.batch.context->deadline) {
    return Duration::zero();
  }
  int64_t left = 0;
  for (size_t i = 0; i < levels_.size(); ++i) {
    left += router_.Usable(i) && !unit.tracks[i].rejected && !unit.tracks[i].gave_up ? 1 : 0;
  }
  const Duration remaining = *unit.batch.context->deadline - home_.Now();
  return std::max<Duration>(remaining / std::max<int64_t>(left, 1), Duration(1));
}

// Hand-over: everything that the level has not settled waits for the best usable one.
void SendingQueue::TakeBack(size_t level) {
  uint64_t items = 0;
  for (auto& [id, unit] : units_) {
    // What failed here was the level's fault, as it turns out.
    unit.tracks[level].failures = 0;
    if (unit.level != level) {
      continue;
    }
    ReleasePaths(unit);
    unit.trial = false;
    unit.level.reset();
    items += unit.items;
    returned_.push_back(id);
  }
  std::ranges::sort(returned_);
  if (!router_.down_by_refusal(level)) {
    BringBack(level);
  }
  if (level < backfills_.size()) {
    backfills_[level]->TakeBack();
  }
  if (items > 0) {
    handed_over_items_ += items;
    stats_->HandedOver(router_.active(), items);
  }
}

void SendingQueue::Return(Unit& unit, bool front) {
  AbandonTrial(unit);
  unit.level.reset();
  if (front) {
    returned_.push_front(unit.id);
  } else {
    returned_.push_back(unit.id);
  }
  Dispatch();
}

void SendingQueue::ReleasePaths(Unit& unit) {
  if (!unit.level) {
    return;
  }
  for (size_t i = 0; i < unit.paths.size(); ++i) {
    const Unit::Path& path = unit.paths[i];
    if (path.delivery == 0) {
      continue;
    }
    if (path.done) {
      ++unit.copies;  // another path of the level has it already
    } else if (levels_[*unit.level].paths[i]->Release(path.delivery)) {
      ++unit.copies;
      ++unit.tracks[*unit.level].late;
    }
  }
  unit.paths.clear();
}

}  // namespace gapless::delivery
