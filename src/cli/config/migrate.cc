#include "cli/config/migrate.h"

#include "cli/config/migrate_facts.h"
#include "config/component_map.h"
#include "service/config/config.h"
#include "service/config/upstream_types.h"
#include "service/plan/planner.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace gapless::cli {
namespace {

using config::JoinPath;
using config::Mark;
using config::Node;

class Migrator {
 public:
  explicit Migrator(const service::Factories& factories) : factories_(factories) {}

  Migration Run(const config::Resolved& resolved) {
    for (const service::Kind kind : service::kKinds) {
      AddSection(resolved.root, kind);
    }
    if (const Node* service = resolved.root.Find("service")) {
      AddService(*service);
    }
    for (const config::Issue& warning : resolved.warnings) {
      Replace(warning, "", Verdict::kMissing);
    }
    AddProblems(resolved.root);
    std::ranges::stable_sort(migration_.lines, {}, [this](const MigrationLine& line) {
      return std::tuple(FileIndex(line.mark), line.mark.line, line.mark.column);
    });
    return std::move(migration_);
  }

 private:
  void Add(const Mark& mark, std::string key, Verdict verdict, std::string_view sentence) {
    FileIndex(mark);
    migration_.lines.push_back({.mark = mark,
                                .key = std::move(key),
                                .verdict = verdict,
                                .sentence = std::string(sentence)});
  }

  // Files in order of appearance.
  size_t FileIndex(const Mark& mark) {
    const std::string name = mark.file != nullptr ? *mark.file : "";
    const auto it = std::ranges::find(files_, name);
    if (it != files_.end()) {
      return static_cast<size_t>(it - files_.begin());
    }
    files_.push_back(name);
    return files_.size() - 1;
  }

  void AddSection(const Node& root, service::Kind kind) {
    const std::string_view section = service::SectionOf(kind);
    config::Errors ignored;  // AddProblems tells them
    for (const auto& entry : config::ParseComponentMap(root.Find(section), section, ignored)) {
      const pipeline::TypeInfo* info = factories_.Find(kind, entry.id.type);
      if (info == nullptr) {
        continue;  // AddProblems tells it
      }
      const std::string path = JoinPath(section, entry.id.ToString());
      const Fact* fact = FindFact(section, info->type, "");
      Add(entry.mark, path, fact != nullptr ? fact->verdict : Verdict::kSame,
          fact != nullptr ? fact->sentence : "the type is there, with the same keys.");
      if (entry.node != nullptr) {
        AddKeys(*entry.node, info->config.table(), section, info->type, path, "");
      }
    }
  }

  // The keys of one map that `table` reads, and of the maps within. `key`: the path below the
  // component as facts write it.
  void AddKeys(const Node& map, const config::TableBase& table, std::string_view section,
               std::string_view type, const std::string& path, const std::string& key) {
    for (const config::MapEntry& entry : map.map()) {
      const config::Row* row = table.Find(entry.key);
      const std::string here = JoinPath(path, entry.key);
      const std::string fact_key = JoinPath(key, entry.key);
      if (row == nullptr) {
        continue;  // an unknown key, or `enabled` of a section
      }
      const Fact* fact = FindFact(section, type, fact_key);
      const config::TableBase* below = row->codec->table();
      if (fact != nullptr && (fact->holds == nullptr || fact->holds(entry.value))) {
        Add(entry.key_mark, here, fact->verdict, fact->sentence);
        leaves_.insert(here);
      } else if (below == nullptr) {
        Add(entry.key_mark, here, VerdictOf(*row, entry.value), row->doc);
        leaves_.insert(here);
      }
      if (below != nullptr && (fact == nullptr || fact->sentence != kOwnKey)) {
        AddBelow(entry.value, *below, row->codec->PathSuffix(), section, type, here, fact_key);
      }
    }
  }

  // What a key's documentation says of it.
  static Verdict VerdictOf(const config::Row& row, const Node& value) {
    if (row.doc.starts_with("Not needed")) {
      return Verdict::kBetter;
    }
    const bool idle = row.doc.starts_with("No effect") || row.doc.starts_with("Not supported") ||
                      row.doc.starts_with("Accepted");
    return idle && IsGiven(value) ? Verdict::kMissing : Verdict::kSame;
  }

