// DemoTally: what arrived where and when, counted by identity from the journey logs. Pure.
#pragma once

#include "cli/traffic/sequence.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace gapless::cli {

// What one backend got.
class DemoTally {
 public:
  // The text of a journey log; an unfinished last line is left out.
  void Read(std::string_view log);

  uint64_t distinct(otlp::Signal signal) const;
  // Items that came more than once.
  uint64_t repeated() const;
  // Arrival of the first request after `at_ns`.
  std::optional<int64_t> FirstAfter(int64_t at_ns) const;
  uint32_t CountOf(otlp::Signal signal, uint64_t number) const;

 private:
  std::array<std::vector<uint32_t>, 3> counts_;
  std::vector<int64_t> arrivals_;
};

struct DemoResult {
  uint64_t accepted = 0;
  uint64_t on_primary = 0;
  uint64_t on_secondary = 0;
  uint64_t lost = 0;
  uint64_t on_both = 0;
  uint64_t repeated = 0;
};
// `accepted`: per signal, what the client was told OK for.
DemoResult Account(const DemoTally& primary, const DemoTally& secondary,
                   const std::array<std::vector<SequenceRange>, 3>& accepted);

}  // namespace gapless::cli
