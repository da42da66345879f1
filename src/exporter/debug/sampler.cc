#include "exporter/debug/sampler.h"

#include <functional>

namespace gapless::exporter::debug {

bool Sampler::Admit(std::string_view text, TimePoint now) {
  Slot& slot = slots_[std::hash<std::string_view>()(text) % slots_.size()];
  if (now >= slot.end) {
    slot = {.end = now + std::chrono::seconds(1)};
  }
  const uint64_t n = ++slot.count;
  return n <= initial_ || (thereafter_ != 0 && (n - initial_) % thereafter_ == 0);
}

}  // namespace gapless::exporter::debug
