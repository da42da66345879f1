// AnswerTimes: how slow a peer was seen to be lately. Pure: the time is injected. One thread.
#pragma once

#include "base/loop.h"

#include <array>
#include <chrono>
#include <cstdint>

namespace gapless::net {

class AnswerTimes {
 public:
  // What is older than so many spans is forgotten.
  static constexpr size_t kSpans = 12;

  explicit AnswerTimes(Duration span = std::chrono::seconds(5)) : span_(span) {}

  // An answer took so long. `doubted`: the peer had been found absent while it was awaited. One
  // such answer may be the end of a standstill, which says nothing about the next; only the second
  // one, in another span, makes a slow peer of it.
  void Add(Duration took, TimePoint now, bool doubted);

  // Zero: nothing is known.
  Duration Slowest(TimePoint now) const;

 private:
  struct Span {
    int64_t number = -1;
    Duration slowest{};
    Duration slowest_doubted{};
  };
  int64_t NumberOf(TimePoint now) const { return now.time_since_epoch() / span_; }

  Duration span_;
  std::array<Span, kSpans> spans_ = {};
};

}  // namespace gapless::net
