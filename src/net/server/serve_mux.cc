#include "net/server/serve_mux.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace gapless::net {
namespace {

// Text that is no percent code stays as it is.
std::string Decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned code = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(&text[i + 1], &text[i + 1] + 2, code, 16).ptr == &text[i + 1] + 2) {
      out += static_cast<char>(code);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

// Takes the segment up to the next slash, or all of it, and that slash.
std::string_view TakeSegment(std::string_view& path) {
  const std::string_view segment = path.substr(0, path.find('/'));
  path.remove_prefix(std::min(path.size(), segment.size() + 1));
  return segment;
}

bool Matches(std::string_view pattern, std::string_view path) {
  if (!pattern.starts_with('/') || !path.starts_with('/')) {
    return false;
  }
  const bool tree = pattern.ends_with('/');
  if (!tree && path.ends_with('/')) {
    return false;
  }
  std::string_view wanted = pattern.substr(1);
  std::string_view given = path.substr(1);
  while (!wanted.empty()) {
    if (given.empty() && !tree) {
      return false;
    }
    // The slash behind the name of a tree is a part of it.
    const bool has_slash = given.contains('/');
    if (TakeSegment(wanted) != Decoded(TakeSegment(given)) ||
        (tree && wanted.empty() && !has_slash)) {
      return false;
    }
  }
  return tree || given.empty();
}

std::string Html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    constexpr std::string_view kSpecial = "<>&\"'";
    out += kSpecial.contains(c) ? fmt::format("&#{};", static_cast<int>(c)) : std::string(1, c);
  }
  return out;
}

HttpResponse RedirectTo(const std::string& path, std::string_view query) {
  const std::string location = query.empty() ? path : fmt::format("{}?{}", path, query);
  HttpResponse response =
      TextResponse(307, fmt::format("<a href=\"{}\">Temporary Redirect</a>.\n\n", Html(location)));
  response.headers.Set("content-type", "text/html; charset=utf-8");
  response.headers.Set("location", location);
  return response;
}

}  // namespace

std::string CleanPath(std::string_view path) {
  std::vector<std::string_view> kept;
  const bool slash = path.ends_with('/');
  while (!path.empty()) {
    const std::string_view segment = TakeSegment(path);
    if (segment == ".." && !kept.empty()) {
      kept.pop_back();
    } else if (!segment.empty() && segment != "." && segment != "..") {
      kept.push_back(segment);
    }
  }
  std::string out;
  for (const std::string_view segment : kept) {
    out += "/";
    out += segment;
  }
  return slash || out.empty() ? out + "/" : out;
}

std::optional<size_t> ServeMux::Find(std::string_view path) const {
  if (const auto same = std::ranges::find(patterns_, path); same != patterns_.end()) {
    return same - patterns_.begin();
  }
  std::optional<size_t> best;
  for (size_t i = 0; i < patterns_.size(); ++i) {
    if (Matches(patterns_[i], path) && (!best || patterns_[i].size() > patterns_[*best].size())) {
      best = i;
    }
  }
  return best;
}

std::optional<HttpResponse> ServeMux::Redirect(const HttpRequest& request) const {
  const std::string_view path = request.path();
  if (request.method == "CONNECT" || !path.starts_with('/')) {
    return std::nullopt;
  }
  const std::string clean = CleanPath(path);
  const auto found = Find(clean);
  const bool exact = found && (!patterns_[*found].ends_with('/') || clean.ends_with('/'));
  if (!exact && !clean.ends_with('/')) {
    const std::string tree = clean + "/";
    if (const auto rooted = Find(tree);
        rooted && std::ranges::count(patterns_[*rooted], '/') == std::ranges::count(tree, '/')) {
      return RedirectTo(tree, request.query());
    }
  }
  if (clean != path) {
    return RedirectTo(clean, request.query());
  }
  return std::nullopt;
}

}  // namespace gapless::net
