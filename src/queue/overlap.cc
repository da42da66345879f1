#include "queue/overlap.h"

namespace gapless::queue {
namespace {

constexpr sending::RetainSettings kDurableDefault;
constexpr Duration kOverlap = std::chrono::seconds(15);

}  // namespace

Again OweAgain(journal::Journal& journal, journal::ReaderId to,
               const journal::RetainedQuery& query) {
  Again again;
  for (const journal::Position position : journal.Retained(query)) {
    const journal::Amount amount = journal.OweRetained(to, position);
    if (amount.requests > 0) {
      again.amount += amount;
      again.first = again.first.value_or(position);
    }
  }
  return again;
}

bool IsLossOfTransport(std::string_view reason) {
  return reason == "dial_failed" || reason == "transport";
}

journal::RetentionLimits RetentionOf(const sending::QueueSettings& settings,
                                     const journal::Journal& journal) {
  if (!settings.retain && journal.tier() == "memory") {
    return {};
  }
  const sending::RetainSettings retain = settings.retain.value_or(kDurableDefault);
  return {.time = retain.time, .bytes = retain.max_size};
}

Duration OverlapOf(const sending::QueueSettings& settings) {
  return settings.overlap.value_or(settings.backfill ? kOverlap : Duration::zero());
}

}  // namespace gapless::queue
