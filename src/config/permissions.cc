#include "config/permissions.h"

#include <charconv>

#include <fmt/format.h>

namespace gapless::config {

Result<uint32_t> ParsePermissions(std::string_view text) {
  constexpr uint32_t kAllBits = 0777;
  uint32_t mode = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  if (error != std::errc() || end != text.data() + text.size() || mode > kAllBits) {
    return InvalidArgument(
        fmt::format("directory_permissions value \"{}\" must be an octal number up to 0777", text));
  }
  return mode;
}

}  // namespace gapless::config
