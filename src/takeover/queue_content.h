// What a Collector's queue file says is pending.
//
// Source: exporterhelper's persistent queue (persistent_queue.go). Up to 0.129 the keys ri, wi and
// di hold the indexes, since 0.130 qmv0 does; items lie under their index as a decimal number.
#pragma once

#include "base/status.h"
#include "io/file_system.h"
#include "takeover/bbolt.h"

#include <cstdint>
#include <vector>

namespace gapless::takeover {

struct QueueItem {
  uint64_t index = 0;
  uint64_t offset = 0;  // of the value in the file
  uint64_t size = 0;    // bytes
};

struct QueueContent {
  // In the order of arrival: those that were being sent come first.
  std::vector<QueueItem> pending;
  uint64_t dispatched = 0;  // of these; they may have been delivered
  uint64_t missing = 0;     // pending, but their value is not there
  uint64_t strays = 0;      // values that are not pending
  uint64_t damaged_pages = 0;
  // The indexes are lost, so that every value counts as pending.
  bool without_indexes = false;
  uint64_t transaction = 0;  // changes with the content
};

// Errors: INVALID_ARGUMENT if this is no such file; those of the disk.
Result<QueueContent> ReadQueueContent(io::File& file);

// The bytes of the item. DATA_LOSS: the file ends before.
Result<Slice> ReadQueueItem(io::File& file, const QueueItem& item);

}  // namespace gapless::takeover
