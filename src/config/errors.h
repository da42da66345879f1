// Errors: everything that is wrong with a configuration, collected instead of stopping at the
// first.
#pragma once

#include "base/status.h"
#include "config/node.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gapless::config {

// The step that a problem belongs to. Upstream ends at the first step that fails; here every step
// that makes sense is taken, and all problems are told.
enum class Stage : uint8_t {
  kDecode,    // a value does not fit its key, a key or a component type is unknown
  kValidate,  // values that contradict each other, references to nothing
  kBuild,     // pipelines that cannot be joined
};

struct Issue {
  std::string path;  // "exporters::otlp/a::tls"; empty: the whole configuration
  Mark mark;
  std::string message;
  Stage stage = Stage::kValidate;

  // "file:line:column: path: message", parts that are not known left out.
  std::string ToString() const;
};

// At most kIssuesMax of each are kept; the rest is counted.
class Errors {
 public:
  void Add(std::string_view path, const Mark& mark, std::string message,
           Stage stage = Stage::kValidate);
  // Problems that do not stop the start.
  void Warn(std::string_view path, const Mark& mark, std::string message);
  void Append(const Errors& other);

  bool ok() const { return errors_.empty(); }
  const std::vector<Issue>& errors() const { return errors_; }
  const std::vector<Issue>& warnings() const { return warnings_; }
  // Errors beyond the limit, counted only.
  size_t left_out() const { return left_out_; }

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
