// The three OTLP signals. One code path serves them all; only the wire codec knows the three
// schemas.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace gapless::otlp {

enum class Signal : uint8_t { kTraces, kMetrics, kLogs };

inline constexpr std::array kSignals = {Signal::kTraces, Signal::kMetrics, Signal::kLogs};

struct SignalNames {
  std::string_view name;       // "traces": in pipeline IDs, logs and the label data_type
  std::string_view item;       // "spans": suffix of metric names
  std::string_view title;      // "Traces"
  std::string_view http_path;  // OTLP/HTTP specification, "Default URL path"
  std::string_view grpc_path;  // full method path
  std::string_view grpc_service;
};

const SignalNames& Names(Signal signal);
std::optional<Signal> ParseSignal(std::string_view name);

}  // namespace gapless::otlp
