// What differs from the Collector, key by key; everything without a fact is the same.
#pragma once

#include "cli/migrate.h"

#include <span>
#include <string_view>

namespace gapless::cli {

struct Fact {
  // Section and type: "exporters::otlp_grpc", "service". "exporters::*": every type of the section.
  std::string_view where;
  // As in config::DocRow ("sending_queue::storage", "readers[]::periodic"); empty: the component.
  std::string_view key;
  Verdict verdict;
  std::string_view sentence;
};

std::span<const Fact> Facts();

// The fact of a key, that of the very type first; null: none.
const Fact* FindFact(std::string_view section, std::string_view type, std::string_view key);

}  // namespace gapless::cli
