#include "endpoint/user_agent.h"

#include <string_view>

namespace gapless::endpoint {

std::string DefaultUserAgent() {
#if defined(__x86_64__)
  constexpr std::string_view kMachine = "amd64";
#elif defined(__aarch64__)
  constexpr std::string_view kMachine = "arm64";
#else
  constexpr std::string_view kMachine = "unknown";
#endif
  return "gapless/" GAPLESS_VERSION " (linux/" + std::string(kMachine) + ")";
}

}  // namespace gapless::endpoint
