// Migration report: what every line of a Collector's configuration means in gapless.
#pragma once

#include "config/resolver.h"
#include "service/config/factories.h"

#include <string>
#include <string_view>
#include <vector>

namespace gapless::cli {

enum class Verdict : uint8_t {
  kSame,     // does what it does in the Collector
  kBetter,   // does it, and something that the Collector does not
  kMissing,  // is not there
};
std::string_view ToString(Verdict verdict);

struct MigrationLine {
  config::Mark mark;
  std::string key;  // "exporters::otlp/a::sending_queue::storage"
  Verdict verdict = Verdict::kSame;
  std::string sentence;
};

struct Migration {
  std::vector<MigrationLine> lines;  // in the order of the files
  std::vector<std::string> notes;    // what the plan does that no line says: queues lifted, levels
  bool runs = false;                 // validate has no objection
  size_t Count(Verdict verdict) const;
  size_t missing() const { return Count(Verdict::kMissing); }
  // A line each ("file:line  key  verdict  sentence", "plan: note"), and one that sums up.
  std::string ToText() const;
};

// Pure. What gapless refuses or does not have is kMissing, with the reason.
Migration Migrate(const config::Resolved& resolved, const service::Factories& factories);

}  // namespace gapless::cli