  // Lists and maps of structs, and structs.
  void AddBelow(const Node& value, const config::TableBase& table, const std::string& suffix,
                std::string_view section, std::string_view type, const std::string& path,
                const std::string& key) {
    if (value.is_list()) {
      for (size_t i = 0; i < value.list().size(); ++i) {
        AddKeys(value.list()[i], table, section, type, fmt::format("{}[{}]", path, i),
                key + suffix);
      }
    } else if (suffix.contains("<name>")) {
      for (const config::MapEntry& named : value.map()) {
        AddKeys(named.value, table, section, type, JoinPath(path, named.key), key + suffix);
      }
    } else {
      AddKeys(value, table, section, type, path, key);
    }
  }

  void AddService(const Node& service) {
    if (const Node* pipelines = service.Find("pipelines")) {
      for (const config::MapEntry& entry : pipelines->map()) {
        Add(entry.key_mark, JoinPath("service::pipelines", entry.key), Verdict::kSame,
            "the same receivers, processors and exporters in the same order.");
      }
    }
    if (const config::MapEntry* extensions = config::FindEntry(service, "extensions")) {
      Add(extensions->key_mark, "service::extensions", Verdict::kSame, "the same extensions run.");
    }
    if (const config::MapEntry* admin = config::FindEntry(service, "admin")) {
      Add(admin->key_mark, "service::admin", Verdict::kBetter, kOwnKey);
    }
    if (const Node* telemetry = service.Find("telemetry")) {
      AddKeys(*telemetry, service::TelemetryTable(), "service", "telemetry", "service::telemetry",
              "");
    }
  }

  // A problem takes the place of what was said of the same key or spot.
  void Replace(const config::Issue& issue, std::string_view key, Verdict verdict) {
    std::erase_if(migration_.lines, [&](const MigrationLine& line) {
      if (line.key == issue.path && line.verdict != Verdict::kMissing &&
          leaves_.contains(line.key)) {
        return true;
      }
      return line.mark.known() && line.mark.file != nullptr && issue.mark.file != nullptr &&
             *line.mark.file == *issue.mark.file && line.mark.line == issue.mark.line &&
             line.mark.column == issue.mark.column;
    });
    Add(issue.mark, key.empty() ? issue.path : std::string(key), verdict, issue.message);
  }

  void AddProblems(const Node& root) {
    config::Errors errors;
    const service::Config config = service::DecodeConfig(root, factories_, errors);
    if (errors.ok()) {
      migration_.notes = service::MakePlan(config, factories_, errors).notes;
    }
    for (const config::Issue& issue : errors.errors()) {
      Replace(issue, "", Verdict::kMissing);
    }
    migration_.runs = errors.ok();
  }

  const service::Factories& factories_;
  Migration migration_;
  std::vector<std::string> files_;
  std::set<std::string> leaves_;  // keys that have a value of their own
};

}  // namespace

std::string_view ToString(Verdict verdict) {
  switch (verdict) {
    case Verdict::kSame:
      return "same";
    case Verdict::kBetter:
      return "better";
    case Verdict::kMissing:
      return "missing";
  }
  return "";
}

size_t Migration::Count(Verdict verdict) const {
  return static_cast<size_t>(std::ranges::count(lines, verdict, &MigrationLine::verdict));
}

std::string Migration::ToText() const {
  size_t place_width = 0;
  size_t key_width = 0;
  const auto place = [](const MigrationLine& line) {
    return line.mark.known() ? fmt::format("{}:{}", *line.mark.file, line.mark.line) : "-";
  };
  for (const MigrationLine& line : lines) {
    place_width = std::max(place_width, place(line).size());
    key_width = std::max(key_width, line.key.size());
  }
  std::string text;
  for (const MigrationLine& line : lines) {
    text += fmt::format("{:<{}}  {:<{}}  {:<7}  {}\n", place(line), place_width, line.key,
                        key_width, cli::ToString(line.verdict), line.sentence);
  }
  for (const std::string& note : notes) {
    text += fmt::format("plan: {}\n", note);
  }
  return text + fmt::format("{} same, {} better, {} missing: {}\n", Count(Verdict::kSame),
                            Count(Verdict::kBetter), missing(),
                            !runs ? "gapless does not run this configuration as it is."
                            : missing() == 0
                                ? "gapless runs this configuration unchanged."
                                : "gapless runs this configuration without what is missing.");
}

Migration Migrate(const config::Resolved& resolved, const service::Factories& factories) {
  return Migrator(factories).Run(resolved);
}

}  // namespace gapless::cli
