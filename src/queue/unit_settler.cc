#include "queue/unit_settler.h"

#include <algorithm>
#include <utility>

namespace gapless::queue {
namespace {

// Units that only wait for the return of a level, because every usable one rejected them, take at
// most this part of the queue.
constexpr double kParkedShare = 0.1;

}  // namespace

UnitSettler::UnitSettler(const QueueContext& queue, SettlementTracker& tracker,
                         Backfills& backfills, const Admission& admission, Owner& owner)
    : queue_(queue),
      tracker_(tracker),
      backfills_(backfills),
      admission_(admission),
      owner_(owner),
      dead_letter_(queue.home, [this](uint64_t unit, journal::DropReason reason, bool stored) {
        OnBuried(unit, reason, stored);
      }) {
  Reconfigure();
}

double UnitSettler::ParkedMax() const {
  return std::max(1.0, admission_.capacity() * kParkedShare);
}

// Refused items (partial success) are taken from the front, as nobody tells which they were.
void UnitSettler::Delivered(Unit& unit, uint64_t filtered, uint64_t refused,
                            std::optional<size_t> by) {
  const std::vector<journal::ReaderId> owed = backfills_.OwedFor(unit, by);
  const std::optional<journal::ReaderId> reader = backfills_.ReaderOf(by);
  for (const UnitPart& part : unit.parts) {
    journal::Settlement share;
    share.filtered = static_cast<uint32_t>(std::min<uint64_t>(part.count, filtered));
    filtered -= share.filtered;
    const auto lost =
        static_cast<uint32_t>(std::min<uint64_t>(part.count - share.filtered, refused));
    refused -= lost;
    share.dropped[static_cast<size_t>(journal::DropReason::kPartialSuccess)] = lost;
    share.delivered = part.count - share.filtered - lost;
    tracker_.Book(part, {.share = share, .verdict = OkStatus(), .owed = owed, .by = reader});
  }
  owner_.OnUnitEnded(unit);
}

// With a dead letter queue its records stay pending until that has them.
void UnitSettler::Drop(Unit& unit, journal::DropReason reason) {
  const bool invalid =
      reason == journal::DropReason::kRejected || reason == journal::DropReason::kPoison;
  if (!invalid || !dead_letter_.on()) {
    DropNow(unit, reason, {});
    return;
  }
  owner_.Withdraw(unit);
  if (unit.content != Unit::Content::kRead) {
    unit.buried_as = reason;
    owner_.ReadToBury(unit);
    return;
  }
  dead_letter_.Give(unit.id, reason,
                    WithReason(unit.batch, ToString(reason), unit.last_error, queue_.options.name),
                    SizeOf(unit), ParkedMax());
}

void UnitSettler::OnBuried(uint64_t unit_id, journal::DropReason reason, bool stored) {
  Unit* unit = owner_.FindUnit(unit_id);
  if (unit == nullptr || (!stored && owner_.StaysPending())) {
    return;
  }
  DropNow(*unit, reason, stored ? std::string_view(dead_letter_.name()) : "");
}

void UnitSettler::DropNow(Unit& unit, journal::DropReason reason, std::string_view dead_letter) {
  queue_.stats.Dropped(reason, unit.items, unit.last_error);
  failures_log_.Log(queue_.log, telemetry::LogLevel::kError, queue_.home.Now(),
                    "Exporting failed. Dropping data.",
                    {{"error", unit.last_error.message()},
                     {"reason", ToString(reason)},
                     {"dropped_items", unit.items},
                     {"dead_letter", dead_letter.empty() ? "none" : dead_letter}});
  const Status verdict = unit.last_error.ok() ? Unavailable("dropped") : unit.last_error;
  CountDuplicates(UnheardCopies(unit));
  for (const UnitPart& part : unit.parts) {
    journal::Settlement share;
    share.dropped[static_cast<size_t>(reason)] = part.count;
    tracker_.Book(part, {.share = share, .verdict = verdict});
  }
  owner_.OnUnitEnded(unit);
}

void UnitSettler::CountDuplicates(uint64_t items) {
  if (items > 0) {
    possible_duplicates_ += items;
    queue_.stats.PossibleDuplicates(items);
  }
}

}  // namespace gapless::queue
