// --feature-gates: every gate of the Collector is known by name; most have no effect here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gapless::cli {

struct FeatureGate {
  std::string_view id;
  bool enabled = false;
  std::string_view stage;
  std::string_view description;  // what it does in gapless
};

class FeatureGates {
 public:
  FeatureGates();

  // One value of the flag: "a,+b,-c". Names that nobody knows go to unknown().
  void Apply(std::string_view flag);

  bool IsEnabled(std::string_view id) const;
  const FeatureGate* Find(std::string_view id) const;
  const std::vector<FeatureGate>& gates() const { return gates_; }
  const std::vector<std::string>& unknown() const { return unknown_; }
  // "… (did you mean …?)" for one of unknown().
  std::string Hint(std::string_view id) const;

 private:
  std::vector<FeatureGate> gates_;  // sorted by ID
  std::vector<std::string> unknown_;
};

// Joins lists of components from several sources.
inline constexpr std::string_view kMergeAppendGate = "confmap.enableMergeAppendOption";

}  // namespace gapless::cli
