#include "otlp/split.h"

#include "otlp/schema.h"
#include "wire/proto.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

namespace gapless::otlp {
namespace {

using wire::FieldPlace;
using wire::RopeReader;
using wire::WireType;

// Request, resource, scope, metric, data.
constexpr size_t kMaxLevels = 5;
// Tag (field numbers below 16) and length of an enclosing message, at most.
constexpr size_t kMaxHeader = 6;

// Offsets fit 32 bits: hostile requests of tiny messages must not cost many times their size in
// index.
constexpr size_t kMaxRequest = UINT32_MAX;

constexpr uint32_t Narrow(size_t value) { return static_cast<uint32_t>(value); }

// A message around items. Nodes stand in the order of the wire; node 0 is the request.
struct Node {
  Message message = Message::kNone;
  uint8_t number = 0;  // of the field that holds it
  uint8_t level = 0;
  uint32_t parent = 0;
  uint32_t next = 0;   // the first node after this one and all inside it
  uint32_t start = 0;  // of the field
  uint32_t body = 0;
  uint32_t end = 0;
  uint32_t first_item = 0;
  uint32_t last_item = 0;    // one after
  uint32_t extras_size = 0;  // bytes that go with every part: all but items and nodes
  uint32_t leading = 0;      // bytes of nodes without items before the first item

  bool empty() const { return first_item == last_item; }
};

struct Item {
  uint32_t start = 0;
  uint32_t end = 0;
  uint32_t node = 0;
  uint32_t company = 0;  // bytes of nodes without items that go with this item
};

Status Malformed() { return InvalidArgument("malformed OTLP request"); }

class Index {
 public:
  Status Build(const Rope& request, Message message) {
    if (request.size() > kMaxRequest) {
      return ResourceExhausted("OTLP request of more than 4 GiB");
    }
    nodes_.push_back({.message = message, .end = Narrow(request.size())});
    RopeReader reader(request);
    if (!Walk(reader, 0)) {
      return Malformed();
    }
    return OkStatus();
  }
  const std::vector<Node>& nodes() const { return nodes_; }
  const std::vector<Item>& items() const { return items_; }

 private:
  bool Walk(RopeReader& reader, uint32_t at);
  void Close(uint32_t at);

  std::vector<Node> nodes_;
  std::vector<Item> items_;
};

// The reader stands at the body of node `at`. Depth is bounded by the schema: kMaxLevels.
bool Index::Walk(RopeReader& reader, uint32_t at) {
  const Message message = nodes_[at].message;
  const size_t end = nodes_[at].end;
  nodes_[at].first_item = Narrow(items_.size());
  while (reader.offset() < end) {
    FieldPlace place;
    if (!reader.ReadPlace(end, &place)) {
      return false;
    }
    const FieldDef* def = FindField(message, place.number);
    const bool bytes = place.type == WireType::kBytes;
    if (bytes && def && EnclosesItems(def->message)) {
      const auto child = Narrow(nodes_.size());
      nodes_.push_back({.message = def->message,
                        .number = def->number,
                        .level = static_cast<uint8_t>(nodes_[at].level + 1),
                        .parent = at,
                        .start = Narrow(place.start),
                        .body = Narrow(place.body),
                        .end = Narrow(place.end)});
      if (!Walk(reader, child)) {
        return false;
      }
      continue;
    }
    if (bytes && def && def->role == Role::kItem) {
      items_.push_back({.start = Narrow(place.start), .end = Narrow(place.end), .node = at});
    } else {
      nodes_[at].extras_size += Narrow(place.end - place.start);
    }
    if (!reader.Skip(place.body_size())) {
      return false;
    }
  }
  Close(at);
  return true;
}

// Books the bytes of nodes without items to the item that they go with.
void Index::Close(uint32_t at) {
  Node& node = nodes_[at];
  node.last_item = Narrow(items_.size());
  node.next = Narrow(nodes_.size());
  if (!node.empty()) {
    items_[node.first_item].company += node.leading;
    return;
  }
  if (at == 0) {
    return;
  }
  Node& parent = nodes_[node.parent];
  if (parent.first_item < items_.size()) {
    items_.back().company += node.end - node.start;
  } else {
    parent.leading += node.end - node.start;
  }
}

// Makes parts of one indexed request; parts are asked for in rising order.
class Cutter {
 public:
  Cutter(const Rope& request, const Index& index) : request_(request), index_(index) {}

