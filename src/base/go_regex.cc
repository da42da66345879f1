#include "base/go_regex.h"

namespace gapless {
namespace {

// The length of what stands for itself at the beginning: an escape, \\Q…\\E, a class; else 1.
size_t SkipLiteral(std::string_view rest) {
  if (rest.starts_with("\\Q")) {
    const size_t end = rest.find("\\E", 2);
    return end == std::string_view::npos ? rest.size() : end + 2;
  }
  if (rest[0] == '\\') {
    return rest.size() > 1 ? 2 : 1;
  }
  if (rest[0] != '[') {
    return 1;
  }
  // A bracket directly behind [ or [^ is a member.
  size_t at = rest.starts_with("[^") ? 2 : 1;
  at += rest.substr(at).starts_with(']') ? 1 : 0;
  while (at < rest.size() && rest[at] != ']') {
    const size_t name = rest.substr(at).starts_with("[:") ? rest.find(":]", at + 2) : rest.npos;
    at = name != rest.npos ? name + 2 : at + (rest[at] == '\\' ? 2 : 1);
  }
  return at + 1;
}

}  // namespace

std::string ForRe2(std::string_view pattern) {
  std::string out;
  while (!pattern.empty()) {
    // Look-behind, (?<= and (?<!, is an error in Go and in RE2.
    if (pattern.starts_with("(?<") && !pattern.starts_with("(?<=") &&
        !pattern.starts_with("(?<!")) {
      out += "(?P<";
      pattern.remove_prefix(3);
      continue;
    }
    const std::string_view literal = pattern.substr(0, SkipLiteral(pattern));
    out += literal;
    pattern.remove_prefix(literal.size());
  }
  return out;
}

}  // namespace gapless
