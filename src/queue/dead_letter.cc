#include "queue/dead_letter.h"

#include "otlp/any_value.h"
#include "otlp/attributes_edit.h"

#include <utility>

namespace gapless::queue {
namespace {

// Where the other queue names no delay.
constexpr Duration kRetryDelay = std::chrono::seconds(1);

class Reasons final : public otlp::AttributesVisitor {
 public:
  Reasons(std::string_view reason, const Status& error, std::string_view source)
      : reason_(otlp::StringValue(reason)),
        error_(otlp::StringValue(error.ToString())),
        source_(otlp::StringValue(source)) {}

  void Visit(const otlp::AttributesPlace&, otlp::AttributeList& attributes) override {
    attributes.Set(kDeadLetterReason, AsBytes(reason_));
    attributes.Set(kDeadLetterError, AsBytes(error_));
    attributes.Set(kDeadLetterSource, AsBytes(source_));
  }

 private:
  const std::string reason_;
  const std::string error_;
  const std::string source_;
};

}  // namespace

otlp::Batch WithReason(const otlp::Batch& batch, std::string_view reason, const Status& error,
                       std::string_view source) {
  otlp::Batch letter = batch;
  letter.context.reset();  // nobody waits for it any more
  auto plain = otlp::Inflate(letter);
  if (!plain.ok()) {
    return letter;
  }
  Reasons reasons(reason, error, source);
  auto edited =
      otlp::EditAttributes(plain->body, plain->signal, otlp::AttributesOf::kResources, reasons);
  if (!edited.ok() || !*edited) {
    return letter;
  }
  letter = std::move(plain).value();
  letter.body = std::move(**edited);
  letter.raw_size = letter.body.size();
  return letter;
}

void DeadLetter::SetTarget(DeadLetterTarget target) {
  target_ = std::move(target);
  finishing_ = false;
  TryWaiting();
}

void DeadLetter::Give(uint64_t unit, journal::DropReason reason, otlp::Batch batch, double size,
                      double limit) {
  limit_ = limit;
  Try({.unit = unit, .reason = reason, .batch = std::move(batch), .size = size});
}

void DeadLetter::Try(Letter letter) {
  if (!on()) {
    ended_(letter.unit, letter.reason, false);
    return;
  }
  otlp::Batch copy = letter.batch;
  target_.consumer->Consume(std::move(copy),
                            pipeline::Completion(lifetime_.Guard(
                                [this, letter = std::move(letter)](const Status& status) mutable {
                                  OnAnswer(std::move(letter), status);
                                })));
}

void DeadLetter::OnAnswer(Letter letter, const Status& status) {
  if (status.ok() || finishing_) {
    ended_(letter.unit, letter.reason, status.ok());
    return;
  }
  waiting_size_ += letter.size;
  waiting_.push_back(std::move(letter));
  while (waiting_size_ > limit_ && waiting_.size() > 1) {
    const Letter oldest = std::move(waiting_.front());
    waiting_.pop_front();
    waiting_size_ -= oldest.size;
    ended_(oldest.unit, oldest.reason, false);
  }
  if (!retry_.armed()) {
    retry_ = loop_.RunAfter(status.retry_after().value_or(kRetryDelay), [this] { TryWaiting(); });
  }
}

void DeadLetter::TryWaiting() {
  retry_.Cancel();
  waiting_size_ = 0;
  for (Letter& letter : std::exchange(waiting_, {})) {
    Try(std::move(letter));
  }
}

void DeadLetter::Finish() {
  finishing_ = true;
  TryWaiting();
}

}  // namespace gapless::queue
