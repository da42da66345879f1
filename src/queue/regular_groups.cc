#include "queue/regular_groups.h"

namespace gapless::queue {

void RegularGroups::Note(MetadataGroups::Key key, size_t max, TimePoint now) {
  if (const auto known = visits_.find(key); known != visits_.end()) {
    known->second.last = now;
    return;
  }
  if (visits_.size() >= max && now - swept_ >= kProbation) {
    swept_ = now;
    std::erase_if(visits_, [now](const auto& entry) {
      const Visits& visits = entry.second;
      return now - visits.last > (visits.regular() ? Duration(kForgotten) : Duration(kProbation));
    });
  }
  if (visits_.size() < max) {
    visits_.emplace(key, Visits{.first = now, .last = now});
  }
}

bool RegularGroups::Has(MetadataGroups::Key key) const {
  const auto known = visits_.find(key);
  return known != visits_.end() && known->second.regular();
}

}  // namespace gapless::queue
