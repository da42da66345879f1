// TableBase: the type-erased half of a field table, and what can be done with one.
#pragma once

#include "config/codec.h"
#include "config/errors.h"
#include "config/node.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gapless::config {

// The keys that were written out in one map, nested keys not included.
class WrittenKeys {
 public:
  bool IsSet(std::string_view key) const;
  const std::vector<std::string>& keys() const { return keys_; }
  void Add(std::string_view key) { keys_.emplace_back(key); }
  void Clear() { keys_.clear(); }
  // Keys are no part of a config's value: structs that differ only in them are equal.
  bool operator==(const WrittenKeys&) const { return true; }

 private:
  std::vector<std::string> keys_;
};

// What is known about an optional section besides its value.
struct SectionState {
  bool enabled = false;
  bool present = false;  // its key was written, with any value
  WrittenKeys written;

  bool operator==(const SectionState& other) const { return enabled == other.enabled; }
};

struct Row {
  std::string_view key;
  std::string_view doc;
  std::string_view deprecated;  // advice; empty: not deprecated
  size_t offset = 0;
  CodecPtr codec;
  std::optional<int64_t> min;
  std::optional<int64_t> max;
  const TableBase* squashed = nullptr;
  bool is_written_keys = false;
};

// Given to validators: reports problems of one struct.
class Checker {
 public:
  Checker(Context& context, const Node* node) : context_(context), node_(node) {}

  // The path in front of the message is the struct's, as upstream's; the place is the key's if it
  // was written. `key` may be a path of keys, or empty.
  void Fail(std::string_view key, std::string message);
  void Warn(std::string_view key, std::string message);

 private:
  const Mark& MarkOf(std::string_view key) const;

  Context& context_;
  const Node* node_;
};

class TableBase {
 public:
  virtual ~TableBase() = default;
  TableBase() = default;
  TableBase(const TableBase&) = delete;
  TableBase& operator=(const TableBase&) = delete;

  virtual const void* defaults() const = 0;
  virtual void RunValidator(const void* value, Checker& checker) const = 0;

  // With the rows of squashed tables in place of them, offsets from the outer struct.
  const std::vector<Row>& rows() const { return rows_; }
  const Row* Find(std::string_view key) const;

  // The work of Decode, Validate and Print below the top.
  void DecodeInto(const Node& node, void* out, Context& context) const;
  void ValidateValue(const void* value, const Node* node, Context& context) const;
  Node Encode(const void* value, Secrets secrets) const;

 protected:
  void Add(const Row& row);

 private:
  struct Part {
    const TableBase* table;
    size_t offset;
  };
  // Its own and those of squashed tables, innermost first.
  void RunValidators(const void* value, Checker& checker) const;
  void DecodeEntry(const MapEntry& entry, void* out, Context& context) const;

  std::vector<Row> rows_;
  std::vector<Part> parts_;              // squashed tables
  std::vector<size_t> written_offsets_;  // members of type WrittenKeys
};

void DecodeStruct(const TableBase& table, const Node& node, std::string_view path, void* out,
                  Errors& errors, std::string_view name = "");
void ValidateStruct(const TableBase& table, const void* value, const Node& node,
                    std::string_view path, Errors& errors);
Node PrintStruct(const TableBase& table, const void* value, Secrets secrets);

// One line of a component's documentation.
struct DocRow {
  std::string key;   // "sending_queue::queue_size", "levels[]::name", "checks::<name>::type"
  std::string type;  // "int", "list of string", "section"
  std::string default_value;  // as YAML text; empty for structs
  std::string doc;
  std::string deprecated;  // advice; empty: not deprecated
};

// Every key of the table and of the tables within it, in their order.
std::vector<DocRow> Describe(const TableBase& table);

}  // namespace gapless::config
