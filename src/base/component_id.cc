#include "base/component_id.h"

#include <fmt/format.h>

namespace gapless {
namespace {

constexpr size_t kTypeLengthMax = 63;
constexpr size_t kNameLengthMax = 1024;

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\r\n";
  const size_t begin = text.find_first_not_of(kSpaces);
  if (begin == std::string_view::npos) {
    return {};
  }
  return text.substr(begin, text.find_last_not_of(kSpaces) - begin + 1);
}

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool ValidType(std::string_view type) {
  if (type.empty() || type.size() > kTypeLengthMax || !IsLetter(type.front())) {
    return false;
  }
  for (const char c : type) {
    if (!IsLetter(c) && !IsDigit(c) && c != '_') {
      return false;
    }
  }
  return true;
}

// ASCII separators, control and symbol characters (Unicode classes Z, C, S); other bytes are taken
// as letters.
bool ValidName(std::string_view name) {
  constexpr std::string_view kSymbols = "$+<=>^`|~ ";
  if (name.empty() || name.size() > kNameLengthMax) {
    return false;
  }
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || kSymbols.contains(c)) {
      return false;
    }
  }
  return true;
}

}  // namespace

Result<ComponentId> ComponentId::Parse(std::string_view text) {
  const size_t slash = text.find('/');
  const std::string_view type = Trim(text.substr(0, slash));
  if (!ValidType(type)) {
    return InvalidArgument(fmt::format(
        "in \"{}\" id: the part before / should be a component type: a letter, then at most 62 "
        "letters, digits or _",
        text));
  }
  ComponentId id{.type = std::string(type), .name = {}};
  if (slash != std::string_view::npos) {
    const std::string_view name = Trim(text.substr(slash + 1));
    if (!ValidName(name)) {
      return InvalidArgument(fmt::format(
          "in \"{}\" id: the part after / should be a name of 1 to 1024 characters without "
          "spaces, control characters or symbols",
          text));
    }
    id.name = name;
  }
  return id;
}

}  // namespace gapless
