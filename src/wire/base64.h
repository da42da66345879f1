// Base64 (RFC 4648).
#pragma once

#include "base/bytes.h"

#include <string>
#include <string_view>

namespace gapless::wire {

// Appends the standard alphabet, with '=' padding or without.
void AppendBase64(ByteSpan bytes, bool padded, std::string* out);
// Appends the decoded bytes; takes the standard and the URL alphabet, with padding or without.
// False if malformed.
bool ParseBase64(std::string_view text, std::string* out);

// Appends two lower-case digits per byte.
void AppendHex(ByteSpan bytes, std::string* out);
// Appends the decoded bytes; any letter case. False if malformed.
bool ParseHex(std::string_view text, std::string* out);

}  // namespace gapless::wire
