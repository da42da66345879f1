#include "cli/traffic/sequence.h"

#include "base/clock.h"
#include "wire/proto.h"

#include <charconv>
#include <optional>

#include <fmt/format.h>

namespace gapless::cli {
namespace {

using otlp::Signal;
using wire::WireType;

// Field numbers of opentelemetry.proto that the two directions need.
struct Fields {
  uint32_t items_in_scope;  // ScopeSpans.spans, ScopeMetrics.metrics, ScopeLogs.log_records
  uint32_t attributes;      // of an item
};
constexpr Fields kSpan = {.items_in_scope = 2, .attributes = 9};
constexpr Fields kMetric = {.items_in_scope = 2, .attributes = 7};
constexpr Fields kLog = {.items_in_scope = 2, .attributes = 6};
constexpr uint32_t kGauge = 5;

const Fields& FieldsOf(Signal signal) {
  return signal == Signal::kTraces ? kSpan : (signal == Signal::kMetrics ? kMetric : kLog);
}

void PutAttribute(wire::Writer& writer, uint32_t number, std::string_view key,
                  std::string_view text) {
  const size_t attribute = writer.Begin(number);
  writer.Bytes(1, key);
  const size_t value = writer.Begin(2);
  writer.Bytes(1, text);
  writer.End(value);
  writer.End(attribute);
}

void PutSequence(wire::Writer& writer, uint32_t number, uint64_t sequence) {
  const size_t attribute = writer.Begin(number);
  writer.Bytes(1, kSequenceAttribute);
  const size_t value = writer.Begin(2);
  writer.Varint(3, sequence);
  writer.End(value);
  writer.End(attribute);
}

void PutItem(wire::Writer& writer, Signal signal, uint64_t sequence, uint64_t now) {
  const uint32_t attributes = FieldsOf(signal).attributes;
  switch (signal) {
    case Signal::kTraces: {
      const std::string trace_id = fmt::format("{:016d}", sequence);
      writer.Bytes(1, trace_id);
      writer.Bytes(2, std::string_view(trace_id).substr(8));
      writer.Bytes(5, "GET /checkout");
      writer.Varint(6, 2);
      writer.Fixed64(7, now);
      writer.Fixed64(8, now + 1'000'000);
      break;
    }
    case Signal::kMetrics:
      writer.Fixed64(3, now);
      writer.Double(4, static_cast<double>(sequence % 100));
      break;
    case Signal::kLogs: {
      writer.Fixed64(1, now);
      writer.Varint(2, 9);
      const size_t body = writer.Begin(5);
      writer.Bytes(1, "order accepted");
      writer.End(body);
      break;
    }
  }
  PutSequence(writer, attributes, sequence);
  PutAttribute(writer, attributes, "http.request.method", "GET");
  PutAttribute(writer, attributes, "url.path", "/api/v1/checkout/cart/items");
  PutAttribute(writer, attributes, "server.address", "shop.example.com");
  PutAttribute(writer, attributes, "user_agent.original", "Mozilla/5.0 (X11; Linux x86_64)");
}

void PutItems(wire::Writer& writer, Signal signal, SequenceRange range, uint64_t now) {
  if (signal == Signal::kMetrics) {
    const size_t metric = writer.Begin(2);
    writer.Bytes(1, "shop.queue.length");
    const size_t gauge = writer.Begin(kGauge);
    for (uint64_t i = range.first; i <= range.last; ++i) {
      const size_t point = writer.Begin(1);
      PutItem(writer, signal, i, now);
      writer.End(point);
    }
    writer.End(gauge);
    writer.End(metric);
    return;
  }
  for (uint64_t i = range.first; i <= range.last; ++i) {
    const size_t item = writer.Begin(2);
    PutItem(writer, signal, i, now);
    writer.End(item);
  }
}

// Reads the numbers of one request, depth by depth.
class SequenceReader {
 public:
  explicit SequenceReader(Signal signal) : signal_(signal) {}

  Status ReadRequest(ByteSpan request) {
    return EachMessage(request, 1, [this](ByteSpan resource) {
      return EachMessage(resource, 2, [this](ByteSpan scope) {
        return EachMessage(scope, FieldsOf(signal_).items_in_scope, [this](ByteSpan item) {
          return signal_ == Signal::kMetrics ? ReadMetric(item) : ReadItem(item);
        });
      });
    });
  }
  std::vector<SequenceRange> Take() { return std::move(ranges_); }

