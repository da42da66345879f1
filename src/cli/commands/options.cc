#include "cli/commands/options.h"

#include "cli/commands/commands.h"
#include "cli/commands/config_commands.h"
#include "cli/commands/demo.h"
#include "cli/commands/failover_commands.h"
#include "cli/process/duration_flag.h"
#include "config/nearest.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace gapless::cli {
namespace {

void AddConfigFlags(CLI::App& app, RunOptions& options) {
  app.add_option("--config", options.resolve.configs,
                 "Configuration: a file, file:, env:, yaml:, http:, https:. May be repeated; "
                 "merged in order.")
      ->allow_extra_args(false);
  app.add_option("--set", options.resolve.sets, "a.b=c: sets one value after all --config.")
      ->allow_extra_args(false);
  app.add_option("--feature-gates", options.feature_gates,
                 "a,+b,-c: switches gates on or off; see featuregate.")
      ->allow_extra_args(false);
}

void AddSink(CLI::App& app, SinkOptions& options) {
  CLI::App* sink = app.add_subcommand("sink", "A small OTLP backend that counts numbered items.");
  sink->add_option("--grpc", options.grpc, "Address for gRPC.")->capture_default_str();
  sink->add_option("--http", options.http, "Address for HTTP.")->capture_default_str();
  sink->add_option("--log", options.log_file, "Write down what came when.");
  sink->add_flag("--blind", options.blind, "Count requests only, look at nothing.");
  sink->add_option("--count", options.count_file, "Write the number of requests there.");
  sink->add_option("--backlog", options.backlog, "Connections that wait to be accepted.");
}

void AddSend(CLI::App& app, LoadOptions& options) {
  CLI::App* send = app.add_subcommand("send", "A load generator with numbered items.");
  send->add_option("--grpc", options.grpc, "Address for gRPC; empty: none.")->capture_default_str();
  send->add_option("--http", options.http, "Address for HTTP; empty: none.")->capture_default_str();
  send->add_option("--rate", options.rate, "Requests per second.")->capture_default_str();
  send->add_option("--items", options.items, "Items per request.")->capture_default_str();
  send->add_option("--log", options.log_file, "Write down what was acknowledged when.");
  AddDuration(*send, "--duration", options.duration, "How long; 0: until stopped (default 10s).");
  send->add_option_function<std::vector<std::string>>(
      "--signals",
      [&options](const std::vector<std::string>& names) {
        options.signals.clear();
        for (const std::string& name : names) {
          const auto signal = otlp::ParseSignal(name);
          if (!signal) {
            throw CLI::ValidationError("--signals", name + " is not traces, metrics or logs");
          }
          options.signals.push_back(*signal);
        }
      },
      "traces, metrics, logs.");
}

void AddReplay(CLI::App& journal, JournalOptions& options) {
  CLI::App* replay = journal.add_subcommand(
      "replay", "Send what is pending or owed to an endpoint. Nothing is removed.");
  replay->add_option("DIRECTORY", options.directory, "Of one journal.")->required();
  replay
      ->add_option("--endpoint", options.replay.endpoint,
                   "host:port for OTLP/gRPC; https:// is TLS.")
      ->required();
  replay->callback([&options] { options.action = JournalAction::kReplay; });
  replay->add_option("--from", options.from,
                     "Of the arrival: 2026-03-01T09:30:00Z, or how long ago (2h30m).");
  replay->add_option("--to", options.to, "Up to then, exclusive.");
  replay->add_flag("--pending-only", options.pending_only,
                   "Not what was delivered and is only owed to another level.");
  replay->add_option("--ca-file", options.replay.ca_file, "TLS, with this authority.");
  replay->add_option("--header", options.replay.headers, "name=value, for every request.")
      ->allow_extra_args(false);
  AddDuration(*replay, "--timeout", options.replay.patience,
              "End when nothing was taken for so long (default 1m).");
}

void AddImport(CLI::App& journal, JournalOptions& options) {
  CLI::App* import = journal.add_subcommand(
      "import", "Move what a Collector left in a queue file into a journal.");
  import->add_option("FILE", options.directory, "A queue file of the Collector's file_storage.")
      ->required();
  import->add_option("--into", options.into, "The journal's directory; made if need be.")
      ->required();
  import->callback([&options] { options.action = JournalAction::kImport; });
}

void AddJournal(CLI::App& app, JournalOptions& options) {
  CLI::App* journal = app.add_subcommand("journal", "What lies in the journals of file_storage.");
  journal->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, JournalAction action) {
    CLI::App* command = journal->add_subcommand(name, help);
    command->add_option("DIRECTORY", options.directory,
                        "Of a storage or of one journal; default: the storage's own default.");
    command->callback([&options, action] { options.action = action; });
  };
  add("list", "The journals of a storage and what waits in them.", JournalAction::kList);
  add("inspect",
      "Everything about one: segments, checkpoint, debts, ledger; or a Collector's queue file.",
      JournalAction::kInspect);
  add("verify", "Check every checksum; status 1 on damage.", JournalAction::kVerify);
  AddReplay(*journal, options);
  AddImport(*journal, options);
}

