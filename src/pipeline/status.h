// ServiceStatus: a reading of the whole process as operators see it: pipelines, extensions, queues
// and the levels of every failover. Health and status pages and the admin API show it; nothing
// decides by it.
//
// Made by the service on the control worker once a second, after every reload, and whenever an
// operator's word was obeyed. A value: once published it never changes, and any thread may read it.
#pragma once

#include "base/loop.h"
#include "otlp/signal.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gapless::pipeline {

// Names that show in pages and APIs are texts here ("healthy", "drained"): routing/router.h has
// the types.
struct LevelStatus {
  std::string name;    // as in priority_levels, entries joined by "+"
  std::string state;   // healthy, down, probing, trial
  std::string word;    // the operator's: auto, drained, forced
  Duration since{};    // how long it is in this state
  std::string reason;  // the last error that was seen; empty: none
  uint64_t delivered_items = 0;
  std::vector<std::string> exporters;  // one per path
};

struct QueueStatus {
  std::string owner;  // ID of the exporter or failover connector
  otlp::Signal signal = otlp::Signal::kTraces;
  bool is_failover = false;
  // Its owner left the configuration; it delivers until it is empty.
  bool leaving = false;
  std::string tier;              // what an OK promises: journal::Journal::tier
  std::optional<size_t> active;  // the level that new data goes to; none: no level is usable
  Duration active_since{};       // time since the last change of `active`
  std::vector<LevelStatus> levels;

  // Items: accepted = delivered + pending + dropped + filtered.
  struct Ledger {
    uint64_t accepted = 0;
    uint64_t delivered = 0;
    uint64_t dropped = 0;
    uint64_t filtered = 0;
  };
  Ledger ledger;
  struct Pending {
    uint64_t items = 0;
    uint64_t requests = 0;
    uint64_t bytes = 0;
    std::optional<WallTime> oldest;  // arrival of the oldest record
  };
  Pending pending;
  uint64_t possible_duplicates = 0;
  uint64_t handed_over_items = 0;
};

// Components by ID, in the order of the configuration.
struct PipelineStatus {
  std::string id;
  otlp::Signal signal = otlp::Signal::kTraces;
  std::vector<std::string> receivers;
  std::vector<std::string> processors;
  std::vector<std::string> exporters;  // connectors included
};

struct ServiceStatus {
  WallTime taken{};  // when this reading was made
  size_t workers = 0;
  uint64_t memory_used = 0;   // bytes of what clients sent, wherever it is in memory
  uint64_t memory_limit = 0;  // service::limits::memory; 0: none
  std::vector<PipelineStatus> pipelines;
  std::vector<std::string> extensions;
  std::vector<QueueStatus> queues;  // by owner and signal; those that leave come last
};

// What extensions are told of the process. Any thread; outlives them.
class StatusSource {
 public:
  virtual ~StatusSource() = default;
  virtual bool ready() const = 0;
  // When it became ready; the epoch: never yet.
  virtual WallTime up_since() const = 0;
  // The last reading, never null; a default one before the first start.
  virtual std::shared_ptr<const ServiceStatus> status() const = 0;
};

// One sentence per queue that is not on its first level ("failover/traces (traces): on level 1
// since 5s"); empty: all well. `now`: the wall clock.
std::vector<std::string> Degraded(const ServiceStatus& status, WallTime now);

}  // namespace gapless::pipeline
