#include "service/graph/operator.h"

#include "config/nearest.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace gapless::service {

std::optional<OperatorVerb> ParseOperatorVerb(std::string_view name) {
  const auto it = std::ranges::find(kOperatorVerbs, name);
  if (it == std::end(kOperatorVerbs)) {
    return std::nullopt;
  }
  return static_cast<OperatorVerb>(it - std::begin(kOperatorVerbs));
}

Result<size_t> FindLevel(const std::vector<std::string>& names, const std::string& text) {
  if (const auto it = std::ranges::find(names, text); it != names.end()) {
    return static_cast<size_t>(it - names.begin());
  }
  size_t index = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  if (error == std::errc() && end == text.data() + text.size() && index < names.size()) {
    return index;
  }
  return InvalidArgument(fmt::format("no level \"{}\": the levels are 0 to {}: {}{}", text,
                                     names.size() - 1, fmt::join(names, ", "),
                                     config::NearestHint(text, names)));
}

}  // namespace gapless::service