// Switches the gates that were given; unknown ones get a warning.
FeatureGates ApplyGates(RunOptions& options) {
  FeatureGates gates;
  for (const std::string& flag : options.feature_gates) {
    gates.Apply(flag);
  }
  for (const std::string& id : gates.unknown()) {
    fmt::print(stderr, "Warning: --feature-gates: there is no gate \"{}\"{}: it has no effect\n",
               id, gates.Hint(id));
  }
  options.resolve.append_service_lists = gates.IsEnabled(kMergeAppendGate);
  return gates;
}

// Told as otelcol tells it.
int FailOnExtras(const CLI::App& app) {
  const std::vector<std::string> rest = app.remaining(true);
  const std::string first = rest.empty() ? "" : rest.front();
  if (first.starts_with('-')) {
    return Fail(InvalidArgument(fmt::format("unknown flag: {}", first)));
  }
  std::vector<std::string> commands;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    commands.push_back(command->get_name());
  }
  return Fail(InvalidArgument(fmt::format("unknown command \"{}\" for \"{}\"{}", first, kCommand,
                                          config::NearestHint(first, commands))));
}

}  // namespace

int Fail(const Status& status) {
  fmt::print(stderr, "Error: {}\n", status.message());
  return 1;
}

int Main(int argc, char** argv) {
  CLI::App app("gapless: an OpenTelemetry Collector for people whose backend will go down.",
               std::string(kCommand));
  app.set_version_flag("-v,--version", fmt::format("{} version {}", kCommand, kVersion));
  app.require_subcommand(0, 1);
  app.fallthrough();
  RunOptions options;
  AddConfigFlags(app, options);
  app.add_option("--pid-file", options.pid_file, "Write the process id there; removed at the end.");
  AddDuration(app, "--shutdown-timeout", options.shutdown_timeout,
              "How long SIGTERM drains what is in memory (default 25s).");
  app.add_option("--workers", options.workers, "Threads; default one per processor.");
  app.add_flag("--watch", options.watch, "Reload when a configuration file changes.");

  const ConfigCommands config_commands(app);
  app.add_subcommand("demo", "Shows an outage from beginning to end, in a minute.");
  SinkOptions sink;
  AddSink(app, sink);
  LoadOptions load;
  AddSend(app, load);
  JournalOptions journal;
  AddJournal(app, journal);
  const FailoverCommands failover_commands(app);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ExtrasError&) {
    return FailOnExtras(app);
  } catch (const CLI::ParseError& error) {
    // Help and version are "errors" of status 0.
    return error.get_exit_code() == 0 ? app.exit(error) : Fail(InvalidArgument(error.what()));
  }
  const FeatureGates gates = ApplyGates(options);
  if (const auto status = config_commands.Run(options, gates)) {
    return *status;
  }
  if (const auto status = failover_commands.Run()) {
    return *status;
  }
  if (app.got_subcommand("demo")) {
    return DemoCommand();
  }
  if (app.got_subcommand("sink")) {
    return SinkCommand(sink);
  }
  if (app.got_subcommand("send")) {
    return SendCommand(load);
  }
  if (app.got_subcommand("journal")) {
    return JournalCommand(journal);
  }
  return RunCommand(std::move(options));
}

}  // namespace gapless::cli
