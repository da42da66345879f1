// Configuration of the `attributes` and the `resource` processor.
#pragma once

#include "config/fields.h"
#include "otlp/signal.h"

#include <optional>
#include <string>
#include <vector>

namespace gapless::processor::attributes {

// One action as written. Which keys go together: actions.h.
struct ActionConfig {
  std::string key;
  config::Node value;          // any type; null: not given
  config::Node default_value;  // where the other sources give none
  std::string pattern;
  std::string from_attribute;
  std::string from_context;
  std::string converted_type;
  std::string action;  // any case
};

struct AttributeMatch {
  std::string key;
  config::Node value;  // null: any value matches
};

struct LibraryMatch {
  std::string name;
  std::optional<std::string> version;  // none: any; "": only without a version
};

struct SeverityMatch {
  int32_t min = 0;
  bool match_undefined = false;
};

// Upstream's cache of regexp results; read, without effect.
struct RegexpCache {
  bool cacheenabled = false;
  int64_t cachemaxnumentries = 0;
};

// What an item must be like: every property that is given must match.
struct MatchConfig {
  std::string match_type;  // strict or regexp
  RegexpCache regexp;
  std::vector<std::string> services;
  std::vector<std::string> span_names;
  std::vector<std::string> span_kinds;
  std::vector<std::string> log_bodies;
  std::vector<std::string> log_severity_texts;
  std::optional<SeverityMatch> log_severity_number;
  std::vector<std::string> metric_names;
  std::vector<AttributeMatch> attributes;
  std::vector<AttributeMatch> resources;
  std::vector<LibraryMatch> libraries;
};

struct AttributesConfig {
  std::vector<ActionConfig> actions;
  std::optional<MatchConfig> include;
  std::optional<MatchConfig> exclude;
};

struct ResourceConfig {
  std::vector<ActionConfig> attributes;
};

const config::Table<AttributesConfig>& AttributesTable();
const config::Table<ResourceConfig>& ResourceTable();

// Whether include and exclude make sense for a signal: what upstream refuses when the pipeline is
// built.
Status CheckSignal(const AttributesConfig& config, otlp::Signal signal);

}  // namespace gapless::processor::attributes
