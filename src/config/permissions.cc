#include "config/permissions.h"

#include <charconv>

namespace gapless::config {

Result<uint32_t> ParsePermissions(std::string_view text) {
  constexpr uint32_t kAllBits = 0777;
  uint32_t mode = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) {
    return InvalidArgument("directory_permissions value must be a valid octal representation");
  }
  if (mode > kAllBits) {
    return InvalidArgument("directory_permissions contain invalid bits for file access");
  }
  return mode;
}

}  // namespace gapless::config
