// Codec: how values of one C++ type are read from a Node, checked and written back. The type-erased
// half of fields.h.
#pragma once

#include "config/errors.h"
#include "config/node.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gapless::config {

class TableBase;

enum class Secrets : uint8_t { kRedacted, kRevealed };

// Where decoding or checking stands, and where its problems go.
class Context {
 public:
  // `path`: of the value at the top, e.g. "exporters::otlp/a". `stage`: of the problems. `name`:
  // what the top is called.
  Context(Errors& errors, std::string_view path, Stage stage, std::string_view name = "")
      : errors_(errors), stage_(stage), path_(path), name_(name) {}

  // "exporters::otlp/a::tls"
  const std::string& path() const { return path_; }
  // The path below the top as mapstructure writes it: "sending_queue.batch", "endpoints[0]"; of a
  // component it is empty at the top.
  const std::string& name() const { return name_; }
  Errors& errors() { return errors_; }

  void Fail(const Mark& mark, std::string message) {
    errors_.Add(path_, mark, std::move(message), stage_);
  }
  // "'name' expected type 'int', got unconvertible type 'string'"
  void FailType(const Node& node, std::string_view expected);
  // The nearest place known, for problems of what was not written.
  const Mark& place() const { return place_; }
  void set_place(const Mark& place) { place_ = place; }
  void Warn(const Mark& mark, std::string message) {
    errors_.Warn(path_, mark, std::move(message));
  }

  // Enters a key or a list item for its lifetime.
  class Step {
   public:
    Step(Context& context, std::string_view key);
    Step(Context& context, size_t index);
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;
    ~Step();

   private:
    Context& context_;
    size_t path_size_;
    size_t name_size_;
  };

 private:
  Errors& errors_;
  const Stage stage_;
  std::string path_;
  std::string name_;
  Mark place_;
};

// Stateless after construction; used from any thread.
class Codec {
 public:
  virtual ~Codec() = default;

  // Reads `node` into the value at `out`; problems go to `context` and leave the value as it was,
  // or partly read.
  virtual void Decode(const Node& node, void* out, Context& context) const = 0;
  virtual Node Encode(const void* value, Secrets secrets) const = 0;
  // For documentation: "int", "duration", "list of string".
  virtual std::string TypeName() const = 0;
  // What Min and Max of a field compare; nullopt: the type has no order.
  virtual std::optional<int64_t> Magnitude(const void* /*value*/) const { return std::nullopt; }
  // Writes a magnitude in the units of the type, for messages.
  virtual std::string MagnitudeText(int64_t magnitude) const { return std::to_string(magnitude); }
  // The table of the struct, or of the structs, that the value is made of.
  virtual const TableBase* table() const { return nullptr; }
  // Such a struct within `value`, for its defaults; null: there is none before something is
  // written.
  virtual const void* Inner(const void* /*value*/) const { return nullptr; }
  // What follows the key in the paths of those structs' fields: "", "[]" or "::<name>".
  virtual std::string PathSuffix() const { return ""; }
  // Runs the validators of those structs. `node`: what was written, or null.
  virtual void Validate(const void* /*value*/, const Node* /*node*/, Context& /*context*/) const {}
  // Reads null as something (a section that null turns on); otherwise null keeps the default.
  virtual bool reads_null() const { return false; }
};

using CodecPtr = std::shared_ptr<const Codec>;

}  // namespace gapless::config