  Part Cut(size_t first, size_t last);

 private:
  struct Extras {
    uint32_t node = UINT32_MAX;
    Rope bytes;
  };

  bool Inside(const Node& node) const {
    return first_ <= node.first_item && node.last_item <= last_;
  }
  // Calls `visit` for each child node of `at` that has a share in the part.
  template <typename F>
  void ForEachChild(uint32_t at, F visit) const;
  size_t BodySize(uint32_t at) const;
  void EmitBody(uint32_t at);
  void EmitRange(size_t start, size_t end);
  void Flush();
  const Rope& ExtrasOf(uint32_t at);

  const Rope& request_;
  const Index& index_;
  size_t first_ = 0;
  size_t last_ = 0;
  // Where item first_ lies, by level.
  std::array<uint32_t, kMaxLevels> path_ = {};
  // A long message is cut many times in a row: its extras are looked up once.
  std::array<Extras, kMaxLevels> extras_;
  wire::HeaderMaker headers_;
  Rope out_;
  size_t run_start_ = 0;
  size_t run_end_ = 0;
};

template <typename F>
void Cutter::ForEachChild(uint32_t at, F visit) const {
  const std::vector<Node>& nodes = index_.nodes();
  const Node& parent = nodes[at];
  // Nodes before the one that holds item first_ belong to earlier parts, unless the message begins
  // in this part.
  uint32_t child = parent.first_item < first_ ? path_[parent.level + 1] : at + 1;
  for (; child < parent.next; child = nodes[child].next) {
    const Node& node = nodes[child];
    if (!node.empty()) {
      if (node.first_item >= last_) {
        return;
      }
      visit(child, Inside(node));
      continue;
    }
    const size_t owner =
        node.first_item > parent.first_item ? node.first_item - 1 : node.first_item;
    if (owner >= last_) {
      return;
    }
    if (owner >= first_) {
      visit(child, true);
    }
  }
}

size_t Cutter::BodySize(uint32_t at) const {
  const std::vector<Node>& nodes = index_.nodes();
  const Node& node = nodes[at];
  size_t size = node.extras_size;
  if (node.next > at + 1) {
    ForEachChild(at, [&](uint32_t child, bool whole) {
      if (whole) {
        size += nodes[child].end - nodes[child].start;
      } else {
        const size_t body = BodySize(child);
        size += wire::VarintSize(wire::MakeTag(nodes[child].number, WireType::kBytes)) +
                wire::VarintSize(body) + body;
      }
    });
  }
  const std::vector<Item>& items = index_.items();
  for (size_t i = std::max<size_t>(first_, node.first_item),
              n = std::min<size_t>(last_, node.last_item);
       i < n && items[i].node == at; ++i) {
    size += items[i].end - items[i].start;
  }
  return size;
}

void Cutter::EmitBody(uint32_t at) {
  const std::vector<Node>& nodes = index_.nodes();
  const Node& node = nodes[at];
  if (node.extras_size > 0) {
    Flush();
    out_.Append(ExtrasOf(at));
  }
  if (node.next > at + 1) {
    ForEachChild(at, [&](uint32_t child, bool whole) {
      if (whole) {
        EmitRange(nodes[child].start, nodes[child].end);
      } else {
        Flush();
        out_.Append(headers_.Make(nodes[child].number, BodySize(child)));
        EmitBody(child);
      }
    });
  }
  const std::vector<Item>& items = index_.items();
  for (size_t i = std::max<size_t>(first_, node.first_item),
              n = std::min<size_t>(last_, node.last_item);
       i < n && items[i].node == at; ++i) {
    EmitRange(items[i].start, items[i].end);
  }
}

void Cutter::EmitRange(size_t start, size_t end) {
  if (start != run_end_) {
    Flush();
    run_start_ = start;
  }
  run_end_ = end;
}

void Cutter::Flush() {
  if (run_start_ < run_end_) {
    out_.Append(request_.Sub(run_start_, run_end_ - run_start_));
  }
  run_start_ = run_end_ = SIZE_MAX;
}

const Rope& Cutter::ExtrasOf(uint32_t at) {
  const Node& node = index_.nodes()[at];
  Extras& cached = extras_[node.level];
  if (cached.node != at) {
    cached.node = at;
    cached.bytes.Clear();
    RopeReader reader(request_);
    reader.Skip(node.body);
    while (reader.offset() < node.end) {
      FieldPlace place;
      if (!reader.ReadPlace(node.end, &place) || !reader.Skip(place.body_size())) {
        break;  // not reached: the index has walked it
      }
      const FieldDef* def = FindField(node.message, place.number);
      const bool share = place.type == WireType::kBytes && def &&
                         (EnclosesItems(def->message) || def->role == Role::kItem);
      if (!share) {
        cached.bytes.Append(request_.Sub(place.start, place.end - place.start));
      }
    }
  }
  return cached.bytes;
}

Part Cutter::Cut(size_t first, size_t last) {
  first_ = first;
  last_ = last;
  out_.Clear();
  run_start_ = run_end_ = SIZE_MAX;
  const std::vector<Node>& nodes = index_.nodes();
  for (uint32_t at = index_.items()[first].node; at != 0; at = nodes[at].parent) {
    path_[nodes[at].level] = at;
  }
  EmitBody(0);
  Flush();
  return {.request = std::move(out_), .items = last - first};
}

// How many items from `first` on fit into one part. The bytes are an upper bound: whole headers at
// their longest.
size_t FitUntil(const Index& index, size_t first, const SplitLimits& limits) {
  const std::vector<Node>& nodes = index.nodes();
  const std::vector<Item>& items = index.items();
  const size_t most = first + std::min(limits.max_items, items.size() - first);
  size_t size = nodes[0].extras_size;
  std::array<uint32_t, kMaxLevels> open = {};  // by level; 0: none
  for (size_t i = first; i < most; ++i) {
    size += items[i].end - items[i].start + items[i].company;
    for (uint32_t at = items[i].node; at != 0 && open[nodes[at].level] != at;
         at = nodes[at].parent) {
      open[nodes[at].level] = at;
      size += nodes[at].extras_size + kMaxHeader;
    }
    if (size > limits.max_bytes && i > first) {
      return i;
    }
  }
  return most;
}

}  // namespace

Result<Part> SliceItems(const Rope& request, Signal signal, size_t first, size_t count) {
  Index index;
  RETURN_IF_ERROR(index.Build(request, RequestMessage(signal)));
  const size_t items = index.items().size();
  if (count == 0 || first >= items) {
    return Part{};
  }
  return Cutter(request, index).Cut(first, first + std::min(count, items - first));
}

Result<std::vector<Part>> Split(const Rope& request, Signal signal, const SplitLimits& limits) {
  GAPLESS_CHECK(limits.max_items > 0 && limits.max_bytes > 0);
  Index index;
  RETURN_IF_ERROR(index.Build(request, RequestMessage(signal)));
  const size_t items = index.items().size();
  std::vector<Part> parts;
  if (items == 0 || (items <= limits.max_items && request.size() <= limits.max_bytes)) {
    parts.push_back({.request = request, .items = items});
    return parts;
  }
  Cutter cutter(request, index);
  for (size_t first = 0; first < items;) {
    const size_t last = FitUntil(index, first, limits);
    parts.push_back(cutter.Cut(first, last));
    first = last;
  }
  return parts;
}

}  // namespace gapless::otlp
