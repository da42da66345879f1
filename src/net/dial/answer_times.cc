#include "net/dial/answer_times.h"

#include <algorithm>

namespace gapless::net {

void AnswerTimes::Add(Duration took, TimePoint now, bool doubted) {
  const int64_t number = NumberOf(now);
  Span& span = spans_[static_cast<size_t>(number) % kSpans];
  if (span.number != number) {
    span = {.number = number};
  }
  Duration& slowest = doubted ? span.slowest_doubted : span.slowest;
  slowest = std::max(slowest, took);
}

Duration AnswerTimes::Slowest(TimePoint now) const {
  const int64_t number = NumberOf(now);
  Duration slowest{};
  Duration first{};  // of the doubted ones
  Duration second{};
  for (const Span& span : spans_) {
    if (span.number < 0 || number - span.number >= static_cast<int64_t>(kSpans)) {
      continue;
    }
    slowest = std::max(slowest, span.slowest);
    if (span.slowest_doubted > first) {
      second = std::exchange(first, span.slowest_doubted);
    } else {
      second = std::max(second, span.slowest_doubted);
    }
  }
  return std::max(slowest, second);
}

}  // namespace gapless::net
