// ServeMux: which page a path means, by the rules of Go's http.ServeMux. Configurations, probes and
// clients rely on them. Pure; any thread.
//
// A pattern that ends with a slash is a whole tree, others are one path; the longest that matches
// wins. Dot segments and doubled slashes are cleaned away. Paths are compared segment by segment
// after percent decoding, so that an encoded slash is none.
#pragma once

#include "net/http/http_handler.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gapless::net {

class ServeMux {
 public:
  // Each begins with a slash.
  explicit ServeMux(std::vector<std::string> patterns) : patterns_(std::move(patterns)) {}

  // The index of the pattern for that path as it is; nullopt: none.
  std::optional<size_t> Find(std::string_view path) const;
  // Where Go sends the client instead of answering: to the clean path, or to the tree of that name.
  // With the query. nullopt: nowhere else.
  std::optional<HttpResponse> Redirect(const HttpRequest& request) const;

 private:
  const std::vector<std::string> patterns_;
};

// Without dot segments and doubled slashes, with a slash in front; one at the end stays.
std::string CleanPath(std::string_view path);

}  // namespace gapless::net
