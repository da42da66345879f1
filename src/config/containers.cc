// Codecs of structs, lists, maps, optionals and sections, over any element.
#include "config/codecs.h"

#include <fmt/format.h>

namespace gapless::config {
namespace {

class StructCodec final : public Codec {
 public:
  explicit StructCodec(const TableBase& table) : table_(table) {}

  void Decode(const Node& node, void* out, Context& context) const override {
    table_.DecodeInto(node, out, context);
  }
  Node Encode(const void* value, Secrets secrets) const override {
    return table_.Encode(value, secrets);
  }
  std::string TypeName() const override { return "map"; }
  const TableBase* table() const override { return &table_; }
  const void* Inner(const void* value) const override { return value; }
  void Validate(const void* value, const Node* node, Context& context) const override {
    table_.ValidateValue(value, node, context);
  }

 private:
  const TableBase& table_;
};

// What all codecs around another codec share.
class Wrapper : public Codec {
 public:
  explicit Wrapper(CodecPtr element) : element_(std::move(element)) {}
  const TableBase* table() const override { return element_->table(); }

 protected:
  CodecPtr element_;
};

class ListCodec final : public Wrapper {
 public:
  ListCodec(ListOps ops, CodecPtr element) : Wrapper(std::move(element)), ops_(ops) {}

  void Decode(const Node& node, void* out, Context& context) const override {
    if (node.is_null()) {
      return;
    }
    if (node.is_map() || (node.is_scalar() && !node.is_string() && !node.expanded())) {
      context.Fail(node.mark(),
                   fmt::format("'{}': source data must be an array or slice, got {}",
                               context.name(), node.is_map() ? "map" : GoTypeName(node.kind())));
      return;
    }
    ops_.clear(out);
    if (node.is_list()) {
      DecodeItems(node.list(), out, context);
    } else {
      DecodeItems(Split(node), out, context);
    }
  }
  Node Encode(const void* value, Secrets secrets) const override {
    Node list = Node::List({});
    for (size_t i = 0; i < ops_.size(value); ++i) {
      list.list().push_back(element_->Encode(ops_.at(value, i), secrets));
    }
    return list;
  }
  std::string TypeName() const override { return "list of " + element_->TypeName(); }
  std::string PathSuffix() const override { return "[]" + element_->PathSuffix(); }
  void Validate(const void* value, const Node* node, Context& context) const override {
    if (table() == nullptr) {
      return;
    }
    for (size_t i = 0; i < ops_.size(value); ++i) {
      const Context::Step step(context, i);
      const bool written = node != nullptr && i < node->list().size();
      element_->Validate(ops_.at(value, i), written ? &node->list()[i] : nullptr, context);
    }
  }

 private:
  void DecodeItems(const std::vector<Node>& items, void* out, Context& context) const {
    for (size_t i = 0; i < items.size(); ++i) {
      const Context::Step step(context, i);
      element_->Decode(items[i], ops_.append(out), context);
    }
  }
  // As mapstructure's StringToSliceHookFunc(","): no trimming, the empty string is the empty list.
  static std::vector<Node> Split(const Node& node) {
    std::vector<Node> items;
    const std::string& text = node.text();
    for (size_t begin = 0; !text.empty() && begin <= text.size();) {
      const size_t end = std::min(text.find(',', begin), text.size());
      items.push_back(Node::String(text.substr(begin, end - begin), node.mark()));
      begin = end + 1;
    }
    return items;
  }

  ListOps ops_;
};

class MapCodec final : public Wrapper {
 public:
  MapCodec(MapOps ops, CodecPtr element) : Wrapper(std::move(element)), ops_(ops) {}

  void Decode(const Node& node, void* out, Context& context) const override {
    if (node.is_null()) {
      return;
    }
    if (!node.is_map()) {
      context.Fail(node.mark(), fmt::format("'{}' expected a map, got '{}'", context.name(),
                                            GoTypeName(node.kind())));
      return;
    }
    ops_.clear(out);
    for (const MapEntry& entry : node.map()) {
      std::string error;
      void* value = ops_.insert(out, entry.key, &error);
      if (value == nullptr) {
        context.Fail(entry.key_mark, fmt::format("'{}' {}", context.name(), error));
        continue;
      }
      const Context::Step step(context, entry.key);
      element_->Decode(entry.value, value, context);
    }
  }
  Node Encode(const void* value, Secrets secrets) const override {
    struct Work {
      const Codec& element;
      Secrets secrets;
      Node map = Node::Map();
    } work{.element = *element_, .secrets = secrets};
    ops_.each(value, &work, [](void* data, const std::string& key, const void* item) {
      auto& target = *static_cast<Work*>(data);
      target.map.Set(key, target.element.Encode(item, target.secrets));
    });
    return std::move(work.map);
  }
  std::string TypeName() const override { return "map of " + element_->TypeName(); }
  std::string PathSuffix() const override { return "::<name>" + element_->PathSuffix(); }
  void Validate(const void* value, const Node* node, Context& context) const override {
    if (table() == nullptr) {
      return;
    }
    struct Work {
      const Codec& element;
      const Node* node;
      Context& context;
    } work{.element = *element_, .node = node, .context = context};
    ops_.each(value, &work, [](void* data, const std::string& key, const void* item) {
      auto& target = *static_cast<Work*>(data);
      const Context::Step step(target.context, key);
      const Node* written = target.node != nullptr ? target.node->Find(key) : nullptr;
      target.element.Validate(item, written, target.context);
    });
  }

