// Where configuration text comes from: the schemes file, env, yaml, http and https.
#pragma once

#include "base/status.h"
#include "config/errors.h"
#include "config/node.h"
#include "config/sources.h"

#include <string>
#include <string_view>
#include <vector>

namespace gapless::config {

// `scheme:value`, as upstream's confmap location.
struct Location {
  std::string scheme;
  std::string value;

  std::string ToString() const { return scheme + ":" + value; }
  // A letter, then letters, digits, '+', '.' or '-', at least two in all, then ':'.
  static Result<Location> Parse(std::string_view uri);
  // A value of --config: without ':' or with a drive letter before it, it is a file.
  static Result<Location> ParseConfigFlag(std::string_view uri);
  // A value of --set: a yaml: location, '.' in the key turned into "::".
  static Result<Location> ParseSetFlag(std::string_view text);
  // What stands between `${` and `}`: without ':' a variable's name. Accepts `NAME:-default`, too,
  // which upstream does not.
  static Result<Location> ParseReference(std::string_view text);
};

struct Content {
  std::string name;  // for marks: the file's path, "env:NAME", "yaml", the URL
  std::string text;
};

class Providers {
 public:
  explicit Providers(const Sources& sources) : sources_(sources) {}

  // `place`, `path`: where the location was written, for warnings.
  Result<Content> Read(const Location& location, const Mark& place, std::string_view path);

  std::vector<Issue> TakeWarnings() { return std::move(warnings_); }
  std::vector<std::string> TakeFiles() { return std::move(files_); }
  // Restores the warnings to what they were at the call with the same number of them.
  size_t warnings_size() const { return warnings_.size(); }
  void TrimWarnings(size_t size) { warnings_.resize(size); }

 private:
  Result<Content> ReadFile(const Location& location);
  Result<Content> ReadEnv(const Location& location, const Mark& place, std::string_view path);
  Result<Content> ReadUrl(const Location& location);

  const Sources& sources_;
  std::vector<Issue> warnings_;
  std::vector<std::string> files_;
};

}  // namespace gapless::config
