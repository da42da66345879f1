// Mends JSON text that Go's readers take and a strict parser (RFC 8259) refuses. Pure.
#pragma once

#include <string>
#include <string_view>

namespace gapless::wire {

// The text with every fault below replaced by what Go makes of it; other text stays byte for byte,
// so a text with other faults remains malformed. One pass, linear; the result is at most three
// times as long.
//
//   \ud83d without its other half      \ufffd
//   a byte that is not UTF-8           U+FFFD
//   a raw control character            its escape (inside strings)
//   a whole number beyond 64 bits      a double: with the exponent e0
//   a number beyond double             a string with its digits
//   anything behind the first value    dropped
std::string MendJson(std::string_view text);

}  // namespace gapless::wire
