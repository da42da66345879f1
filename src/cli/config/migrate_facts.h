// What differs from the Collector, key by key; everything without a fact is the same.
#pragma once

#include "cli/config/migrate.h"
#include "config/node.h"

#include <span>
#include <string_view>

namespace gapless::cli {

struct Fact {
  // Section and type: "exporters::otlp_grpc", "service". "exporters::*": every type of the section;
  // "*": every type.
  std::string_view where;
  // As in config::DocRow ("sending_queue::storage", "readers[]::periodic"); empty: the component.
  std::string_view key;
  Verdict verdict;
  std::string_view sentence;
  // Whether it holds for what was written; where not, the key is the same. Null: always.
  bool (*holds)(const config::Node& value) = nullptr;
};

std::span<const Fact> Facts();

// Of keys that only gapless has; the keys below them are its own, too.
inline constexpr std::string_view kOwnKey = "a key of gapless, which the Collector does not have.";

// Whether something is written that asks for an effect: not null, false, nothing or an empty list.
bool IsGiven(const config::Node& value);

// The fact of a key, that of the very type first; null: none.
const Fact* FindFact(std::string_view section, std::string_view type, std::string_view key);

}  // namespace gapless::cli
