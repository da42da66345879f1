#include "cli/traffic/demo_tally.h"

#include <algorithm>

namespace gapless::cli {

void DemoTally::Read(std::string_view log) {
  while (true) {
    const size_t end = log.find('\n');
    if (end == std::string_view::npos) {
      break;
    }
    const auto line = ParseLine(log.substr(0, end));
    log.remove_prefix(end + 1);
    if (!line.ok()) {
      continue;
    }
    arrivals_.push_back(line->at_ns);
    std::vector<uint32_t>& counts = counts_[static_cast<size_t>(line->signal)];
    for (const SequenceRange& range : line->ranges) {
      counts.resize(std::max<size_t>(counts.size(), range.last + 1));
      for (uint64_t i = range.first; i <= range.last; ++i) {
        ++counts[i];
      }
    }
  }
  std::ranges::sort(arrivals_);
}

uint64_t DemoTally::distinct(otlp::Signal signal) const {
  return static_cast<uint64_t>(std::ranges::count_if(counts_[static_cast<size_t>(signal)],
                                                     [](uint32_t count) { return count > 0; }));
}

uint64_t DemoTally::repeated() const {
  uint64_t repeated = 0;
  for (const auto& counts : counts_) {
    for (const uint32_t count : counts) {
      repeated += count > 1 ? count - 1 : 0;
    }
  }
  return repeated;
}

std::optional<int64_t> DemoTally::FirstAfter(int64_t at_ns) const {
  const auto it = std::ranges::upper_bound(arrivals_, at_ns);
  return it == arrivals_.end() ? std::nullopt : std::optional(*it);
}

uint32_t DemoTally::CountOf(otlp::Signal signal, uint64_t number) const {
  const auto& counts = counts_[static_cast<size_t>(signal)];
  return number < counts.size() ? counts[number] : 0;
}

DemoResult Account(const DemoTally& primary, const DemoTally& secondary,
                   const std::array<std::vector<SequenceRange>, 3>& accepted) {
  DemoResult result;
  result.repeated = primary.repeated() + secondary.repeated();
  for (const otlp::Signal signal : otlp::kSignals) {
    result.on_primary += primary.distinct(signal);
    result.on_secondary += secondary.distinct(signal);
    for (const SequenceRange& range : accepted[static_cast<size_t>(signal)]) {
      result.accepted += range.last - range.first + 1;
      for (uint64_t i = range.first; i <= range.last; ++i) {
        const bool first = primary.CountOf(signal, i) > 0;
        const bool second = secondary.CountOf(signal, i) > 0;
        result.lost += !first && !second ? 1 : 0;
        result.on_both += first && second ? 1 : 0;
      }
    }
  }
  return result;
}

}  // namespace gapless::cli
