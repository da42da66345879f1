#include "queue/failover_log.h"

#include <string>
#include <string_view>

namespace gapless::queue {
namespace {

void LogOfExporter(const telemetry::Logger& log, const std::string& destination,
                   const routing::RouterAction& action) {
  if (action.after == routing::LevelState::kDown && action.reason == "denied") {
    log.Error(
        "Destination refuses the data, which is kept. Check its path, encoding, compression and "
        "headers.",
        {{"destination", destination}, {"reason", action.reason}, {"error", action.error}});
  } else if (action.after == routing::LevelState::kDown) {
    log.Warn("Destination is down",
             {{"destination", destination}, {"reason", action.reason}, {"error", action.error}});
  } else if (action.after == routing::LevelState::kHealthy) {
    log.Info("Destination is back", {{"destination", destination}, {"outage", action.lasted}});
  }
}

}  // namespace

void LogTransition(const telemetry::Logger& log, const SendingQueueOptions& options,
                   const routing::RouterAction& action) {
  const std::string& destination = options.levels[*action.level].name;
  if (!options.is_failover) {
    LogOfExporter(log, destination, action);
  } else if (action.after == routing::LevelState::kDown &&
             action.before == routing::LevelState::kHealthy) {
    log.Warn("failover: level down", {{"level", *action.level},
                                      {"destination", destination},
                                      {"reason", action.reason},
                                      {"error", action.error},
                                      {"up_for", action.lasted},
                                      {"hold", action.hold}});
  } else if (action.after == routing::LevelState::kHealthy) {
    log.Info("failover: level is back",
             {{"level", *action.level}, {"destination", destination}, {"proof", action.reason}});
  }
}

void LogActivation(const telemetry::Logger& log, const SendingQueueOptions& options,
                   const routing::RouterAction& action, const journal::Amount& pending) {
  if (!options.is_failover) {
    return;
  }
  const auto name = [&](std::optional<size_t> level) -> std::string_view {
    return level ? std::string_view(options.levels[*level].name) : "none";
  };
  const auto write = [&](telemetry::LogLevel level, std::string_view message) {
    log.Log(level, message,
            std::initializer_list<telemetry::LogField>{{"from", name(action.from)},
                                                       {"to", name(action.level)},
                                                       {"reason", action.reason},
                                                       {"cause", action.error},
                                                       {"backlog_requests", pending.requests},
                                                       {"backlog_items", pending.items}});
  };
  if (!action.level) {
    write(telemetry::LogLevel::kError, "failover: no level is usable, data is kept");
  } else if (!action.from) {
    write(telemetry::LogLevel::kInfo, "failover: a level is usable again");
  } else if (*action.level > *action.from) {
    write(telemetry::LogLevel::kWarn, "failover: switched to a lower level");
  } else {
    write(telemetry::LogLevel::kInfo, "failover: switched back to a higher level");
  }
}

}  // namespace gapless::queue
