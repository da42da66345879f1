#include "cli/commands/config_commands.h"

#include "cli/commands/completion.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace gapless::cli {

ConfigCommands::ConfigCommands(CLI::App& app) : app_(app) {
  CLI::App* validate = app.add_subcommand("validate", "Check the configuration.");
  validate->add_flag("--probe", probe_, "Connect to every exporter and send an empty export, too.");
  app.add_subcommand("components", "What this binary contains.");
  CLI::App* print = app.add_subcommand("print-config", "The configuration with all defaults.");
  print->alias("print-initial-config");
  print->add_option("--mode", mode_, "Whether secrets are shown.")
      ->check(CLI::IsMember({"redacted", "unredacted"}))
      ->capture_default_str();
  print->add_option("--format", format_, "How it is written.")
      ->check(CLI::IsMember({"yaml", "json"}))
      ->capture_default_str();
  print->add_flag("--validate{true},!--no-validate", validate_, "Refuse an invalid one.");
  CLI::App* gates = app.add_subcommand("featuregate", "The feature gates and what they do here.");
  gates->add_option("ID", gate_, "Only this one.");
  CLI::App* migrate = app.add_subcommand(
      "migrate",
      "Say line by line what a Collector's configuration means here; status 1 if "
      "something is missing.");
  migrate->add_option("FILE", files_, "As for --config; several are merged.")->required();
  CLI::App* completion = app.add_subcommand("completion", "A completion script for a shell.");
  completion->add_option("SHELL", shell_, "bash, zsh or fish.")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
}

std::optional<int> ConfigCommands::Run(const RunOptions& options, const FeatureGates& gates) const {
  if (app_.got_subcommand("validate")) {
    return ValidateCommand(options, probe_);
  }
  if (app_.got_subcommand("components")) {
    return ComponentsCommand();
  }
  if (app_.got_subcommand("print-config")) {
    return PrintConfigCommand(
        options,
        {.redacted = mode_ == "redacted", .json = format_ == "json", .validate = validate_});
  }
  if (app_.got_subcommand("featuregate")) {
    return FeatureGateCommand(gates, gate_);
  }
  if (app_.got_subcommand("migrate")) {
    return MigrateCommand(files_);
  }
  if (app_.got_subcommand("completion")) {
    fmt::print("{}", CompletionScript(app_, shell_));
    return 0;
  }
  return std::nullopt;
}

}  // namespace gapless::cli
