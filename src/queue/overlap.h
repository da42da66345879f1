// Overlap: what a level confirmed shortly before it was gone counts as not confirmed.
//
// A backend that dies takes along what it had acknowledged and not yet written. The journal still
// has these records (retention): they are owed again, and backfill delivers them. Home loop.
#pragma once

#include "base/loop.h"
#include "journal/journal.h"
#include "sending/settings.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace gapless::queue {

// Where what is retained goes.
struct Again {
  journal::Amount amount;
  // The first record; none: there is nothing.
  std::optional<journal::Position> first;
};

// The records of the query are owed to `to`; what it is owed already is not counted.
Again OweAgain(journal::Journal& journal, journal::ReaderId to,
               const journal::RetainedQuery& query);

// Whether a level that goes down for this reason may have died, and lost what it confirmed: its
// connections fail, nothing answers in time, or a proxy in front of it says UNAVAILABLE.
bool IsLossOfTransport(std::string_view reason);

// What the settings of a queue mean in its journal: defaults where nothing is written.
journal::RetentionLimits RetentionOf(const sending::QueueSettings& settings,
                                     const journal::Journal& journal);
Duration OverlapOf(const sending::QueueSettings& settings);

}  // namespace gapless::queue
