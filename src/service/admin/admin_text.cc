#include "service/admin/admin_text.h"

#include "base/duration_text.h"
#include "telemetry/log.h"
#include "wire/json_writer.h"

#include <chrono>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace gapless::service {
namespace {

using pipeline::LevelStatus;
using pipeline::QueueStatus;
using wire::JsonWriter;

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

std::string Rounded(Duration duration) {
  return FormatDuration(std::chrono::round<std::chrono::seconds>(duration));
}

void Text(JsonWriter& json, std::string_view key, std::string_view value) {
  json.Key(key);
  json.String(value);
}

void Number(JsonWriter& json, std::string_view key, uint64_t value) {
  json.Key(key);
  json.Uint(value);
}

void Real(JsonWriter& json, std::string_view key, double value) {
  json.Key(key);
  json.Double(value);
}

template <typename T, typename Write>
void List(JsonWriter& json, std::string_view key, const std::vector<T>& values, Write write) {
  json.Key(key);
  json.BeginArray();
  for (const T& value : values) {
    write(value);
  }
  json.EndArray();
}

void List(JsonWriter& json, std::string_view key, const std::vector<std::string>& values) {
  List(json, key, values, [&](const std::string& value) { json.String(value); });
}

template <typename Write>
void Object(JsonWriter& json, Write write) {
  json.BeginObject();
  write();
  json.EndObject();
}

// An answer: one object on a line.
template <typename Write>
std::string Document(Write write) {
  std::string text;
  JsonWriter json(&text);
  Object(json, [&] { write(json); });
  return text + "\n";
}

void WriteLevel(JsonWriter& json, size_t index, const LevelStatus& level) {
  json.BeginObject();
  Number(json, "level", index);
  Text(json, "name", level.name);
  Text(json, "state", level.state);
  Text(json, "operator", level.word);
  Real(json, "since_seconds", Seconds(level.since));
  Text(json, "last_error", level.reason);
  Number(json, "delivered_items", level.delivered_items);
  List(json, "exporters", level.exporters);
  json.EndObject();
}

void WriteQueue(JsonWriter& json, const QueueStatus& queue, WallTime now) {
  json.BeginObject();
  Text(json, queue.is_failover ? "connector" : "exporter", queue.owner);
  Text(json, "signal", otlp::Names(queue.signal).name);
  json.Key("leaving");
  json.Bool(queue.leaving);
  Text(json, "tier", queue.tier);
  json.Key("active_level");
  json.Int(queue.active ? static_cast<int64_t>(*queue.active) : -1);
  Text(json, "active", queue.active ? queue.levels[*queue.active].name : "");
  Real(json, "active_since_seconds", Seconds(queue.active_since));
  List(json, "levels", queue.levels, [&, index = size_t{0}](const LevelStatus& level) mutable {
    WriteLevel(json, index++, level);
  });
  json.Key("backlog");
  json.BeginObject();
  Number(json, "items", queue.pending.items);
  Number(json, "requests", queue.pending.requests);
  Number(json, "bytes", queue.pending.bytes);
  Real(json, "oldest_age_seconds", queue.pending.oldest ? Seconds(now - *queue.pending.oldest) : 0);
  json.EndObject();
  Number(json, "accepted_items", queue.ledger.accepted);
  Number(json, "delivered_items", queue.ledger.delivered);
  Number(json, "dropped_items", queue.ledger.dropped);
  Number(json, "filtered_items", queue.ledger.filtered);
  Number(json, "possible_duplicates", queue.possible_duplicates);
  Number(json, "handed_over_items", queue.handed_over_items);
  json.EndObject();
}

bool Shown(const QueueStatus& queue, std::string_view connector) {
  return queue.is_failover && (connector.empty() || queue.owner == connector);
}

}  // namespace

std::string StatusJson(const pipeline::ServiceStatus& status) {
  return Document([&](JsonWriter& json) {
    Number(json, "workers", status.workers);
    Number(json, "memory_used_bytes", status.memory_used);
    Number(json, "memory_limit_bytes", status.memory_limit);
    List(json, "extensions", status.extensions);
    List(json, "pipelines", status.pipelines, [&](const pipeline::PipelineStatus& pipeline) {
      Object(json, [&] {
        Text(json, "id", pipeline.id);
        List(json, "receivers", pipeline.receivers);
        List(json, "processors", pipeline.processors);
        List(json, "exporters", pipeline.exporters);
      });
    });
    List(json, "queues", status.queues,
         [&](const QueueStatus& queue) { WriteQueue(json, queue, status.taken); });
  });
}

std::string FailoverJson(const pipeline::ServiceStatus& status, std::string_view connector) {
  return Document([&](JsonWriter& json) {
    List(json, "connectors", status.queues, [&](const QueueStatus& queue) {
      if (Shown(queue, connector)) {
        WriteQueue(json, queue, status.taken);
      }
    });
  });
}

