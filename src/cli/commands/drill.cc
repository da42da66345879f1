#include "cli/commands/drill.h"

#include "base/duration_text.h"
#include "telemetry/log.h"
#include "wire/json_reader.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include <fmt/format.h>

namespace gapless::cli {
namespace {

using wire::JsonCursor;
using wire::JsonType;
using wire::JsonValue;

constexpr size_t kJsonDepth = 20;

double NumberOf(const JsonValue& value) {
  switch (value.type()) {
    case JsonType::kInt64:
      return static_cast<double>(value.int64());
    case JsonType::kUint64:
      return static_cast<double>(value.uint64());
    case JsonType::kDouble:
      return value.number();
    default:
      return 0;
  }
}

uint64_t CountOf(const JsonValue& value) {
  return value.type() == JsonType::kInt64
             ? static_cast<uint64_t>(std::max<int64_t>(value.int64(), 0))
             : 0;
}

void ReadLevels(const JsonValue& levels, DrillSample& sample) {
  JsonCursor each(levels);
  std::string_view key;
  for (JsonValue level; each.Next(&key, &level);) {
    sample.levels.emplace_back();
    sample.delivered_by.push_back(0);
    JsonCursor fields(level);
    for (JsonValue value; fields.Next(&key, &value);) {
      if (key == "name" && value.type() == JsonType::kString) {
        sample.levels.back() = value.string();
      } else if (key == "delivered_items") {
        sample.delivered_by.back() = CountOf(value);
      }
    }
  }
}

DrillSample ReadSample(const JsonValue& connector) {
  DrillSample sample;
  JsonCursor fields(connector);
  std::string_view key;
  for (JsonValue value; fields.Next(&key, &value);) {
    if (key == "signal" && value.type() == JsonType::kString) {
      sample.signal = value.string();
    } else if (key == "active_level") {
      sample.active = std::lround(NumberOf(value));
    } else if (key == "active_since_seconds") {
      sample.active_since =
          std::chrono::duration_cast<Duration>(std::chrono::duration<double>(NumberOf(value)));
    } else if (key == "levels" && value.type() == JsonType::kArray) {
      ReadLevels(value, sample);
    } else if (key == "backlog" && value.type() == JsonType::kObject) {
      JsonCursor backlog(value);
      for (JsonValue part; backlog.Next(&key, &part);) {
        sample.pending = key == "items" ? CountOf(part) : sample.pending;
      }
    } else {
      for (const auto& [name, count] : {std::pair("accepted_items", &sample.accepted),
                                        std::pair("delivered_items", &sample.delivered),
                                        std::pair("dropped_items", &sample.dropped),
                                        std::pair("filtered_items", &sample.filtered),
                                        std::pair("possible_duplicates", &sample.duplicates)}) {
        *count = key == name ? CountOf(value) : *count;
      }
    }
  }
  return sample;
}

std::string Rounded(Duration duration) {
  return FormatDuration(
      std::chrono::round<std::chrono::milliseconds>(std::max(duration, Duration::zero())));
}

}  // namespace

Result<std::vector<DrillSample>> ParseDrillSamples(std::string_view json) {
  wire::JsonParser parser;
  ASSIGN_OR_RETURN(const JsonValue root, parser.Parse(Rope::CopyOf(json), kJsonDepth));
  std::vector<DrillSample> samples;
  if (root.type() != JsonType::kObject) {
    return InvalidArgument("expected an object");
  }
  JsonCursor fields(root);
  std::string_view key;
  for (JsonValue value; fields.Next(&key, &value);) {
    if (key != "connectors" || value.type() != JsonType::kArray) {
      continue;
    }
    JsonCursor connectors(value);
    for (JsonValue connector; connectors.Next(&key, &connector);) {
      if (connector.type() == JsonType::kObject) {
        samples.push_back(ReadSample(connector));
      }
    }
  }
  return samples;
}

void DrillJudge::Add(const DrillSample& sample, Duration since, std::optional<Duration> over) {
  const auto home = static_cast<int64_t>(level_);
  const uint64_t known = sample.delivered + sample.dropped + sample.filtered + sample.pending;
  gap_ =
      std::max(gap_, sample.accepted > known ? sample.accepted - known : known - sample.accepted);
  if (sample.active != home && sample.active >= 0 && !switched_) {
    switched_ = since - sample.active_since;
    switched_to_ = sample.active;
  }
  if (over && sample.active == home && switched_ && !back_) {
    back_ = *over - sample.active_since;
  }
  settled_ = over && sample.active == home && sample.pending == 0;
  last_ = sample;
}

bool DrillJudge::passed() const {
  return switched_ && back_ && gap_ == 0 && last_.dropped == before_.dropped;
}

std::string DrillJudge::LevelName(int64_t level) const {
  const auto index = static_cast<size_t>(level);
  return level >= 0 && index < before_.levels.size() ? before_.levels[index] : "none";
}

std::string DrillJudge::Report() const {
  uint64_t elsewhere = 0;
  for (size_t i = 0; i < last_.delivered_by.size() && i < before_.delivered_by.size(); ++i) {
    elsewhere += i == level_ ? 0 : last_.delivered_by[i] - before_.delivered_by[i];
  }
  std::string text = fmt::format("{}:\n", before_.signal);
  text += switched_ ? fmt::format("  data on another backend: yes, {} after {}; it took {} items\n",
                                  LevelName(switched_to_), Rounded(*switched_), elsewhere)
                    : "  data on another backend: NO, the level was not left\n";
  const uint64_t lost = last_.dropped - before_.dropped;
  text += gap_ == 0 && lost == 0
              ? fmt::format("  gaps in the timeline: none; {} items accepted, all accounted for\n",
                            last_.accepted - before_.accepted)
              : fmt::format("  gaps in the timeline: YES; {} items dropped, {} not accounted for\n",
                            lost, gap_);
  text += back_ ? fmt::format("  back on {}: yes, {} after the end; possible duplicates: {}\n",
                              LevelName(static_cast<int64_t>(level_)), Rounded(*back_),
                              last_.duplicates - before_.duplicates)
                : fmt::format("  back on {}: NO\n", LevelName(static_cast<int64_t>(level_)));
  return text;
}

}  // namespace gapless::cli
