// The whole way from the bytes of a configuration to its plan, with the components that this binary
// contains.
//
// Input: one configuration. No file and no URL is read; every variable has the same value.
#include "base/check.h"
#include "cli/config/components.h"
#include "cli/config/config_way_test.h"
#include "config/resolver.h"

#include <cstdint>
#include <string>

#include <fmt/core.h>

namespace gapless::cli {
namespace {

void Run(const std::string& input) {
  static const service::Factories factories = Components();
  const config::Sources sources{
      .read_file = [&](const std::string& path) -> Result<std::string> {
        return path == "c" ? Result<std::string>(input) : NotFound(path);
      },
      .get_env = [](const std::string&) { return std::optional<std::string>("localhost:4317"); },
      .fetch = nullptr};
  const Result<config::Resolved> resolved =
      service::ResolveConfig({.configs = {"c"}, .sets = {}}, sources);
  if (!resolved.ok()) {
    GAPLESS_CHECK(!resolved.status().message().empty());
    return;
  }
  const Way way = WalkConfig(*resolved, factories);
  if (!way.broken.empty()) {
    fmt::print(stderr, "{}\n", way.broken);
  }
  GAPLESS_CHECK(way.broken.empty());
}

}  // namespace
}  // namespace gapless::cli

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  gapless::cli::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}
