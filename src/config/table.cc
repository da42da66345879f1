#include "config/table.h"

#include "base/check.h"
#include "config/nearest.h"
#include "config/yaml.h"

#include <algorithm>

#include <fmt/format.h>

namespace gapless::config {
namespace {

void* At(void* base, size_t offset) { return static_cast<char*>(base) + offset; }
const void* At(const void* base, size_t offset) { return static_cast<const char*>(base) + offset; }

void CheckRange(const Row& row, const Node& node, const void* value, Context& context) {
  const std::optional<int64_t> magnitude = row.codec->Magnitude(value);
  if (!magnitude) {
    return;
  }
  const auto fail = [&](std::string_view what, int64_t bound) {
    context.Fail(node.mark(), fmt::format("'{}' must be {} {}, got {}", context.name(), what,
                                          row.codec->MagnitudeText(bound),
                                          row.codec->MagnitudeText(*magnitude)));
  };
  if (row.min && *magnitude < *row.min) {
    fail("at least", *row.min);
  } else if (row.max && *magnitude > *row.max) {
    fail("at most", *row.max);
  }
}

void DescribeInto(const TableBase& table, const void* defaults, const std::string& prefix,
                  std::vector<DocRow>& out) {
  for (const Row& row : table.rows()) {
    const void* value = At(defaults, row.offset);
    const Node printed = row.codec->Encode(value, Secrets::kRedacted);
    const TableBase* below = row.codec->table();
    const std::string key = prefix + std::string(row.key);
    out.push_back({.key = key,
                   .type = row.codec->TypeName(),
                   .default_value = below == nullptr ? ToText(printed) : "",
                   .doc = std::string(row.doc),
                   .deprecated = std::string(row.deprecated)});
    if (below == nullptr) {
      continue;
    }
    const void* inner = row.codec->Inner(value);
    if (row.codec->reads_null()) {
      const Node* enabled = printed.Find("enabled");
      out.back().default_value = enabled != nullptr && enabled->bool_value() ? "on" : "off";
    }
    DescribeInto(*below, inner != nullptr ? inner : below->defaults(),
                 key + row.codec->PathSuffix() + std::string(kPathSeparator), out);
  }
}

}  // namespace

void Context::FailType(const Node& node, std::string_view expected) {
  Fail(node.mark(), fmt::format("'{}' expected type '{}', got unconvertible type '{}'", name_,
                                expected, GoTypeName(node.kind())));
}

Context::Step::Step(Context& context, std::string_view key)
    : context_(context), path_size_(context.path_.size()), name_size_(context.name_.size()) {
  context.path_ = JoinPath(context.path_, key);
  context.name_ += context.name_.empty() ? "" : ".";
  context.name_ += key;
}

Context::Step::Step(Context& context, size_t index)
    : context_(context), path_size_(context.path_.size()), name_size_(context.name_.size()) {
  const std::string text = fmt::format("[{}]", index);
  context.path_ += text;
  context.name_ += text;
}

Context::Step::~Step() {
  context_.path_.resize(path_size_);
  context_.name_.resize(name_size_);
}

bool WrittenKeys::IsSet(std::string_view key) const {
  return std::ranges::find(keys_, key) != keys_.end();
}

void Checker::Fail(std::string_view key, std::string message) {
  context_.Fail(MarkOf(key), std::move(message));
}

void Checker::Warn(std::string_view key, std::string message) {
  context_.Warn(MarkOf(key), std::move(message));
}

const Mark& Checker::MarkOf(std::string_view key) const {
  const Node* node = node_;
  const Mark* mark = &context_.place();
  while (node != nullptr && !key.empty()) {
    const size_t end = key.find(kPathSeparator);
    const MapEntry* entry = FindEntry(*node, key.substr(0, end));
    if (entry == nullptr) {
      break;
    }
    mark = entry->value.is_scalar() ? &entry->value.mark() : &entry->key_mark;
    node = &entry->value;
    key = end == std::string_view::npos ? "" : key.substr(end + kPathSeparator.size());
  }
  return *mark;
}

void TableBase::Add(const Row& row) {
  if (row.is_written_keys) {
    written_offsets_.push_back(row.offset);
    return;
  }
  if (row.squashed == nullptr) {
    GAPLESS_CHECK(Find(row.key) == nullptr);
    rows_.push_back(row);
    return;
  }
  parts_.push_back({.table = row.squashed, .offset = row.offset});
  for (Row inner : row.squashed->rows_) {
    GAPLESS_CHECK(Find(inner.key) == nullptr);
    inner.offset += row.offset;
    rows_.push_back(std::move(inner));
  }
  for (const size_t offset : row.squashed->written_offsets_) {
    written_offsets_.push_back(row.offset + offset);
  }
}

const Row* TableBase::Find(std::string_view key) const {
  const auto it = std::ranges::find(rows_, key, &Row::key);
  return it != rows_.end() ? &*it : nullptr;
}

void TableBase::DecodeInto(const Node& node, void* out, Context& context) const {
  if (node.is_null()) {
    return;
  }
  if (!node.is_map()) {
    context.Fail(node.mark(), fmt::format("'{}' expected a map or struct, got \"{}\"",
                                          context.name(), GoKindName(node.kind())));
    return;
  }
  for (const size_t offset : written_offsets_) {
    auto& written = *static_cast<WrittenKeys*>(At(out, offset));
    written.Clear();
    for (const MapEntry& entry : node.map()) {
      written.Add(entry.key);
    }
  }
  for (const MapEntry& entry : node.map()) {
    DecodeEntry(entry, out, context);
  }
}

void TableBase::DecodeEntry(const MapEntry& entry, void* out, Context& context) const {
  const Row* row = Find(entry.key);
  if (row == nullptr) {
    std::vector<std::string> keys;
    for (const Row& known : rows_) {
      if (known.deprecated.empty()) {
        keys.emplace_back(known.key);
      }
    }
    context.Fail(entry.key_mark, fmt::format("'{}' has invalid keys: {}{}", context.name(),
                                             entry.key, NearestHint(entry.key, keys)));
    return;
  }
  if (!row->deprecated.empty()) {
    context.Warn(entry.key_mark,
                 fmt::format("\"{}\" is deprecated: {}", row->key, row->deprecated));
  }
  if (entry.value.is_null() && !row->codec->reads_null()) {
    return;
  }
  const Context::Step step(context, entry.key);
  const size_t errors_before = context.errors().errors().size();
  void* value = At(out, row->offset);
  row->codec->Decode(entry.value, value, context);
  if (context.errors().errors().size() == errors_before) {
    CheckRange(*row, entry.value, value, context);
  }
}

void TableBase::ValidateValue(const void* value, const Node* node, Context& context) const {
  const Mark outer = context.place();
  if (node != nullptr && node->mark().known()) {
    context.set_place(node->mark());
  }
  for (const Row& row : rows_) {
    if (row.codec->table() != nullptr) {
      const Context::Step step(context, row.key);
      row.codec->Validate(At(value, row.offset), node != nullptr ? node->Find(row.key) : nullptr,
                          context);
    }
  }
  Checker checker(context, node);
  RunValidators(value, checker);
  context.set_place(outer);
}

void TableBase::RunValidators(const void* value, Checker& checker) const {
  for (const Part& part : parts_) {
    part.table->RunValidators(At(value, part.offset), checker);
  }
  RunValidator(value, checker);
}

Node TableBase::Encode(const void* value, Secrets secrets) const {
  Node map = Node::Map();
  for (const Row& row : rows_) {
    if (row.deprecated.empty()) {
      map.Set(row.key, row.codec->Encode(At(value, row.offset), secrets));
    }
  }
  return map;
}

void DecodeStruct(const TableBase& table, const Node& node, std::string_view path, void* out,
                  Errors& errors, std::string_view name) {
  Context context(errors, path, Stage::kDecode, name);
  table.DecodeInto(node, out, context);
}

void ValidateStruct(const TableBase& table, const void* value, const Node& node,
                    std::string_view path, Errors& errors) {
  Context context(errors, path, Stage::kValidate);
  table.ValidateValue(value, &node, context);
}

Node PrintStruct(const TableBase& table, const void* value, Secrets secrets) {
  return table.Encode(value, secrets);
}

std::vector<DocRow> Describe(const TableBase& table) {
  std::vector<DocRow> rows;
  DescribeInto(table, table.defaults(), "", rows);
  return rows;
}

}  // namespace gapless::config
