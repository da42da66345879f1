// Errors: everything that is wrong with a configuration, collected instead of stopping at the
// first.
#pragma once

#include "base/status.h"
#include "config/node.h"

#include <string>
#include <string_view>
#include <vector>

namespace gapless::config {

struct Issue {
  std::string path;  // "exporters::otlp/a::tls"; empty: the whole configuration
  Mark mark;
  std::string message;

  // "file:line:column: path: message", parts that are not known left out.
  std::string ToString() const;
};

// At most kIssuesMax of each are kept; the rest is counted.
class Errors {
 public:
  void Add(std::string_view path, const Mark& mark, std::string message);
  // Problems that do not stop the start.
  void Warn(std::string_view path, const Mark& mark, std::string message);
  void Append(const Errors& other);

  bool ok() const { return errors_.empty(); }
  const std::vector<Issue>& errors() const { return errors_; }
  const std::vector<Issue>& warnings() const { return warnings_; }

  // One error per line, in order of arrival.
  std::string ToString() const;
  // OK, or INVALID_ARGUMENT with ToString().
  Status ToStatus() const;

 private:
  std::vector<Issue> errors_;
  std::vector<Issue> warnings_;
  size_t left_out_ = 0;
};

}  // namespace gapless::config
