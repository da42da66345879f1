#include "cli/options.h"

#include "cli/commands.h"
#include "cli/demo.h"
#include "cli/duration_flag.h"
#include "cli/failover_commands.h"

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
  app.add_option("--feature-gates", options.feature_gates, "Accepted; gapless has none.");
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

}  // namespace

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

  const CLI::App* validate = app.add_subcommand("validate", "Check the configuration.");
  const CLI::App* components = app.add_subcommand("components", "What this binary contains.");
  CLI::App* print = app.add_subcommand("print-config", "The configuration with all defaults.");
  print->alias("print-initial-config");
  std::string mode = "redacted";
  std::string format = "yaml";
  print->add_option("--mode", mode)->check(CLI::IsMember({"redacted", "unredacted"}));
  print->add_option("--format", format)->check(CLI::IsMember({"yaml", "json"}));

  app.add_subcommand("demo", "Shows an outage from beginning to end, in a minute.");
  SinkOptions sink;
  AddSink(app, sink);
  LoadOptions load;
  AddSend(app, load);
  const FailoverCommands failover_commands(app);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // Help and version are "errors" of status 0.
    return app.exit(error) == 0 ? 0 : 1;
  }
  if (validate->parsed()) {
    return ValidateCommand(options);
  }
  if (components->parsed()) {
    return ComponentsCommand();
  }
  if (print->parsed()) {
    return PrintConfigCommand(options, mode == "redacted", format == "json");
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
  return RunCommand(std::move(options));
}

}  // namespace gapless::cli
