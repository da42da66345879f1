#include "queue/admission.h"

#include <algorithm>

namespace gapless::queue {
namespace {

constexpr uint64_t kUnit = 1'000'000;
constexpr size_t kCountMax = 4096;

}  // namespace

Admission::Admission(const sending::QueueSettings& settings)
    : sizer_(settings.sizer),
      merged_items_(settings.batch && settings.batch->sizer == sending::Sizer::kItems
                        ? settings.batch->min_size
                        : 0),
      capacity_(settings.queue_size) {}

uint64_t Admission::Charge(uint64_t items, uint64_t bytes) const {
  switch (sizer_) {
    case sending::Sizer::kRequests:
      return merged_items_ == 0 ? kUnit
                                : std::clamp<uint64_t>(items * kUnit / merged_items_, 1, kUnit);
    case sending::Sizer::kItems:
      return items * kUnit;
    case sending::Sizer::kBytes:
      return bytes * kUnit;
  }
  return kUnit;
}

Admission::Verdict Admission::Judge(uint64_t items, uint64_t bytes) const {
  const uint64_t charge = Charge(items, bytes);
  const uint64_t limit = capacity_ > UINT64_MAX / kUnit ? UINT64_MAX : capacity_ * kUnit;
  if (charge > limit) {
    return Verdict::kNeverFits;
  }
  return used_ > limit - charge ? Verdict::kFull : Verdict::kAdmit;
}

uint64_t Admission::ChargeAt(journal::Position position, uint64_t items, uint64_t bytes) const {
  const bool uncounted = position >= uncounted_ && position < uncounted_end_;
  return uncounted ? kUnit : Charge(items, bytes);
}

void Admission::Remove(uint64_t charge) { used_ -= std::min(used_, charge); }

void Admission::Take(const journal::Amount& pending, journal::Position head) {
  const bool parts = sizer_ == sending::Sizer::kRequests && merged_items_ > 0;
  used_ += sizer_ == sending::Sizer::kRequests ? pending.requests * kUnit
                                               : Charge(pending.items, pending.bytes);
  uncounted_end_ = parts ? head : 0;
}

bool Admission::Count(const journal::Journal& journal) {
  for (size_t i = 0; i < kCountMax && uncounted_ < uncounted_end_; ++i) {
    const auto info = journal.NextPending(uncounted_);
    if (!info || info->position >= uncounted_end_) {
      uncounted_ = uncounted_end_;
      break;
    }
    uncounted_ = info->position + 1;
    used_ -= kUnit - Charge(info->items, info->bytes);
  }
  return uncounted_ >= uncounted_end_;
}

double Admission::SizeOf(uint64_t items, uint64_t bytes) const {
  return static_cast<double>(Charge(items, bytes)) / kUnit;
}

double Admission::size() const { return static_cast<double>(used_) / kUnit; }
double Admission::capacity() const { return static_cast<double>(capacity_); }

}  // namespace gapless::queue
