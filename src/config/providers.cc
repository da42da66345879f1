#include "config/providers.h"

#include "config/limits.h"

#include <algorithm>

#include <fmt/format.h>

namespace gapless::config {
namespace {

constexpr std::string_view kDefaultMark = ":-";
constexpr std::string_view kSchemes[] = {"file", "env", "yaml", "http", "https"};

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// ^[a-zA-Z_][a-zA-Z0-9_]*$
bool IsVariableName(std::string_view name) {
  const auto allowed = [](char c) { return IsLetter(c) || IsDigit(c) || c == '_'; };
  return !name.empty() && !IsDigit(name.front()) && std::ranges::all_of(name, allowed);
}

// [A-Za-z][A-Za-z0-9+.-]+
bool IsScheme(std::string_view scheme) {
  const auto allowed = [](char c) {
    return IsLetter(c) || IsDigit(c) || c == '+' || c == '.' || c == '-';
  };
  return scheme.size() >= 2 && IsLetter(scheme.front()) && std::ranges::all_of(scheme, allowed);
}

bool IsKnownScheme(std::string_view scheme) {
  return std::ranges::find(kSchemes, scheme) != std::end(kSchemes);
}

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\r\n";
  const size_t begin = text.find_first_not_of(kSpaces);
  return begin == std::string_view::npos
             ? std::string_view()
             : text.substr(begin, text.find_last_not_of(kSpaces) - begin + 1);
}

}  // namespace

Result<Location> Location::Parse(std::string_view uri) {
  const size_t colon = uri.find(':');
  if (colon == std::string_view::npos || !IsScheme(uri.substr(0, colon))) {
    return InvalidArgument(fmt::format("invalid uri: \"{}\"", uri));
  }
  if (!IsKnownScheme(uri.substr(0, colon))) {
    return InvalidArgument(fmt::format("unsupported scheme on URI \"{}\"", uri));
  }
  return Location{.scheme = std::string(uri.substr(0, colon)),
                  .value = std::string(uri.substr(colon + 1))};
}

Result<Location> Location::ParseConfigFlag(std::string_view uri) {
  const bool drive = uri.size() > 1 && IsLetter(uri[0]) && uri[1] == ':';
  if (drive || !uri.contains(':')) {
    return Location{.scheme = "file", .value = std::string(uri)};
  }
  return Parse(uri);
}

Result<Location> Location::ParseSetFlag(std::string_view text) {
  const size_t equal = text.find('=');
  if (equal == std::string_view::npos) {
    return InvalidArgument(
        fmt::format("invalid argument \"{}\" for \"--set\" flag: missing equal sign", text));
  }
  std::string key;
  for (const char c : Trim(text.substr(0, equal))) {
    if (c == '.') {
      key += kPathSeparator;
    } else {
      key += c;
    }
  }
  return Location{.scheme = "yaml",
                  .value = fmt::format("{}: {}", key, Trim(text.substr(equal + 1)))};
}

Result<Location> Location::ParseReference(std::string_view text) {
  const size_t colon = text.find(':');
  const bool is_variable_with_default =
      text.substr(std::min(colon, text.size())).starts_with(kDefaultMark) &&
      IsVariableName(text.substr(0, colon)) && !IsKnownScheme(text.substr(0, colon));
  const std::string uri = colon == std::string_view::npos || is_variable_with_default
                              ? fmt::format("env:{}", text)
                              : std::string(text);
  ASSIGN_OR_RETURN(Location location, Parse(uri));
  if (location.value.contains('$')) {
    return InvalidArgument(
        fmt::format("the uri \"{}\" contains unsupported characters ('$')", uri));
  }
  return location;
}

Result<Content> Providers::Read(const Location& location, const Mark& place,
                                std::string_view path) {
  Result<Content> content = Internal("no provider");
  if (location.scheme == "file") {
    content = ReadFile(location);
  } else if (location.scheme == "env") {
    content = ReadEnv(location, place, path);
  } else if (location.scheme == "yaml") {
    content = Content{.name = "yaml", .text = location.value};
  } else {
    content = ReadUrl(location);
  }
  if (content.ok() && content->text.size() > kDocumentBytesMax) {
    return InvalidArgument(fmt::format("{}: more than {} bytes", content->name, kDocumentBytesMax));
  }
  return content;
}

Result<Content> Providers::ReadFile(const Location& location) {
  Result<std::string> text = sources_.read_file(location.value);
  if (!text.ok()) {
    return text.status().Annotate(fmt::format("unable to read the file {}", location.ToString()));
  }
  if (std::ranges::find(files_, location.value) == files_.end()) {
    files_.push_back(location.value);
  }
  return Content{.name = location.value, .text = *std::move(text)};
}

Result<Content> Providers::ReadEnv(const Location& location, const Mark& place,
                                   std::string_view path) {
  const size_t mark = location.value.find(kDefaultMark);
  const std::string name = location.value.substr(0, mark);
  if (!IsVariableName(name)) {
    return InvalidArgument(fmt::format(
        "environment variable \"{}\" has invalid name: must match regex ^[a-zA-Z_][a-zA-Z0-9_]*$",
        name));
  }
  Content content{.name = "env:" + name, .text = ""};
  if (const std::optional<std::string> value = sources_.get_env(name)) {
    content.text = *value;
  } else if (mark != std::string::npos) {
    content.text = location.value.substr(mark + kDefaultMark.size());
  } else if (warnings_.size() < kIssuesMax) {
    warnings_.push_back({.path = std::string(path),
                         .mark = place,
                         .message = fmt::format(
                             "Configuration references unset environment variable \"{}\"", name)});
  }
  return content;
}

Result<Content> Providers::ReadUrl(const Location& location) {
  const std::string url = location.ToString();
  if (!sources_.fetch) {
    return Unimplemented(fmt::format("unsupported scheme on URI \"{}\"", url));
  }
  Result<std::string> text = sources_.fetch(url);
  if (!text.ok()) {
    return text.status().Annotate(
        fmt::format("unable to download the file via HTTP GET for uri \"{}\"", url));
  }
  return Content{.name = url, .text = *std::move(text)};
}

}  // namespace gapless::config
