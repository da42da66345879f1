// DeadLetter: what every level rejected goes to another queue, with the reason written on it.
//
// The other queue is an ordinary exporter's: it stores, retries and counts by its own settings.
// While it is full the batch waits here and its record stays pending. Home loop.
#pragma once

#include "base/lifetime.h"
#include "base/loop.h"
#include "base/status.h"
#include "journal/journal.h"
#include "otlp/batch.h"
#include "pipeline/consumer.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace gapless::queue {

struct DeadLetterTarget {
  std::string name;                              // of the exporter
  std::shared_ptr<pipeline::Consumer> consumer;  // null: none
};

// Resource attributes that say why a batch is a dead letter.
inline constexpr std::string_view kDeadLetterReason = "gapless.dead_letter.reason";
inline constexpr std::string_view kDeadLetterError = "gapless.dead_letter.error";
inline constexpr std::string_view kDeadLetterSource = "gapless.dead_letter.source";

// The batch, uncompressed, with these attributes on every resource: the reason ("rejected",
// "poison"), the last answer, the connector. As it is where that cannot be written.
otlp::Batch WithReason(const otlp::Batch& batch, std::string_view reason, const Status& error,
                       std::string_view source);

class DeadLetter {
 public:
  // The last word on a unit; `stored`: the other queue has it. Perhaps inside Give or Finish.
  using Ended =
      std::move_only_function<void(uint64_t unit, journal::DropReason reason, bool stored)>;
  DeadLetter(Loop& loop, Ended ended) : loop_(loop), ended_(std::move(ended)) {}
  DeadLetter(const DeadLetter&) = delete;
  DeadLetter& operator=(const DeadLetter&) = delete;

  void SetTarget(DeadLetterTarget target);
  bool on() const { return target_.consumer != nullptr; }
  const std::string& name() const { return target_.name; }

  // Tries until the other queue took it. What waits has the size of at most `limit`; beyond it the
  // oldest is given up.
  void Give(uint64_t unit, journal::DropReason reason, otlp::Batch batch, double size,
            double limit);
  // The queue ends: everything gets one more try only.
  void Finish();

 private:
  struct Letter {
    uint64_t unit = 0;
    journal::DropReason reason = journal::DropReason::kRejected;
    otlp::Batch batch;
    double size = 0;
  };

  void Try(Letter letter);
  void OnAnswer(Letter letter, const Status& status);
  void TryWaiting();

  Loop& loop_;
  Ended ended_;
  DeadLetterTarget target_;
  std::deque<Letter> waiting_;
  double waiting_size_ = 0;
  double limit_ = 0;
  bool finishing_ = false;
  Timer retry_;
  Lifetime lifetime_;
};

}  // namespace gapless::queue
