// Matcher: whether an item is meant by `include` or `exclude`. Behaviour and error texts are
// upstream's (internal/filter), with two differences: of several libraries one must match, as
// upstream's documentation says, and for metrics services, resources, libraries and the attributes
// of the data point count as well as names.
//
// Immutable after compiling; any thread.
#pragma once

#include "otlp/attributes_edit.h"
#include "otlp/signal.h"
#include "processor/attributes/config.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gapless::processor::attributes {

// Texts to compare with: equal, or RE2 patterns of which one is found.
class TextSet {
 public:
  static Result<TextSet> Compile(const std::vector<std::string>& texts, bool regexp);
  TextSet();
  TextSet(TextSet&&) noexcept;
  TextSet& operator=(TextSet&&) noexcept;
  ~TextSet();

  bool empty() const { return texts_.empty(); }
  bool Matches(std::string_view text) const;

 private:
  struct Patterns;
  std::vector<std::string> texts_;
  std::unique_ptr<const Patterns> patterns_;  // null: strict
};

// What a signal has nothing to do with: the match type, patterns, keys.
Status CheckPatterns(const MatchConfig& config);

class Matcher {
 public:
  // INVALID_ARGUMENT where the properties do not suit the signal. None: for this signal nothing is
  // asked for, so that everything is processed.
  static Result<std::optional<Matcher>> Compile(const MatchConfig& config, otlp::Signal signal);
  Matcher(Matcher&&) noexcept;
  Matcher& operator=(Matcher&&) noexcept;
  ~Matcher();

  // The same for all items of one resource and scope.
  bool MatchesGroup(const otlp::AttributesPlace& place) const;
  // The rest, given the attributes before any action.
  bool MatchesItem(const otlp::AttributesPlace& place, const otlp::AttributeList& attributes) const;

 private:
  struct Properties;
  explicit Matcher(std::unique_ptr<const Properties> properties);
  std::unique_ptr<const Properties> properties_;
};

}  // namespace gapless::processor::attributes