 private:
  template <typename F>
  static Status EachMessage(ByteSpan message, uint32_t number, F&& visit) {
    wire::FieldReader reader(message);
    wire::Field field;
    while (reader.Next(&field)) {
      if (field.is(number, WireType::kBytes)) {
        RETURN_IF_ERROR(visit(field.bytes));
      }
    }
    return reader.status();
  }

  Status ReadMetric(ByteSpan metric) {
    return EachMessage(metric, kGauge, [this](ByteSpan gauge) {
      return EachMessage(gauge, 1, [this](ByteSpan point) { return ReadItem(point); });
    });
  }

  Status ReadItem(ByteSpan item) {
    std::optional<uint64_t> sequence;
    RETURN_IF_ERROR(EachMessage(item, FieldsOf(signal_).attributes, [&](ByteSpan attribute) {
      return ReadAttribute(attribute, sequence);
    }));
    if (!sequence) {
      return InvalidArgument("an item has no number");
    }
    if (!ranges_.empty() && ranges_.back().last + 1 == *sequence) {
      ++ranges_.back().last;
    } else {
      ranges_.push_back({.first = *sequence, .last = *sequence});
    }
    return OkStatus();
  }

  static Status ReadAttribute(ByteSpan attribute, std::optional<uint64_t>& sequence) {
    wire::FieldReader reader(attribute);
    wire::Field field;
    bool is_sequence = false;
    while (reader.Next(&field)) {
      if (field.is(1, WireType::kBytes)) {
        is_sequence = field.text() == kSequenceAttribute;
      } else if (is_sequence && field.is(2, WireType::kBytes)) {
        wire::FieldReader value(field.bytes);
        wire::Field number;
        if (value.Next(&number) && number.is(3, WireType::kVarint)) {
          sequence = number.value;
        }
      }
    }
    return reader.status();
  }

  const Signal signal_;
  std::vector<SequenceRange> ranges_;
};

bool ReadNumber(std::string_view& text, uint64_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc()) {
    return false;
  }
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

}  // namespace

std::string MakeRequest(Signal signal, SequenceRange range, uint64_t now_unix_nano) {
  std::string out;
  wire::Writer writer(&out);
  const size_t resource_items = writer.Begin(1);
  const size_t resource = writer.Begin(1);
  PutAttribute(writer, 1, "service.name", "checkout");
  writer.End(resource);
  const size_t scope_items = writer.Begin(2);
  const size_t scope = writer.Begin(1);
  writer.Bytes(1, "gapless-send");
  writer.End(scope);
  PutItems(writer, signal, range, now_unix_nano);
  writer.End(scope_items);
  writer.End(resource_items);
  return out;
}

Result<std::vector<SequenceRange>> ReadSequence(Signal signal, const Rope& request) {
  const Slice flat = request.Flatten();
  SequenceReader reader(signal);
  RETURN_IF_ERROR(reader.ReadRequest(flat.span()));
  return reader.Take();
}

int64_t JourneyNow() { return MonotonicNow().time_since_epoch() / std::chrono::nanoseconds(1); }

std::string FormatLine(const LogLine& line) {
  std::string text = fmt::format("{} {} {} ", line.at_ns, otlp::Names(line.signal).name, line.what);
  for (size_t i = 0; i < line.ranges.size(); ++i) {
    text += fmt::format("{}{}-{}", i > 0 ? "," : "", line.ranges[i].first, line.ranges[i].last);
  }
  return text + "\n";
}

Result<LogLine> ParseLine(std::string_view text) {
  LogLine line;
  uint64_t at = 0;
  const auto word = [&text] {
    text.remove_prefix(std::min(text.size(), size_t{1}));
    const std::string_view found = text.substr(0, text.find(' '));
    text.remove_prefix(found.size());
    return found;
  };
  if (!ReadNumber(text, at)) {
    return InvalidArgument("a line must begin with a time");
  }
  line.at_ns = static_cast<int64_t>(at);
  const auto signal = otlp::ParseSignal(word());
  if (!signal) {
    return InvalidArgument("unknown signal");
  }
  line.signal = *signal;
  line.what = word();
  while (text.size() > 1) {
    text.remove_prefix(1);
    SequenceRange range;
    if (!ReadNumber(text, range.first) || !text.starts_with('-')) {
      return InvalidArgument("malformed range");
    }
    text.remove_prefix(1);
    if (!ReadNumber(text, range.last) || range.last < range.first) {
      return InvalidArgument("malformed range");
    }
    line.ranges.push_back(range);
  }
  return line;
}

}  // namespace gapless::cli
