#include "sending/throttle.h"

#include <algorithm>
#include <cmath>

namespace gapless::sending {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// A peer that asks for more is not obeyed: the router decides what becomes of the level.
constexpr Duration kDelayMax = minutes(5);
// A success within this time says that the peer takes data, only less.
constexpr Duration kLately = seconds(15);
constexpr Duration kForgottenAfter = minutes(1);
constexpr Duration kCountingTime = seconds(5);
// No unit makes the next one wait longer for its size.
constexpr Duration kWaitMax = seconds(5);
// A shorter stretch says little about the rate.
constexpr double kCountingMin = 0.25;
// A peer that has taken nothing yet is asked once more so soon: then the size may be the reason.
constexpr Duration kFirstPauseMax = milliseconds(250);
constexpr Duration kPauseMin = milliseconds(20);
// Of the rate, by the first refusal after a success and by each further one.
constexpr double kDecrease = 0.85;
constexpr double kDecreaseAgain = 0.95;
// The first wait, as a part of the time that the unit takes at the rate: most of what the peer
// wants may have passed already.
constexpr double kFirstWait = 0.125;
// Growth per second; it doubles with every kGrowthTime without a refusal.
constexpr double kGrowth = 0.05;
constexpr double kGrowthMax = 1;
constexpr Duration kGrowthTime = seconds(2);
// A unit is no more than this much of the rate, so that a change is soon noticed; but no smaller
// than a request of a client as a rule is.
constexpr double kUnitSeconds = 0.5;
constexpr uint64_t kUnitItemsMin = 64;
constexpr double kRateMin = 1;
constexpr double kRateMax = 1e12;  // no limit in practice
// A cap that only led to refusals is not tried to be raised again so soon.
constexpr Duration kCapRest = seconds(30);
constexpr uint64_t kCapMatters = 65536;
// A size that was taken before and is refused so often in a row is not taken any more.
constexpr uint32_t kRefusalsOfSize = 4;

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }
Duration FromSeconds(double count) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(count));
}

}  // namespace

bool Throttle::HasTakenLately(TimePoint now) const {
  return taken_at_ && now - *taken_at_ <= kLately;
}

bool Throttle::limited(TimePoint now) const {
  return refused_at_ && now - *refused_at_ <= kForgottenAfter;
}

std::optional<TimePoint> Throttle::paused_until(TimePoint now) const {
  return paused_until_ > now ? std::optional(paused_until_) : std::nullopt;
}

double Throttle::MeasuredRate(TimePoint now) const {
  const Duration time = now - counting_since_ + (counted_before_ > 0 ? kCountingTime : Duration());
  return static_cast<double>(counted_ + counted_before_) / std::max(Seconds(time), kCountingMin);
}

// Zero: its size is not what it is refused for.
uint64_t Throttle::CutTo(uint64_t items) const {
  if (taken_most_ > 0 && items > taken_most_) {
    return taken_most_;
  }
  const uint32_t limit = taken_most_ > 0 ? kRefusalsOfSize : 2;
  return refusals_ >= limit && items > 1 ? items / 2 : 0;
}

Throttle::Verdict Throttle::OnRefused(const Refusal& refusal, TimePoint now) {
  const bool stale = refused_at_ && refusal.sent < *refused_at_;
  if (stale) {
    // It was under way when another one was refused: nothing new is learned.
    return {.pause = std::max(paused_until_ - now, Duration::zero())};
  }
  if (!limited(now)) {
    rate_ = 0;
  }
  refused_at_ = now;
  ++refusals_;
  slots_ = 1;
  next_ = now;  // what was refused has cost the peer nothing
  Verdict verdict{.cut_to = CutTo(refusal.items)};
  if (verdict.cut_to > 0) {
    // What is beyond the size that others have shows nothing new when it is tried again at once.
    grow_after_ = HasTakenLately(now) ? now + kCapRest : now;
    item_cap_ = verdict.cut_to;
    taken_most_ = std::min(taken_most_, verdict.cut_to);
  }
  const bool too_large = verdict.cut_to > 0 && !refusal.delay;
  verdict.pause = too_large ? kPauseMin : PauseFor(refusal, now);
  paused_until_ = std::max(paused_until_, now + verdict.pause);
  return verdict;
}

