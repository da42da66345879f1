// The whole way of a configuration, with what must hold for any: the property test and the fuzz
// target of it walk the same one.
#pragma once

#include "cli/config/migrate.h"
#include "cli/config/print_config.h"
#include "service/config/config.h"
#include "service/plan/load.h"
#include "service/plan/planner.h"

#include <string>

namespace gapless::cli {

struct Way {
  bool planned = false;
  std::string broken;  // what does not hold; empty: all does
};

// Decodes, plans, reports, prints and migrates: a plan or an error; what is refused is missing in
// the migration report, what is accepted can be printed and is planned the same again.
inline Way WalkConfig(const config::Resolved& resolved, const service::Factories& factories) {
  config::Errors errors;
  const service::Config config = service::DecodeConfig(resolved.root, factories, errors);
  const Migration migration = Migrate(resolved, factories);
  if (!errors.ok()) {
    if (service::Report(errors).empty()) {
      return {.broken = "an error without words"};
    }
    return {.broken = migration.missing() > 0 ? "" : "refused, but nothing is missing"};
  }
  const service::Plan plan = service::MakePlan(config, factories, errors);
  if (!errors.ok()) {
    return {};
  }
  const config::Node printed =
      PrintConfig(config, factories, plan.notes, config::Secrets::kRevealed);
  const service::Config again = service::DecodeConfig(printed, factories, errors);
  if (!errors.ok()) {
    return {.planned = true, .broken = "printed, it is refused: " + errors.ToString()};
  }
  const service::Plan same = service::MakePlan(again, factories, errors);
  const bool equal = errors.ok() && same.queues == plan.queues && same.senders == plan.senders;
  return {.planned = true, .broken = equal ? "" : "printed, it is planned otherwise"};
}

}  // namespace gapless::cli
