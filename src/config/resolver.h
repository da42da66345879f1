// Resolve: from `--config` and `--set` to one tree. Upstream: confmap.Resolver and its providers.
//
// Pure but for `Sources`. Steps: read each source, split `::` keys, merge left to right, expand
// `${…}`, undo `$$`.
#pragma once

#include "base/status.h"
#include "config/errors.h"
#include "config/node.h"
#include "config/sources.h"

#include <string>
#include <vector>

namespace gapless::config {

struct ResolveOptions {
  std::vector<std::string>
      configs;  // values of --config, in order: a path, file:, env:, yaml:, http:, https:
  std::vector<std::string>
      sets;  // values of --set, in order: a.b.c=value; applied after all configs
  // Gate confmap.enableMergeAppendOption: lists of components under `service` are joined instead of
  // replaced.
  bool append_service_lists = false;
};

struct Resolved {
  Node root;                    // a map; empty if nothing is configured
  std::vector<Issue> warnings;  // unset environment variables and the like
  std::vector<std::string>
      files;  // the files that were read, `${file:…}` included; what a file watch needs
};

// Errors: INVALID_ARGUMENT (or the source's own code) with the place; the caller adds upstream's
// "failed to get config: cannot resolve the configuration: ".
Result<Resolved> Resolve(const ResolveOptions& options, const Sources& sources);

}  // namespace gapless::config
