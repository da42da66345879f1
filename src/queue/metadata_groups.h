// MetadataGroups: how much waits of each group of records that may be merged: those with the same
// values of the kept metadata. Groups exist only while they hold data. One thread.
#pragma once

#include "otlp/batch.h"

#include <cstdint>
#include <memory>
#include <unordered_map>

namespace gapless::queue {

class MetadataGroups {
 public:
  // A hash of the metadata. Groups whose keys collide are counted together, never merged.
  using Key = uint64_t;
  static Key KeyOf(const std::shared_ptr<const otlp::Metadata>& metadata);

  struct Amount {
    uint64_t items = 0;
    uint64_t bytes = 0;
  };
  void Add(Key key, const Amount& amount);
  // At most what is there.
  void Remove(Key key, const Amount& amount);
  void Clear() { groups_.clear(); }
  Amount Of(Key key) const;
  bool Contains(Key key) const { return groups_.contains(key); }
  size_t size() const { return groups_.size(); }

 private:
  std::unordered_map<Key, Amount> groups_;
};

}  // namespace gapless::queue