 private:
  MapOps ops_;
};

class OptionalCodec final : public Wrapper {
 public:
  OptionalCodec(OptionalOps ops, CodecPtr element) : Wrapper(std::move(element)), ops_(ops) {}

  void Decode(const Node& node, void* out, Context& context) const override {
    if (!node.is_null()) {
      element_->Decode(node, ops_.emplace(out), context);
    }
  }
  Node Encode(const void* value, Secrets secrets) const override {
    const void* inner = ops_.get(value);
    return inner != nullptr ? element_->Encode(inner, secrets) : Node::Null();
  }
  std::string TypeName() const override { return element_->TypeName(); }
  std::string PathSuffix() const override { return element_->PathSuffix(); }
  std::optional<int64_t> Magnitude(const void* value) const override {
    const void* inner = ops_.get(value);
    return inner != nullptr ? element_->Magnitude(inner) : std::nullopt;
  }
  std::string MagnitudeText(int64_t magnitude) const override {
    return element_->MagnitudeText(magnitude);
  }
  void Validate(const void* value, const Node* node, Context& context) const override {
    if (const void* inner = ops_.get(value)) {
      element_->Validate(inner, node, context);
    }
  }

 private:
  OptionalOps ops_;
};

class SectionCodec final : public Wrapper {
 public:
  SectionCodec(SectionOps ops, CodecPtr element) : Wrapper(std::move(element)), ops_(ops) {}

  bool reads_null() const override { return true; }
  void Decode(const Node& node, void* out, Context& context) const override {
    SectionState& state = *ops_.state(out);
    state.present = true;
    state.written.Clear();
    bool enabled = true;
    Node rest = node;
    for (const MapEntry& entry : node.map()) {
      state.written.Add(entry.key);
      if (entry.key == kEnabledKey) {
        enabled = DecodeEnabled(entry, context);
      }
    }
    std::erase_if(rest.map(), [](const MapEntry& entry) { return entry.key == kEnabledKey; });
    element_->Decode(rest, ops_.value(out), context);
    state.enabled = enabled;
  }
  Node Encode(const void* value, Secrets secrets) const override {
    Node map = Node::Map();
    map.Set(kEnabledKey, Node::Bool(State(value).enabled));
    Node inner = element_->Encode(Inner(value), secrets);
    for (MapEntry& entry : inner.map()) {
      map.map().push_back(std::move(entry));
    }
    return map;
  }
  std::string TypeName() const override { return "section"; }
  const void* Inner(const void* value) const override {
    return ops_.value(const_cast<void*>(value));
  }
  void Validate(const void* value, const Node* node, Context& context) const override {
    if (State(value).enabled) {
      element_->Validate(Inner(value), node, context);
    }
  }

 private:
  static constexpr std::string_view kEnabledKey = "enabled";

  static bool DecodeEnabled(const MapEntry& entry, Context& context) {
    if (entry.value.kind() == Kind::kBool) {
      return entry.value.bool_value();
    }
    const std::string_view type = GoTypeName(entry.value.kind());
    context.Fail(entry.value.mark(),
                 fmt::format("unexpected type {} for 'enabled': got '{}' value expected 'true' or "
                             "'false'",
                             type, entry.value.is_null() ? type : entry.value.text()));
    return true;
  }
  const SectionState& State(const void* value) const {
    return *ops_.state(const_cast<void*>(value));
  }

  SectionOps ops_;
};

}  // namespace

CodecPtr MakeStructCodec(const TableBase& table) { return std::make_shared<StructCodec>(table); }

CodecPtr MakeListCodec(ListOps ops, CodecPtr element) {
  return std::make_shared<ListCodec>(ops, std::move(element));
}

CodecPtr MakeMapCodec(MapOps ops, CodecPtr element) {
  return std::make_shared<MapCodec>(ops, std::move(element));
}

CodecPtr MakeOptionalCodec(OptionalOps ops, CodecPtr element) {
  return std::make_shared<OptionalCodec>(ops, std::move(element));
}

CodecPtr MakeSectionCodec(SectionOps ops, CodecPtr element) {
  return std::make_shared<SectionCodec>(ops, std::move(element));
}

}  // namespace gapless::config
