// MetadataTable: the metadata that came with requests, each kept once however many records have it.
// Pure; one thread.
#pragma once

#include "otlp/batch.h"

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace gapless::journal {

class MetadataTable {
 public:
  // Zero: none.
  using Id = uint32_t;

  // One holder more of what these bytes say (segment_format.h). `metadata`: the same decoded; null:
  // decoded here if it is new, and none if that fails.
  Id Hold(const std::string& encoded, std::shared_ptr<const otlp::Metadata> metadata = nullptr);
  void LetGo(Id id);

  std::shared_ptr<const otlp::Metadata> Get(Id id) const;
  // What all of it takes.
  uint64_t bytes() const { return bytes_; }

 private:
  using Ids = std::unordered_map<std::string, Id>;
  struct Entry {
    std::shared_ptr<const otlp::Metadata> metadata;
    uint64_t holders = 0;
    Ids::const_iterator id;
  };

  Ids ids_;
  std::vector<Entry> entries_;  // by ID less one
  std::vector<Id> free_;
  uint64_t bytes_ = 0;
};

}  // namespace gapless::journal
