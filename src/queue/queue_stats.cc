#include "queue/queue_stats.h"

#include "queue/sending_queue.h"
#include "telemetry/inventory.h"

#include <limits>

#include <fmt/format.h>

namespace gapless::queue {
namespace {

using telemetry::Metric;
using telemetry::MetricDef;

constexpr auto kSent = telemetry::MetricsBySignal("otelcol_exporter_sent_");
constexpr auto kSendFailed = telemetry::MetricsBySignal("otelcol_exporter_send_failed_");
constexpr auto kEnqueueFailed = telemetry::MetricsBySignal("otelcol_exporter_enqueue_failed_");

const MetricDef& Of(const auto& defs, otlp::Signal signal) {
  return *defs[static_cast<size_t>(signal)];
}

// More combinations of metadata than this are not told apart.
constexpr size_t kCombinationsMax = 1000;

// The label error_type, as the Collector has it: Go's names of the gRPC codes.
std::string_view ErrorType(const Status& error) {
  constexpr std::string_view kNames[] = {
      "_OTHER",   "Canceled",       "_OTHER",           "InvalidArgument",   "DeadlineExceeded",
      "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
      "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
      "DataLoss", "Unauthenticated"};
  if (error.code() == Code::kDeadlineExceeded && error.origin() == Origin::kLocal) {
    return "Deadline_Exceeded";
  }
  return kNames[static_cast<size_t>(error.code())];
}

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

// Values of otelcol_connector_failover_level_state.
double StateValue(routing::LevelState state, routing::Override word) {
  switch (word) {
    case routing::Override::kDrained:
      return 4;
    case routing::Override::kForced:
      return 5;
    case routing::Override::kAuto:
      break;
  }
  switch (state) {
    case routing::LevelState::kDown:
      return 0;
    case routing::LevelState::kProbing:
      return 1;
    case routing::LevelState::kLiveProbing:
      return 2;
    case routing::LevelState::kHealthy:
      return 3;
  }
  return 0;
}

}  // namespace

QueueStats::QueueStats(telemetry::Registry& registry, Identity identity)
    : registry_(registry),
      identity_(std::move(identity)),
      published_{.ledger = identity_.published, .given_up_for_room = identity_.published_given_up} {
  const std::string signal(otlp::Names(identity_.signal).name);
  const telemetry::Labels queue = {{"exporter", identity_.name}, {"data_type", signal}};
  queue_.enqueued_items = registry_.GetHistogram(Metric("otelcol_exporter_enqueue_size"),
                                                 {{"exporter", identity_.name}});
  queue_.enqueued_bytes = registry_.GetHistogram(Metric("otelcol_exporter_enqueue_size_bytes"),
                                                 {{"exporter", identity_.name}});
  queue_.size = registry_.GetGauge(Metric("otelcol_exporter_queue_size"), queue);
  queue_.capacity = registry_.GetGauge(Metric("otelcol_exporter_queue_capacity"), queue);
  const telemetry::Labels journal = {{"journal", identity_.name}, {"signal", signal}};
  journal_.pending_items = registry_.GetGauge(Metric("gapless_journal_pending_items"), journal);
  journal_.pending_bytes = registry_.GetGauge(Metric("gapless_journal_pending_bytes"), journal);
  journal_.pending_requests =
      registry_.GetGauge(Metric("gapless_journal_pending_requests"), journal);
  journal_.retained_items = registry_.GetGauge(Metric("gapless_journal_retained_items"), journal);
  journal_.retained_bytes = registry_.GetGauge(Metric("gapless_journal_retained_bytes"), journal);
  if (!identity_.is_failover) {
    return;
  }
  const telemetry::Labels base = Base();
  failover_.active = registry_.GetGauge(Metric("otelcol_connector_failover_active_level"), base);
  failover_.since =
      registry_.GetGauge(Metric("otelcol_connector_failover_level_since_seconds"), base);
  failover_.backlog_items =
      registry_.GetGauge(Metric("otelcol_connector_failover_backlog_items"), base);
  failover_.backlog_bytes =
      registry_.GetGauge(Metric("otelcol_connector_failover_backlog_bytes"), base);
  failover_.oldest_age =
      registry_.GetGauge(Metric("otelcol_connector_failover_backlog_oldest_age_seconds"), base);
  failover_.drain_eta =
      registry_.GetGauge(Metric("otelcol_connector_failover_drain_eta_seconds"), base);
  failover_.owed_items =
      registry_.GetGauge(Metric("otelcol_connector_failover_backfill_owed_items"), base);
}

telemetry::Labels QueueStats::Base() const {
  return {{"connector", identity_.name},
          {"signal", std::string(otlp::Names(identity_.signal).name)}};
}

std::string QueueStats::NameOf(std::optional<size_t> level) const {
  return level ? levels_[*level].name : "none";
}

void QueueStats::SetLevels(const std::vector<Level>& levels) {
  levels_ = levels;
  sent_.clear();
  failover_.states.clear();
  for (size_t i = 0; i < levels_.size(); ++i) {
    std::vector<telemetry::Counter> counters;
    for (const telemetry::Labels& exporter : levels_[i].exporters) {
      counters.push_back(registry_.GetCounter(Of(kSent, identity_.signal), exporter));
    }
    sent_.push_back(std::move(counters));
    if (identity_.is_failover) {
      telemetry::Labels labels = Base();
      labels.emplace_back("level", fmt::to_string(i));
      labels.emplace_back("pipeline", levels_[i].name);
      failover_.states.push_back(
          registry_.GetGauge(Metric("otelcol_connector_failover_level_state"), labels));
    }
  }
}

void QueueStats::Sent(size_t level, size_t path, uint64_t items) { sent_[level][path].Add(items); }

void QueueStats::SendFailed(telemetry::Labels exporter, uint64_t items, std::string_view error_type,
                            bool permanent) {
  if (registry_.level() == telemetry::MetricLevel::kDetailed) {
    exporter.emplace_back("error_type", error_type);
    exporter.emplace_back("error_permanent", permanent ? "true" : "false");
  }
  registry_.GetCounter(Of(kSendFailed, identity_.signal), std::move(exporter)).Add(items);
}

void QueueStats::RejectedBy(size_t level, uint64_t items, const Status& error) {
  if (!identity_.is_failover) {
    return;  // Dropped counts it
  }
  SendFailed(levels_[level].exporters.front(), items, ErrorType(error), true);
}

void QueueStats::Enqueued(uint64_t items, uint64_t bytes) {
  queue_.enqueued_items.Observe(static_cast<double>(items));
  queue_.enqueued_bytes.Observe(static_cast<double>(bytes));
}

void QueueStats::EnqueueFailed(uint64_t items) {
  registry_.GetCounter(Of(kEnqueueFailed, identity_.signal), {{"exporter", identity_.name}})
      .Add(items);
}

void QueueStats::Dropped(journal::DropReason reason, uint64_t items, const Status& error) {
  if (!identity_.is_failover) {
    const bool shutdown = reason == journal::DropReason::kShutdown;
    SendFailed(levels_.front().exporters.front(), items, shutdown ? "Shutdown" : ErrorType(error),
               !error.ok() && !error.retryable());
    return;
  }
  telemetry::Labels labels = Base();
  labels.emplace_back("reason", ToString(reason));
  registry_.GetCounter(Metric("otelcol_connector_failover_dropped_items"), labels).Add(items);
}

void QueueStats::Switched(std::optional<size_t> from, std::optional<size_t> to,
                          std::string_view reason) {
  if (!identity_.is_failover) {
    return;
  }
  telemetry::Labels labels = Base();
  labels.emplace_back("from", NameOf(from));
  labels.emplace_back("to", NameOf(to));
  labels.emplace_back("reason", reason);
  registry_.GetCounter(Metric("otelcol_connector_failover_switches"), labels).Add();
  if (from && (!to || *to > *from)) {
    registry_.GetCounter(Metric("otelcol_connector_failover_count"), Base()).Add();
  }
  failover_.active.Set(to ? static_cast<double>(*to) : -1);
}

void QueueStats::Transition(size_t level, routing::LevelState state) {
  if (identity_.is_failover) {
    failover_.states[level].Set(StateValue(state, routing::Override::kAuto));
  }
}

void QueueStats::HandedOver(std::optional<size_t> to_level, uint64_t items) {
  if (!identity_.is_failover) {
    return;
  }
  telemetry::Labels labels = Base();
  labels.emplace_back("to_level", NameOf(to_level));
  registry_.GetCounter(Metric("otelcol_connector_failover_handed_over_items"), labels).Add(items);
}

void QueueStats::PossibleDuplicates(uint64_t items) {
  if (identity_.is_failover) {
    registry_.GetCounter(Metric("otelcol_connector_failover_possible_duplicates"), Base())
        .Add(items);
  }
}

void QueueStats::Repeated(size_t to_level, uint64_t items) {
  const telemetry::Labels labels = {{"journal", identity_.name},
                                    {"signal", std::string(otlp::Names(identity_.signal).name)},
                                    {"to_level", levels_[to_level].name}};
  registry_.GetCounter(Metric("gapless_journal_repeated_items"), labels).Add(items);
}

void QueueStats::Backfilled(size_t to_level, uint64_t items) {
  if (!identity_.is_failover) {
    return;
  }
  telemetry::Labels labels = Base();
  labels.emplace_back("to_level", levels_[to_level].name);
  registry_.GetCounter(Metric("otelcol_connector_failover_backfilled_items"), labels).Add(items);
}

void QueueStats::BackfillGivenUp(std::string_view reason, uint64_t items) {
  if (!identity_.is_failover) {
    return;
  }
  telemetry::Labels labels = Base();
  labels.emplace_back("reason", reason);
  registry_.GetCounter(Metric("otelcol_connector_failover_backfill_given_up_items"), labels)
      .Add(items);
}

void QueueStats::Probed(size_t level, sending::OutcomeClass outcome) {
  if (!identity_.is_failover) {
    return;
  }
  telemetry::Labels labels = Base();
  labels.emplace_back("level", fmt::to_string(level));
  labels.emplace_back("result", ToString(outcome));
  registry_.GetCounter(Metric("otelcol_connector_failover_probe"), labels).Add();
}

void QueueStats::Merged(const std::string& processor, const Backlog::Taken& taken) {
  if (processor != merging_.processor) {
    const telemetry::Labels labels = {{"processor", processor}};
    merging_ = {
        .processor = processor,
        .size = registry_.GetHistogram(Metric("otelcol_processor_batch_batch_send_size"), labels),
        .bytes =
            registry_.GetHistogram(Metric("otelcol_processor_batch_batch_send_size_bytes"), labels),
        .by_size =
            registry_.GetCounter(Metric("otelcol_processor_batch_batch_size_trigger_send"), labels),
        .by_timeout =
            registry_.GetCounter(Metric("otelcol_processor_batch_timeout_trigger_send"), labels),
        .cardinality =
            registry_.GetGauge(Metric("otelcol_processor_batch_metadata_cardinality"), labels),
        .combinations = {}};
  }
  merging_.size.Observe(static_cast<double>(taken.items));
  merging_.bytes.Observe(static_cast<double>(taken.bytes));
  const MetadataGroups::Key combination = MetadataGroups::KeyOf(taken.metadata);
  if (merging_.combinations.size() < kCombinationsMax &&
      merging_.combinations.insert(combination).second) {
    merging_.cardinality.Add(1);
  }
  (taken.by_size ? merging_.by_size : merging_.by_timeout).Add();
}

void QueueStats::Publish(const QueueStatus& status, const Admission& admission, WallTime now) {
  queue_.size.Set(admission.size());
  queue_.capacity.Set(admission.capacity());
  journal_.pending_items.Set(static_cast<double>(status.ledger.pending.items));
  journal_.pending_bytes.Set(static_cast<double>(status.ledger.pending.bytes));
  journal_.pending_requests.Set(static_cast<double>(status.ledger.pending.requests));
  journal_.retained_items.Set(static_cast<double>(status.journal.retained.items));
  journal_.retained_bytes.Set(static_cast<double>(status.journal.retained.bytes));
  if (identity_.is_failover) {
    PublishFailover(status, now);
  }
  PublishLedger(status.ledger);
}

void QueueStats::PublishFailover(const QueueStatus& status, WallTime now) {
  failover_.active.Set(status.active ? static_cast<double>(*status.active) : -1);
  failover_.since.Set(Seconds(status.active_since));
  for (size_t i = 0; i < status.levels.size(); ++i) {
    failover_.states[i].Set(StateValue(status.levels[i].state, status.levels[i].word));
  }
  failover_.backlog_items.Set(static_cast<double>(status.ledger.pending.items));
  failover_.backlog_bytes.Set(static_cast<double>(status.ledger.pending.bytes));
  failover_.oldest_age.Set(status.journal.oldest ? Seconds(now - *status.journal.oldest) : 0);
  const double elapsed = Seconds(now - published_.at);
  const double gained = static_cast<double>(status.ledger.pending.items) -
                        static_cast<double>(published_.ledger.pending.items);
  if (status.ledger.pending.items == 0) {
    failover_.drain_eta.Set(0);
  } else if (gained >= 0) {
    failover_.drain_eta.Set(std::numeric_limits<double>::infinity());
  } else {
    failover_.drain_eta.Set(static_cast<double>(status.ledger.pending.items) / (-gained / elapsed));
  }
  published_.at = now;
  failover_.owed_items.Set(static_cast<double>(status.journal.owed.items));
  if (const uint64_t given_up = status.journal.debts_given_up.items;
      given_up > published_.given_up_for_room) {
    BackfillGivenUp("no_room", given_up - published_.given_up_for_room);
    published_.given_up_for_room = given_up;
  }
}

void QueueStats::PublishLedger(const journal::Ledger& ledger) {
  const std::string signal(otlp::Names(identity_.signal).name);
  const telemetry::Labels labels = {{"journal", identity_.name}, {"signal", signal}};
  const auto add = [&](const MetricDef& items, const MetricDef& bytes, const MetricDef& requests,
                       const telemetry::Labels& of, journal::Amount now, journal::Amount before) {
    registry_.GetCounter(items, of).Add(now.items - before.items);
    registry_.GetCounter(bytes, of).Add(now.bytes - before.bytes);
    registry_.GetCounter(requests, of).Add(now.requests - before.requests);
  };
  add(Metric("gapless_journal_accepted_items"), Metric("gapless_journal_accepted_bytes"),
      Metric("gapless_journal_accepted_requests"), labels, ledger.accepted,
      published_.ledger.accepted);
  add(Metric("gapless_journal_delivered_items"), Metric("gapless_journal_delivered_bytes"),
      Metric("gapless_journal_delivered_requests"), labels, ledger.delivered,
      published_.ledger.delivered);
  add(Metric("gapless_journal_filtered_items"), Metric("gapless_journal_filtered_bytes"),
      Metric("gapless_journal_filtered_requests"), labels, ledger.filtered,
      published_.ledger.filtered);
  for (size_t i = 0; i < journal::kDropReasons; ++i) {
    if (ledger.dropped[i] == published_.ledger.dropped[i]) {
      continue;
    }
    telemetry::Labels reason = labels;
    reason.emplace_back("reason", ToString(static_cast<journal::DropReason>(i)));
    add(Metric("gapless_journal_dropped_items"), Metric("gapless_journal_dropped_bytes"),
        Metric("gapless_journal_dropped_requests"), reason, ledger.dropped[i],
        published_.ledger.dropped[i]);
  }
  published_.ledger = ledger;
}

}  // namespace gapless::queue
