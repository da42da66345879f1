// Percent-encoding and the query of a URL (RFC 3986). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gapless::endpoint {

// What is not "%" and two hex digits stays as it is.
std::string PercentDecode(std::string_view text);
// Everything but letters, digits and "-._~" as "%" and two hex digits.
std::string PercentEncode(std::string_view text);

// The decoded value of the first `name=value` between `&`; without `=` it is empty; nullopt: not
// there.
std::optional<std::string> QueryValue(std::string_view query, std::string_view name);

}  // namespace gapless::endpoint
