#include "processor/attributes/config.h"

#include "processor/attributes/actions.h"
#include "processor/attributes/match.h"

namespace gapless::processor::attributes {
namespace {

using config::Checker;
using config::Field;
using config::Table;

// There are no authenticators.
void WarnOfContext(const std::vector<ActionConfig>& actions, std::string_view key,
                   Checker& checker) {
  for (const ActionConfig& action : actions) {
    if (action.from_context.starts_with("auth.")) {
      checker.Warn(key, "from_context: \"" + action.from_context +
                            "\" is never there: gapless keeps a client's metadata (metadata.…, "
                            "with include_metadata) and its address, not its identity");
    }
  }
}

void CheckActions(const std::vector<ActionConfig>& actions, std::string_view key,
                  Checker& checker) {
  if (actions.empty()) {
    checker.Fail(key, "missing required field \"" + std::string(key) + "\"");
    return;
  }
  if (auto compiled = Actions::Compile(actions); !compiled.ok()) {
    checker.Fail(key, compiled.status().message());
  }
  WarnOfContext(actions, key, checker);
}

void CheckMatch(const std::optional<MatchConfig>& match, std::string_view key, Checker& checker) {
  if (!match) {
    return;
  }
  if (Status status = CheckPatterns(*match); !status.ok()) {
    checker.Fail(key, status.message());
  }
}

void CheckAttributes(const AttributesConfig& config, Checker& checker) {
  CheckActions(config.actions, "actions", checker);
  CheckMatch(config.include, "include", checker);
  CheckMatch(config.exclude, "exclude", checker);
}

const Table<ActionConfig>& ActionTable() {
  static const Table<ActionConfig> table = {
      Field("key", &ActionConfig::key, "The attribute to act on."),
      Field("action", &ActionConfig::action,
            "insert (if it is not there), update (if it is there), upsert, delete, hash (SHA-256), "
            "extract (named groups of `pattern` become attributes), convert."),
      Field("value", &ActionConfig::value, "insert, update, upsert: the value, of any type."),
      Field("from_attribute", &ActionConfig::from_attribute,
            "insert, update, upsert: the attribute to copy."),
      Field("from_context", &ActionConfig::from_context,
            "insert, update, upsert: metadata.NAME, a header of the request, or client.address."),
      Field("default_value", &ActionConfig::default_value,
            "insert, update, upsert: the value where from_attribute or from_context finds none."),
      Field("pattern", &ActionConfig::pattern,
            "extract: RE2 with named groups; delete, hash: RE2 that keys match."),
      Field("converted_type", &ActionConfig::converted_type, "convert: int, double or string."),
  };
  return table;
}

const Table<AttributeMatch>& AttributeMatchTable() {
  static const Table<AttributeMatch> table = {
      Field("key", &AttributeMatch::key, "An attribute that must be there."),
      Field("value", &AttributeMatch::value, "Its value; not given: any."),
  };
  return table;
}

const Table<MatchConfig>& MatchTable() {
  static const Table<RegexpCache> cache = {
      Field("cacheenabled", &RegexpCache::cacheenabled, "Not needed: RE2 has no cache to keep."),
      Field("cachemaxnumentries", &RegexpCache::cachemaxnumentries,
            "Not needed: RE2 has no cache to keep."),
  };
  static const Table<LibraryMatch> library = {
      Field("name", &LibraryMatch::name, "Name of the instrumentation scope."),
      Field("version", &LibraryMatch::version, "Its version; not given: any."),
  };
  static const Table<SeverityMatch> severity = {
      Field("min", &SeverityMatch::min, "The lowest severity number that matches."),
      Field("match_undefined", &SeverityMatch::match_undefined,
            "Whether records without severity match."),
  };
  static const Table<MatchConfig> table = {
      Field("match_type", &MatchConfig::match_type,
            "strict: texts are equal; regexp: RE2 found anywhere in them."),
      Field("regexp", &MatchConfig::regexp, cache, "Not needed: RE2 has no cache to keep."),
      Field("services", &MatchConfig::services, "service.name is one of these; not for logs."),
      Field("span_names", &MatchConfig::span_names, "Spans: the name is one of these."),
      Field("span_kinds", &MatchConfig::span_kinds,
            "Spans: the kind is one of these (SPAN_KIND_SERVER, …)."),
      Field("log_bodies", &MatchConfig::log_bodies, "Logs: the body as text is one of these."),
      Field("log_severity_texts", &MatchConfig::log_severity_texts,
            "Logs: the severity text is one of these."),
      Field("log_severity_number", &MatchConfig::log_severity_number, severity,
            "Logs: the severity number."),
      Field("metric_names", &MatchConfig::metric_names, "Metrics: the name is one of these."),
      Field("attributes", &MatchConfig::attributes, AttributeMatchTable(),
            "All of these attributes are there."),
      Field("resources", &MatchConfig::resources, AttributeMatchTable(),
            "All of these resource attributes are there."),
      Field("libraries", &MatchConfig::libraries, library,
            "The instrumentation scope is one of these."),
  };
  return table;
}

}  // namespace

const Table<AttributesConfig>& AttributesTable() {
  static const Table<AttributesConfig> table(
      {
          Field("actions", &AttributesConfig::actions, ActionTable(),
                "What to do with the attributes, in this order."),
          Field("include", &AttributesConfig::include, MatchTable(),
                "Only items that match are changed."),
          Field("exclude", &AttributesConfig::exclude, MatchTable(),
                "Of those, the ones that match are left alone."),
      },
      CheckAttributes);
  return table;
}

const Table<ResourceConfig>& ResourceTable() {
  static const Table<ResourceConfig> table(
      {
          Field("attributes", &ResourceConfig::attributes, ActionTable(),
                "What to do with the attributes of resources, in this order."),
      },
      [](const ResourceConfig& config, Checker& checker) {
        CheckActions(config.attributes, "attributes", checker);
      });
  return table;
}

Status CheckSignal(const AttributesConfig& config, otlp::Signal signal) {
  for (const std::optional<MatchConfig>* match : {&config.include, &config.exclude}) {
    if (*match) {
      RETURN_IF_ERROR(Matcher::Compile(**match, signal).status());
    }
  }
  return OkStatus();
}

}  // namespace gapless::processor::attributes
