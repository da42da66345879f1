#include "journal/metadata_table.h"

#include "journal/held_memory.h"
#include "journal/segment_format.h"

#include <utility>

namespace gapless::journal {

namespace {

// It is held as such and as a key of the table.
uint64_t BytesOf(const otlp::Metadata& metadata) { return 2 * MetadataBytes(metadata); }

}  // namespace

MetadataTable::Id MetadataTable::Hold(const std::string& encoded,
                                      std::shared_ptr<const otlp::Metadata> metadata) {
  if (encoded.empty()) {
    return 0;
  }
  const auto [it, added] = ids_.try_emplace(encoded);
  if (!added) {
    ++entries_[it->second - 1].holders;
    return it->second;
  }
  if (!metadata) {
    Result<std::shared_ptr<const otlp::Metadata>> decoded = DecodeMetadata(encoded);
    metadata = decoded.ok() ? std::move(*decoded) : nullptr;
  }
  if (!metadata) {
    ids_.erase(it);
    return 0;
  }
  if (free_.empty()) {
    entries_.emplace_back();
    free_.push_back(static_cast<Id>(entries_.size()));
  }
  it->second = free_.back();
  free_.pop_back();
  bytes_ += BytesOf(*metadata);
  entries_[it->second - 1] = {.metadata = std::move(metadata), .holders = 1, .id = it};
  return it->second;
}

void MetadataTable::LetGo(Id id) {
  if (id == 0 || --entries_[id - 1].holders > 0) {
    return;
  }
  Entry& entry = entries_[id - 1];
  bytes_ -= BytesOf(*entry.metadata);
  ids_.erase(entry.id);
  entry = {};
  free_.push_back(id);
}

std::shared_ptr<const otlp::Metadata> MetadataTable::Get(Id id) const {
  return id == 0 ? nullptr : entries_[id - 1].metadata;
}

}  // namespace gapless::journal
