#include "net/dial/dial_policy.h"

#include <algorithm>

namespace gapless::net {

void DialPolicy::BeginBurst(Duration spacing, TimePoint now) {
  DropAll();
  phase_ = Phase::kBurst;
  spacing_ = spacing;
  burst_started_ = 0;
  burst_failed_ = 0;
  exhausted_ = false;
  next_start_ = now;
}

void DialPolicy::BeginPacedBurst(Duration spacing, TimePoint now) {
  BeginBurst(spacing, now);
  next_start_ = std::max(now, last_burst_ + options_.burst_gap);
}

void DialPolicy::DropAll() {
  for (const Dial& dial : dials_) {
    dropped_.push_back(dial.id);
  }
  dials_.clear();
}

void DialPolicy::Want(TimePoint now) {
  wanted_until_ = now + options_.wanted_for;
  if (phase_ == Phase::kIdle) {
    BeginBurst(options_.first_spacing, now);
  }
}

void DialPolicy::WantNow(TimePoint now) {
  Want(now);
  const bool running = std::ranges::any_of(dials_, [](const Dial& dial) { return !dial.reported; });
  if (phase_ == Phase::kPaused && !running) {
    next_start_ = now;
  }
}

void DialPolicy::OnConnectionFailed(TimePoint now) {
  if (phase_ != Phase::kBurst) {
    BeginPacedBurst(options_.redial_spacing, now);
  }
}

void DialPolicy::OnGoodbye(TimePoint now) { BeginPacedBurst(options_.first_spacing, now); }

void DialPolicy::OnIdle(TimePoint now) {
  DropAll();
  phase_ = Phase::kIdle;
  if (wanted_until_ > now) {
    wanted_until_ = now;
  }
}

void DialPolicy::OnRecovered(TimePoint) {
  DropAll();
  phase_ = Phase::kConnected;
}

void DialPolicy::OnStep(uint64_t dial, TimePoint when, bool connected) {
  const auto it = std::ranges::find(dials_, dial, &Dial::id);
  if (it == dials_.end()) {
    return;
  }
  it->connected = connected;
  if (when > it->last_step) {
    it->slowest_step = std::max(it->slowest_step, when - it->last_step);
    it->last_step = when;
  }
}

void DialPolicy::OnHeldBack(uint64_t dial, TimePoint now) {
  const auto it = std::ranges::find(dials_, dial, &Dial::id);
  if (it != dials_.end()) {
    it->started = now;
    it->last_step = now;
    it->passed_by = false;
  }
}

TimePoint DialPolicy::AnswerBy(const Dial& dial, TimePoint now) const {
  if (dial.passed_by) {
    return dial.started;
  }
  const Duration allowed =
      std::max({options_.answer_within, dial.connected ? patience_.answer : patience_.connect,
                3 * dial.slowest_step, 2 * steps_.Slowest(now)});
  const TimePoint end = dial.started + std::max(patience_.at_most, options_.answer_within);
  return std::max(std::min(dial.last_step + allowed, end), patience_.spoke + allowed);
}

bool DialPolicy::OnAnswered(uint64_t dial, TimePoint now) {
  bool in_time = false;
  if (const auto it = std::ranges::find(dials_, dial, &Dial::id); it != dials_.end()) {
    in_time = !it->reported;
    steps_.Add(it->slowest_step, now, !in_time);
    dials_.erase(it);
  }
  DropAll();
  phase_ = Phase::kConnected;
  exhausted_ = false;
  return in_time;
}

bool DialPolicy::OnDialFailed(uint64_t dial, TimePoint now) {
  auto it = std::ranges::find(dials_, dial, &Dial::id);
  if (it == dials_.end()) {
    return false;
  }
  const bool news = !it->reported;
  dials_.erase(it);
  if (news) {
    CountFailure(now);
    PassBy(dial);
  }
  return news;
}

// The kernel sends a lost SYN again after a second; two later dials that the peer refused say now
// what the silent one would hear then.
void DialPolicy::PassBy(uint64_t failed) {
  if (phase_ != Phase::kBurst || burst_failed_ < kBurst - 1) {
    return;
  }
  for (Dial& dial : dials_) {
    dial.passed_by = dial.passed_by || dial.id < failed;
  }
}

void DialPolicy::CountFailure(TimePoint now) {
  if (phase_ == Phase::kPaused) {
    exhausted_ = true;
    return;
  }
  if (phase_ != Phase::kBurst) {
    return;
  }
  if (++burst_failed_ >= kBurst) {
    phase_ = Phase::kPaused;
    exhausted_ = true;
    next_start_ = last_start_ + options_.rhythm;
    return;
  }
  const TimePoint soon = std::max(now, last_start_ + options_.redial_spacing);
  next_start_ = std::min(next_start_, soon);
}

void DialPolicy::StartDial(TimePoint now) {
  if (dials_.size() >= kMaxDials) {
    dropped_.push_back(dials_.front().id);
    dials_.erase(dials_.begin());
  }
  dials_.push_back({.id = next_id_++, .started = now, .last_step = now});
  last_start_ = now;
}

DialPolicy::Actions DialPolicy::Poll(TimePoint now) {
  Actions actions;
  for (Dial& dial : dials_) {
    if (const TimePoint by = AnswerBy(dial, now); !dial.reported && now >= by) {
      dial.reported = true;
      actions.overdue.push_back({.id = dial.id, .waited = by - dial.started});
      CountFailure(now);
    }
  }
  std::erase_if(dials_, [&](const Dial& dial) {
    const bool old = dial.reported && now - dial.started >= options_.give_up_after;
    if (old) {
      dropped_.push_back(dial.id);
    }
    return old;
  });
  const size_t first_new = next_id_;
  if (phase_ == Phase::kBurst && burst_started_ < kBurst && now >= next_start_) {
    if (burst_started_ == 0) {
      last_burst_ = now;
    }
    StartDial(now);
    ++burst_started_;
    next_start_ = now + spacing_;
  } else if (phase_ == Phase::kPaused && wanted(now) && now >= next_start_) {
    StartDial(now);
    next_start_ = now + options_.rhythm;
  }
  for (uint64_t id = first_new; id < next_id_; ++id) {
    actions.start.push_back(id);
  }
  actions.abandon = std::exchange(dropped_, {});
  actions.exhausted = std::exchange(exhausted_, false);
  return actions;
}

std::optional<TimePoint> DialPolicy::NextPoll(TimePoint now) const {
  std::optional<TimePoint> next;
  auto consider = [&next](TimePoint when) { next = next ? std::min(*next, when) : when; };
  if (exhausted_ || !dropped_.empty()) {
    return now;
  }
  for (const Dial& dial : dials_) {
    consider(dial.reported ? dial.started + options_.give_up_after : AnswerBy(dial, now));
  }
  if ((phase_ == Phase::kBurst && burst_started_ < kBurst) ||
      (phase_ == Phase::kPaused && wanted(now))) {
    consider(next_start_);
  }
  return next;
}

}  // namespace gapless::net
