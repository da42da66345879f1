// RegularGroups: which groups of records (metadata_groups.h) come again and again. They keep their
// place below the limit of groups while they hold no data, so that a client that thinks of ever new
// values cannot take it from those who were there before. One thread.
#pragma once

#include "base/loop.h"
#include "queue/metadata_groups.h"

#include <unordered_map>

namespace gapless::queue {

class RegularGroups {
 public:
  // A group has come. No more than `max` are remembered.
  void Note(MetadataGroups::Key key, size_t max, TimePoint now);
  // It came at two moments at least kProbation apart.
  bool Has(MetadataGroups::Key key) const;

 private:
  static constexpr auto kProbation = std::chrono::seconds(10);
  static constexpr auto kForgotten = std::chrono::minutes(10);  // where room is needed

  struct Visits {
    TimePoint first;
    TimePoint last;
    bool regular() const { return last - first >= kProbation; }
  };

  std::unordered_map<MetadataGroups::Key, Visits> visits_;
  TimePoint swept_;
};

}  // namespace gapless::queue
