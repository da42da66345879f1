// Builds OTLP export requests for tests and reads the identities of their items back.
//
// Written apart from the product's protobuf code and its tables on purpose: it is the oracle that
// they are tested against. Every item (span, data point, log record) carries the attribute "id" =
// "<prefix>-<n>", n counting from 0 in wire order.
#pragma once

#include "otlp/signal.h"

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace gapless::testing {

struct Shape {
  int resources = 1;
  int scopes = 1;  // in each resource
  int items = 1;   // in each scope; metrics: data points
  std::string prefix = "item";
  int attributes = 3;         // more attributes of each item
  int points_per_metric = 3;  // the kinds of metric take turns
};

namespace otlp_builder {

inline void PutVarint(std::string& out, uint64_t value) {
  for (; value >= 128; value /= 128) {
    out.push_back(static_cast<char>(value % 128 + 128));
  }
  out.push_back(static_cast<char>(value));
}

inline std::string VarintField(int number, uint64_t value) {
  std::string out;
  PutVarint(out, static_cast<uint64_t>(number) * 8);
  PutVarint(out, value);
  return out;
}

inline std::string BytesField(int number, std::string_view body) {
  std::string out;
  PutVarint(out, static_cast<uint64_t>(number) * 8 + 2);
  PutVarint(out, body.size());
  out.append(body);
  return out;
}

inline std::string Fixed64Field(int number, uint64_t value) {
  std::string out;
  PutVarint(out, static_cast<uint64_t>(number) * 8 + 1);
  for (int i = 0; i < 8; ++i) {
    out.push_back(static_cast<char>(value >> (8 * i)));
  }
  return out;
}

inline std::string Fixed32Field(int number, uint32_t value) {
  std::string out;
  PutVarint(out, static_cast<uint64_t>(number) * 8 + 5);
  for (int i = 0; i < 4; ++i) {
    out.push_back(static_cast<char>(value >> (8 * i)));
  }
  return out;
}

inline std::string DoubleField(int number, double value) {
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return Fixed64Field(number, bits);
}

inline std::string StringAttribute(int number, std::string_view key, std::string_view value) {
  return BytesField(number, BytesField(1, key) + BytesField(2, BytesField(1, value)));
}

// Bytes of the given length that depend on the identity.
inline std::string FakeId(std::string_view id, size_t size) {
  uint64_t state = 0xcbf29ce484222325;
  for (const char c : id) {
    state = (state ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  }
  std::string out;
  while (out.size() < size) {
    state = state * 6364136223846793005 + 1442695040888963407;
    out.push_back(static_cast<char>((state >> 56) | 1));
  }
  return out;
}

// The "id" attribute and some of every other type.
inline std::string ItemAttributes(int number, const std::string& id, int more) {
  std::string out = StringAttribute(number, "id", id);
  for (int i = 0; i < more; ++i) {
    const std::string key = "attribute." + std::to_string(i);
    std::string value;
    switch (i % 6) {
      case 0:
        value = BytesField(1, "value of " + key);
        break;
      case 1:
        value = VarintField(3, static_cast<uint64_t>(i) * 1000);
        break;
      case 2:
        value = VarintField(2, 1);
        break;
      case 3:
        value = DoubleField(4, i * 0.5);
        break;
      case 4:
        value = BytesField(5, BytesField(1, BytesField(1, "a")) + BytesField(1, VarintField(3, 7)));
        break;
      default:
        value = BytesField(6, StringAttribute(1, "inner", "v"));
        break;
    }
    out += BytesField(number, BytesField(1, key) + BytesField(2, value));
  }
  return out;
}

inline std::string Span(const std::string& id, int attributes) {
  return BytesField(1, FakeId(id, 16)) + BytesField(2, FakeId(id, 8)) +
         BytesField(4, FakeId("parent of " + id, 8)) + BytesField(5, "span " + id) +
         VarintField(6, 2) + Fixed64Field(7, 1700000000000000000) +
         Fixed64Field(8, 1700000000000001000) + ItemAttributes(9, id, attributes) +
         BytesField(11, Fixed64Field(1, 1700000000000000500) + BytesField(2, "event") +
                            StringAttribute(3, "k", "v")) +
         BytesField(13, BytesField(1, FakeId("link", 16)) + BytesField(2, FakeId("link", 8))) +
         BytesField(15, BytesField(2, "failed") + VarintField(3, 2)) + Fixed32Field(16, 257);
}

inline std::string LogRecord(const std::string& id, int attributes) {
  return Fixed64Field(1, 1700000000000000000) + VarintField(2, 9) + BytesField(3, "INFO") +
         BytesField(5, BytesField(1, "message " + id)) + ItemAttributes(6, id, attributes) +
         Fixed32Field(8, 1) + BytesField(9, FakeId(id, 16)) + BytesField(10, FakeId(id, 8)) +
         Fixed64Field(11, 1700000000000000001);
}

inline std::string Exemplar() {
  return StringAttribute(7, "filtered", "yes") + Fixed64Field(2, 1700000000000000000) +
         DoubleField(3, 0.25) + BytesField(4, FakeId("e", 8)) + BytesField(5, FakeId("e", 16));
}

// kind: 0 gauge, 1 sum, 2 histogram, 3 exponential histogram, 4 summary.
inline std::string DataPoint(int kind, const std::string& id, int attributes) {
  const std::string times =
      Fixed64Field(2, 1700000000000000000) + Fixed64Field(3, 1700000001000000000);
  switch (kind) {
    case 0:
      return ItemAttributes(7, id, attributes) + times + DoubleField(4, 1.5);
    case 1:
      return ItemAttributes(7, id, attributes) + times + Fixed64Field(6, 42) +
             BytesField(5, Exemplar()) + VarintField(8, 1);
    case 2:
      return ItemAttributes(9, id, attributes) + times + Fixed64Field(4, 3) + DoubleField(5, 6.5) +
             BytesField(6, std::string("\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0", 16)) +
             DoubleField(7, 10.0) + BytesField(8, Exemplar()) + DoubleField(11, 0.0);
    case 3:
      return ItemAttributes(1, id, attributes) + times + Fixed64Field(4, 3) + VarintField(6, 3) +
             BytesField(8, VarintField(1, 1) + BytesField(2, std::string("\1\2\200\1", 4))) +
             BytesField(9, VarintField(2, 5)) + DoubleField(14, 0.001);
    default:
      return ItemAttributes(7, id, attributes) + times + Fixed64Field(4, 3) + DoubleField(5, 6.5) +
             BytesField(6, DoubleField(1, 0.5) + DoubleField(2, 2.0));
  }
}

inline std::string Metric(int kind, const std::string& name, const std::string& points) {
  static constexpr int kDataField[] = {5, 7, 9, 10, 11};
  std::string data = points;
  if (kind >= 1 && kind <= 3) {
    data += VarintField(2, 2);
  }
  if (kind == 1) {
    data += VarintField(3, 1);
  }
  return BytesField(1, name) + BytesField(2, "described") + BytesField(3, "By") +
         BytesField(kDataField[kind], data);
}

// The items of one scope as fields of ScopeX; takes identities from `next`.
inline std::string ScopeItems(otlp::Signal signal, const Shape& shape, int& next) {
  std::string out;
  const auto id = [&] { return shape.prefix + "-" + std::to_string(next++); };
  if (signal != otlp::Signal::kMetrics) {
    for (int i = 0; i < shape.items; ++i) {
      out += BytesField(2, signal == otlp::Signal::kTraces ? Span(id(), shape.attributes)
                                                           : LogRecord(id(), shape.attributes));
    }
    return out;
  }
  for (int i = 0, kind = 0; i < shape.items; kind = (kind + 1) % 5) {
    std::string points;
    for (int k = 0; k < shape.points_per_metric && i < shape.items; ++k, ++i) {
      points += BytesField(1, DataPoint(kind, id(), shape.attributes));
    }
    out += BytesField(2, Metric(kind, "metric." + std::to_string(kind), points));
  }
  return out;
}

// The length-delimited fields `number` of a message; other fields are stepped over. Trusts its
// input.
inline std::vector<std::string_view> Children(std::string_view message, int number) {
  std::vector<std::string_view> found;
  size_t at = 0;
  const auto varint = [&] {
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = static_cast<uint8_t>(message.at(at++));
      value |= static_cast<uint64_t>(byte & 127) << shift;
      if (byte < 128) {
        return value;
      }
    }
  };
  while (at < message.size()) {
    const uint64_t tag = varint();
    switch (tag % 8) {
      case 0:
        varint();
        break;
      case 1:
        at += 8;
        break;
      case 2: {
        const uint64_t size = varint();
        if (tag / 8 == static_cast<uint64_t>(number)) {
          found.push_back(message.substr(at, size));
        }
        at += size;
        break;
      }
      default:
        at += 4;
        break;
    }
  }
  return found;
}

inline std::string IdAttribute(std::string_view item, int attributes_field) {
  for (const std::string_view attribute : Children(item, attributes_field)) {
    if (Children(attribute, 1).at(0) == "id") {
      return std::string(Children(Children(attribute, 2).at(0), 1).at(0));
    }
  }
  return "<none>";
}

}  // namespace otlp_builder

// One serialized Export…ServiceRequest.
inline std::string BuildRequest(otlp::Signal signal, const Shape& shape) {
  namespace b = otlp_builder;
  std::string request;
  int next = 0;
  for (int r = 0; r < shape.resources; ++r) {
    std::string resource =
        b::BytesField(1, b::StringAttribute(1, "service.name", "service-" + std::to_string(r)));
    for (int s = 0; s < shape.scopes; ++s) {
      const std::string scope = b::BytesField(
          1, b::BytesField(1, "scope-" + std::to_string(s)) + b::BytesField(2, "1.0"));
      resource += b::BytesField(
          2, scope + b::ScopeItems(signal, shape, next) + b::BytesField(3, "https://schema/scope"));
    }
    request += b::BytesField(1, resource + b::BytesField(3, "https://schema/resource"));
  }
  return request;
}

inline std::string BuildTraces(const Shape& shape = {}) {
  return BuildRequest(otlp::Signal::kTraces, shape);
}
inline std::string BuildMetrics(const Shape& shape = {}) {
  return BuildRequest(otlp::Signal::kMetrics, shape);
}
inline std::string BuildLogs(const Shape& shape = {}) {
  return BuildRequest(otlp::Signal::kLogs, shape);
}

// The identities of all items of a well-formed request in wire order; throws std::out_of_range on
// nonsense.
inline std::vector<std::string> ExtractIds(std::string_view request, otlp::Signal signal) {
  namespace b = otlp_builder;
  std::vector<std::string> ids;
  for (const std::string_view resource : b::Children(request, 1)) {
    for (const std::string_view scope : b::Children(resource, 2)) {
      for (const std::string_view item : b::Children(scope, 2)) {
        if (signal == otlp::Signal::kTraces) {
          ids.push_back(b::IdAttribute(item, 9));
        } else if (signal == otlp::Signal::kLogs) {
          ids.push_back(b::IdAttribute(item, 6));
        } else {
          // (field of the metric's data, field of the point's attributes) for each kind of metric
          static constexpr int kFields[][2] = {{5, 7}, {7, 7}, {9, 9}, {10, 1}, {11, 7}};
          for (const auto& [data_field, attributes_field] : kFields) {
            for (const std::string_view data : b::Children(item, data_field)) {
              for (const std::string_view point : b::Children(data, 1)) {
                ids.push_back(b::IdAttribute(point, attributes_field));
              }
            }
          }
        }
      }
    }
  }
  return ids;
}

}  // namespace gapless::testing
