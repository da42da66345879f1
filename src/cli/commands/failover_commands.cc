#include "cli/commands/failover_commands.h"

#include "base/duration_text.h"
#include "cli/process/duration_flag.h"
#include "endpoint/query.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace gapless::cli {
namespace {

enum class Level : uint8_t { kNone, kOptional, kRequired };

struct Verb {
  const char* name;
  const char* help;
  Level level;
};

constexpr Verb kVerbs[] = {
    {"status", "Which level is active, since when, and what waits.", Level::kNone},
    {"switch", "New data goes to this level alone, whatever its state, until auto.",
     Level::kRequired},
    {"drain", "The level is not used until auto.", Level::kRequired},
    {"force", "The level is used whatever its state, until auto.", Level::kRequired},
    {"auto", "Back to what health says; without LEVEL every level.", Level::kOptional},
    {"probe", "Ask the destinations now; a good answer ends a hold.", Level::kOptional},
};

}  // namespace

FailoverCommands::FailoverCommands(CLI::App& app) : app_(app) {
  const auto add_endpoint = [this](CLI::App& command) {
    command.add_option("--admin", endpoint_, "Where the running gapless serves its admin API.")
        ->capture_default_str();
  };
  failover_ = app.add_subcommand("failover", "Look at and operate the failover of a running one.");
  failover_->require_subcommand(1);
  for (const Verb& verb : kVerbs) {
    CLI::App* command = failover_->add_subcommand(verb.name, verb.help);
    add_endpoint(*command);
    CLI::Option* connector = command->add_option("CONNECTOR", connector_, "As in connectors.");
    if (verb.level == Level::kNone) {
      continue;
    }
    connector->required();
    command->add_option("LEVEL", level_, "Its number from 0, or its name.")
        ->required(verb.level == Level::kRequired);
    command->add_option("--signal", signal_, "traces, metrics or logs; default: all.");
  }
  AddDrill();
  AddReplay();
  add_endpoint(*app.add_subcommand("reload", "Have a running one read its configuration again."));
}

void FailoverCommands::AddDrill() {
  CLI::App* drill = app_.add_subcommand(
      "drill",
      "Play an outage of the active backend in a running one, and report what came of it.");
  drill->add_option("--admin", drill_.endpoint, "Where it serves its admin API.")
      ->capture_default_str();
  drill->add_option("--connector", drill_.connector, "As in connectors.")->required();
  drill->add_option("--signal", drill_.signal, "traces, metrics or logs; default: all.");
  drill->add_option("--outage", drill_.outage, "What is played.")
      ->check(CLI::IsMember({"refuse", "blackhole", "slow", "5xx"}))
      ->capture_default_str();
  AddDuration(*drill, "--for", drill_.duration, "How long (default 30s).");
  AddDuration(*drill, "--wait", drill_.patience, "For the way back, after it (default 2m).");
}

void FailoverCommands::AddReplay() {
  CLI::App* replay = app_.add_subcommand(
      "replay",
      "Have a running one send again what it delivered lately, to repair a backend that lost it.");
  replay->add_option("--admin", endpoint_, "Where it serves its admin API.")->capture_default_str();
  replay->add_option("--to", to_, "The exporter that gets it, as in exporters.")->required();
  AddDuration(*replay, "--since", since_, "How far back (10m); retention may reach less far.")
      ->required();
  replay->add_option("--signal", signal_, "traces, metrics or logs; default: all.");
}

std::optional<int> FailoverCommands::Run() const {
  if (app_.got_subcommand("replay")) {
    std::string target =
        fmt::format("/replay?to={}&since={}", endpoint::PercentEncode(to_), FormatDuration(since_));
    if (!signal_.empty()) {
      target += "&signal=" + endpoint::PercentEncode(signal_);
    }
    return PrintAdminAnswer({.endpoint = endpoint_, .method = "POST", .target = target});
  }
  if (app_.got_subcommand("drill")) {
    return DrillCommand(drill_);
  }
  if (app_.got_subcommand("reload")) {
    return PrintAdminAnswer({.endpoint = endpoint_, .method = "POST", .target = "/-/reload"});
  }
  if (!failover_->parsed()) {
    return std::nullopt;
  }
  const std::string verb = failover_->get_subcommands().front()->get_name();
  std::string target = "/failover/" + verb;
  char separator = '?';
  for (const auto& [key, value] : {std::pair("connector", &connector_), std::pair("level", &level_),
                                   std::pair("signal", &signal_)}) {
    if (!value->empty()) {
      target += fmt::format("{}{}={}", separator, key, endpoint::PercentEncode(*value));
      separator = '&';
    }
  }
  return PrintAdminAnswer(
      {.endpoint = endpoint_, .method = verb == "status" ? "GET" : "POST", .target = target});
}

}  // namespace gapless::cli
