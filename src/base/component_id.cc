#include "base/component_id.h"

#include <algorithm>

#include <fmt/format.h>
#include <re2/re2.h>

namespace gapless {
namespace {

constexpr size_t kNameLengthMax = 1024;

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\r\n";
  const size_t begin = text.find_first_not_of(kSpaces);
  if (begin == std::string_view::npos) {
    return {};
  }
  return text.substr(begin, text.find_last_not_of(kSpaces) - begin + 1);
}

// Upstream's rules; RE2 reads the same syntax.
bool ValidType(std::string_view type) {
  static const RE2 pattern("[a-zA-Z][0-9a-zA-Z_]{0,62}");
  return RE2::FullMatch(re2::StringPiece(type.data(), type.size()), pattern);
}

bool ValidName(std::string_view name) {
  static const RE2 pattern(R"([^\pZ\pC\pS]+)");
  return RE2::FullMatch(re2::StringPiece(name.data(), name.size()), pattern);
}

// Characters, not bytes.
size_t LengthOf(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace

Result<ComponentId> ComponentId::Parse(std::string_view text) {
  const size_t slash = text.find('/');
  const std::string_view type = Trim(text.substr(0, slash));
  if (type.empty()) {
    return InvalidArgument(
        slash == std::string_view::npos
            ? "id must not be empty"
            : fmt::format("in \"{}\" id: the part before / should not be empty", text));
  }
  if (!ValidType(type)) {
    return InvalidArgument(
        fmt::format("in \"{}\" id: invalid character(s) in type \"{}\": a type is a letter, then "
                    "at most 62 letters, digits or _",
                    text, type));
  }
  ComponentId id{.type = std::string(type), .name = {}};
  if (slash == std::string_view::npos) {
    return id;
  }
  const std::string_view name = Trim(text.substr(slash + 1));
  if (name.empty()) {
    return InvalidArgument(fmt::format("in \"{}\" id: the part after / should not be empty", text));
  }
  if (LengthOf(name) > kNameLengthMax) {
    return InvalidArgument(
        fmt::format("in \"{}…\" id: the part after / is longer than {} characters",
                    text.substr(0, type.size()), kNameLengthMax));
  }
  if (!ValidName(name)) {
    return InvalidArgument(
        fmt::format("in \"{}\" id: invalid character(s) in name \"{}\": a name has no spaces, "
                    "control characters or symbols such as = + < $ ~",
                    text, name));
  }
  id.name = name;
  return id;
}

}  // namespace gapless
