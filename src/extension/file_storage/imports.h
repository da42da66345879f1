// Queues that a Collector left in the directory of a storage: moved into the journal of their owner
// before it is opened.
#pragma once

#include "io/file_system.h"
#include "journal/segment_options.h"
#include "queue/factory.h"
#include "telemetry/log.h"

#include <stop_token>
#include <string>

namespace gapless::extension::file_storage {

// Says in the log what came of each file. A file that is no queue, that a Collector still uses, or
// of which a part found no room is no error: it stays. Errors: those of the journal and the disk;
// CANCELLED.
Status ImportQueues(const queue::CollectorQueues& left, const std::string& directory,
                    const journal::SegmentJournalOptions& journal, io::FileSystem& fs,
                    const telemetry::Logger& log, const std::stop_token& stop);

}  // namespace gapless::extension::file_storage
