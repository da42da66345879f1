// The sub-commands, one file each. Each gives the exit status of the process.
#pragma once

#include "cli/load.h"
#include "cli/options.h"
#include "cli/sink.h"

namespace gapless::cli {

int RunCommand(RunOptions options);
int ValidateCommand(const RunOptions& options);
int ComponentsCommand();
int SinkCommand(const SinkOptions& options);
int SendCommand(const LoadOptions& options);
int PrintConfigCommand(const RunOptions& options, bool redacted, bool json);

// "Error: …" on stderr, as otelcol prints it; gives 1.
int Fail(const Status& status);

}  // namespace gapless::cli