std::string FailoverText(const pipeline::ServiceStatus& status, std::string_view connector) {
  std::string text;
  for (const QueueStatus& queue : status.queues) {
    if (!Shown(queue, connector)) {
      continue;
    }
    const std::string active =
        queue.active ? fmt::format("level {} ({})", *queue.active, queue.levels[*queue.active].name)
                     : "no level is usable";
    text += fmt::format(
        "{} {}: {} for {}; backlog {} items, {} bytes{}{}\n", queue.owner,
        otlp::Names(queue.signal).name, active, Rounded(queue.active_since), queue.pending.items,
        queue.pending.bytes,
        queue.pending.oldest ? ", oldest " + Rounded(status.taken - *queue.pending.oldest) : "",
        queue.leaving ? "; left the configuration" : "");
    for (size_t i = 0; i < queue.levels.size(); ++i) {
      const LevelStatus& level = queue.levels[i];
      text += fmt::format("  {} {:<24} {:<8} {:<8} for {:<10} {} items delivered{}\n",
                          i == queue.active ? '*' : ' ', fmt::format("{} {}", i, level.name),
                          level.state, level.word == "auto" ? "" : level.word, Rounded(level.since),
                          level.delivered_items,
                          level.reason.empty() ? "" : "; last error: " + level.reason);
    }
  }
  return text.empty() ? "no failover connector\n" : text;
}

std::string ReloadJson(const ReloadReport& report) {
  return Document([&](JsonWriter& json) {
    Text(json, "status", "reloaded");
    List(json, "kept", report.kept);
    List(json, "changed", report.changed);
    List(json, "restarted", report.restarted);
    List(json, "started", report.started);
    List(json, "stopped", report.stopped);
    List(json, "warnings", report.warnings);
    Real(json, "took_ms", Seconds(report.took) * 1000);
  });
}

std::string ReloadText(const ReloadReport& report) {
  std::string text = fmt::format("reloaded in {} ms\n", report.took / std::chrono::milliseconds(1));
  for (const auto& [what, parts] :
       {std::pair("kept", &report.kept), std::pair("changed in place", &report.changed),
        std::pair("restarted", &report.restarted), std::pair("started", &report.started),
        std::pair("stopped", &report.stopped), std::pair("warning", &report.warnings)}) {
    if (!parts->empty()) {
      text += fmt::format("{}: {}\n", what, fmt::join(*parts, ", "));
    }
  }
  return text;
}

std::string AnswerJson(const OperatorAnswer& answer) {
  return Document([&](JsonWriter& json) {
    List(json, "levels", answer.levels, [&](const OperatorAnswer::Level& level) {
      Object(json, [&] {
        Text(json, "signal", otlp::Names(level.signal).name);
        Number(json, "level", level.index);
        Text(json, "name", level.name);
        Text(json, "result", level.result);
        Text(json, "error", level.error);
      });
    });
  });
}

std::string AnswerText(const OperatorAnswer& answer) {
  std::string text;
  for (const OperatorAnswer::Level& level : answer.levels) {
    text += fmt::format("{} level {} ({}): {}{}\n", otlp::Names(level.signal).name, level.index,
                        level.name, level.result, level.error.empty() ? "" : ": " + level.error);
  }
  return text;
}

std::string ReplayJson(const ReplayAnswer& answer) {
  return Document([&](JsonWriter& json) {
    Real(json, "asked_seconds", Seconds(answer.asked));
    List(json, "queues", answer.queues, [&](const ReplayAnswer::Queue& queue) {
      Object(json, [&] {
        Text(json, "queue", queue.owner);
        Text(json, "signal", otlp::Names(queue.signal).name);
        Text(json, "to", queue.level);
        Number(json, "requests", queue.amount.requests);
        Number(json, "items", queue.amount.items);
        Number(json, "bytes", queue.amount.bytes);
        Real(json, "reach_seconds", Seconds(queue.reach.value_or(Duration::zero())));
      });
    });
  });
}

std::string ReplayText(const ReplayAnswer& answer) {
  std::string text;
  for (const ReplayAnswer::Queue& queue : answer.queues) {
    text += fmt::format("{} of {}: {} requests, {} items, {} bytes are sent to {}\n",
                        otlp::Names(queue.signal).name, queue.owner, queue.amount.requests,
                        queue.amount.items, queue.amount.bytes, queue.level);
    if (!queue.reach) {
      text += "  nothing is retained: `retain` is off\n";
    } else if (*queue.reach < answer.asked) {
      text += fmt::format("  retention reaches back {} only, of {}\n", Rounded(*queue.reach),
                          Rounded(answer.asked));
    }
  }
  return text;
}

std::string ErrorJson(const Status& error) {
  std::vector<std::string> lines;
  std::string_view rest = error.message();
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    if (end > 0) {
      lines.emplace_back(rest.substr(0, end));
    }
    rest.remove_prefix(std::min(rest.size(), end + 1));
  }
  return Document([&](JsonWriter& json) {
    Text(json, "error", error.message());
    List(json, "errors", lines);
  });
}

}  // namespace gapless::service
