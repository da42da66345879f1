#include "exporter/debug/config.h"

namespace gapless::exporter::debug {
namespace {

void Check(const Config& config, config::Checker& checker) {
  if (!config.use_internal_logger && config.output_paths.empty()) {
    checker.Fail("output_paths",
                 "output_paths must not be empty when use_internal_logger is false");
  }
  if (config.use_internal_logger && config.output_paths != Config().output_paths) {
    checker.Fail("output_paths", "output_paths is not supported when use_internal_logger is true");
  }
}

}  // namespace

const config::Table<Config>& ConfigTable() {
  using config::Field;
  static const config::Table<Config> table(
      {Field(
           "verbosity", &Config::verbosity,
           config::Enum<Verbosity>({{"basic", Verbosity::kBasic},
                                    {"normal", Verbosity::kNormal},
                                    {"detailed", Verbosity::kDetailed}},
                                   {.refusal = "unsupported verbosity level", .ignore_case = true}),
           "How much is written: basic is one line per request, normal adds one per item, "
           "detailed every field."),
       Field("sampling_initial", &Config::sampling_initial,
             "Lines of one text that are written in each second."),
       Field("sampling_thereafter", &Config::sampling_thereafter,
             "Of the lines after these, every so many-th is written; 1: all, 0: none."),
       Field("use_internal_logger", &Config::use_internal_logger,
             "Write to the log of gapless; false: to output_paths."),
       Field("output_paths", &Config::output_paths,
             "stdout, stderr or files to append to; used only without the internal logger."),
       Field("sending_queue", &Config::sending_queue, sending::QueueTable(),
             "The journal in front of this exporter; present: on.")},
      Check);
  return table;
}

sending::DeliverySettings ToSettings(const Config& config) {
  return {.timeout = Duration(0),
          .retry = {.enabled = false},
          .queue = sending::Resolve(config.sending_queue)};
}

}  // namespace gapless::exporter::debug
