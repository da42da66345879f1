// `gapless drill`: an outage that is only played, and what came of it.
#include "cli/commands/command_drill.h"

#include "base/duration_text.h"
#include "cli/commands/admin_client.h"
#include "cli/commands/commands.h"
#include "cli/commands/drill.h"
#include "endpoint/query.h"
#include "net/loop/worker.h"
#include "telemetry/log.h"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

namespace gapless::cli {
namespace {

constexpr Duration kLook = std::chrono::milliseconds(200);

std::string Target(std::string_view path, const DrillOptions& options, std::string_view more = "") {
  std::string target =
      fmt::format("{}?connector={}{}", path, endpoint::PercentEncode(options.connector), more);
  if (!options.signal.empty()) {
    target += "&signal=" + endpoint::PercentEncode(options.signal);
  }
  return target;
}

Result<std::string> Ask(const DrillOptions& options, std::string method, std::string target) {
  ASSIGN_OR_RETURN(const net::HttpResponse answer, AskAdmin({.endpoint = options.endpoint,
                                                             .method = std::move(method),
                                                             .target = std::move(target),
                                                             .json = true}));
  std::string body = answer.body.ToString();
  if (answer.status != 200) {
    return InvalidArgument(body);
  }
  return body;
}

Result<std::vector<DrillSample>> Look(const DrillOptions& options) {
  ASSIGN_OR_RETURN(const std::string body,
                   Ask(options, "GET", Target("/failover/status", options)));
  ASSIGN_OR_RETURN(auto samples, ParseDrillSamples(body));
  std::erase_if(samples, [&options](const DrillSample& sample) {
    return !options.signal.empty() && sample.signal != options.signal;
  });
  if (samples.empty()) {
    return NotFound(fmt::format("there is no failover connector \"{}\"", options.connector));
  }
  return samples;
}

Status Begin(const DrillOptions& options) {
  return Ask(options, "POST",
             Target("/failover/drill", options,
                    fmt::format("&outage={}&for={}", endpoint::PercentEncode(options.outage),
                                FormatDuration(options.duration))))
      .status();
}

// The readings until everything is as before, or patience ends.
Result<std::map<std::string, DrillJudge>> Follow(const DrillOptions& options) {
  net::Worker clock("drill");
  const auto now = [&clock] {
    (void)clock.RunUntil([] { return true; }, Duration::zero());
    return clock.Now();
  };
  ASSIGN_OR_RETURN(const auto before, Look(options));
  std::map<std::string, DrillJudge> judges;
  for (const DrillSample& sample : before) {
    if (sample.active < 0) {
      return FailedPrecondition(sample.signal + ": no level is usable, there is nothing to drill");
    }
    judges.emplace(sample.signal, DrillJudge(sample, static_cast<size_t>(sample.active)));
  }
  const TimePoint begin = now();
  RETURN_IF_ERROR(Begin(options));
  while (now() - begin < options.duration + options.patience) {
    (void)clock.RunUntil([] { return false; }, kLook);
    ASSIGN_OR_RETURN(const auto samples, Look(options));
    const Duration since = now() - begin;
    const auto over =
        since > options.duration ? std::optional(since - options.duration) : std::nullopt;
    for (const DrillSample& sample : samples) {
      if (const auto judge = judges.find(sample.signal); judge != judges.end()) {
        judge->second.Add(sample, since, over);
      }
    }
    if (std::ranges::all_of(judges, [](const auto& entry) { return entry.second.settled(); })) {
      break;
    }
  }
  return judges;
}

}  // namespace

int DrillCommand(const DrillOptions& options) {
  fmt::print("drill: {} plays {} for {}\n", options.connector, options.outage,
             FormatDuration(options.duration));
  std::fflush(stdout);
  const auto judges = Follow(options);
  if (!judges.ok()) {
    return Fail(judges.status());
  }
  bool passed = true;
  for (const auto& [signal, judge] : *judges) {
    fmt::print("{}", judge.Report());
    passed = passed && judge.passed();
  }
  fmt::print("{}\n", passed ? "passed" : "FAILED");
  return passed ? 0 : 1;
}

}  // namespace gapless::cli