Duration Throttle::PauseFor(const Refusal& refusal, TimePoint now) {
  if (refusal.delay) {
    return std::min(std::max(*refusal.delay, kPauseMin), kDelayMax);
  }
  if (!HasTakenLately(now)) {
    const bool may_be_size = refusals_ == 1 && refusal.items > 1;
    return may_be_size ? std::min(refusal.back_off, kFirstPauseMax) : refusal.back_off;
  }
  if (rate_ == 0) {
    rate_ = MeasuredRate(now);
    guessed_ = true;
  } else if (refusals_ == 1) {
    guessed_ = false;
  }
  rate_ = std::max(rate_ * (refusals_ == 1 ? kDecrease : kDecreaseAgain), kRateMin);
  const double wait = kFirstWait * static_cast<double>(refusal.items) / rate_ *
                      std::exp2(std::min<uint32_t>(refusals_ - 1, 10));
  return std::clamp(FromSeconds(wait), kPauseMin, std::max(refusal.back_off, kPauseMin));
}

void Throttle::Count(uint64_t items, TimePoint now) {
  const Duration since = now - counting_since_;
  if (since >= kCountingTime) {
    counted_before_ = since < 2 * kCountingTime ? counted_ : 0;
    counted_ = 0;
    counting_since_ = now;
  }
  counted_ += items;
}

uint64_t Throttle::item_cap() const {
  if (rate_ == 0) {
    return item_cap_;
  }
  const uint64_t unit = std::max(static_cast<uint64_t>(rate_ * kUnitSeconds), kUnitItemsMin);
  return item_cap_ == 0 ? unit : std::min(item_cap_, unit);
}

void Throttle::OnTaken(uint64_t items, TimePoint now) {
  Count(items, now);
  const double passed = taken_at_ ? std::min(Seconds(now - *taken_at_), 1.0) : 0;
  taken_at_ = now;
  refusals_ = 0;
  slots_ = std::min(slots_ + 1, slots_max_);
  taken_most_ = std::max(taken_most_, items);
  GrowCap(items, now);
  if (rate_ == 0) {
    return;
  }
  if (!limited(now)) {
    rate_ = 0;
    return;
  }
  const double quiet = Seconds(now - *refused_at_) / Seconds(kGrowthTime);
  const double growth = guessed_ ? kGrowthMax : std::min(kGrowth * std::exp2(quiet), kGrowthMax);
  rate_ = std::min(rate_ * (1 + growth * passed), kRateMax);
}

void Throttle::GrowCap(uint64_t items, TimePoint now) {
  if (item_cap_ == 0 || items < item_cap_ || now < grow_after_) {
    return;
  }
  item_cap_ += item_cap_ / 2 + 1;
  if (item_cap_ > kCapMatters) {
    item_cap_ = 0;
  }
}

void Throttle::Forget() {
  refusals_ = 0;
  refused_at_.reset();
  paused_until_ = {};
  next_ = {};
  rate_ = 0;
  item_cap_ = 0;
}

void Throttle::OnSent(uint64_t items, TimePoint now) {
  if (rate_ > 0) {
    const Duration wait = FromSeconds(static_cast<double>(items) / rate_);
    next_ = std::max(next_, now) + std::min(wait, kWaitMax);
  }
}

std::optional<TimePoint> Throttle::Next(size_t in_flight, TimePoint now) const {
  if (in_flight >= slots_) {
    return std::nullopt;
  }
  return std::max(paused_until_, rate_ > 0 && limited(now) ? next_ : TimePoint());
}

}  // namespace gapless::sending
