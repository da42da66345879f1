#include "wire/json_writer.h"

#include "wire/base64.h"

#include <array>
#include <charconv>
#include <cmath>

namespace gapless::wire {
namespace {

constexpr std::string_view kReplacement = "\\ufffd";

// Bytes that stand for themselves in a JSON string: ASCII but for quotes, backslash and control
// characters.
constexpr std::array<bool, 256> MakePlain() {
  std::array<bool, 256> plain = {};
  for (size_t c = 0x20; c < 0x80; ++c) {
    plain[c] = c != '"' && c != '\\';
  }
  return plain;
}
constexpr std::array<bool, 256> kPlain = MakePlain();

void AppendEscaped(char c, std::string* out) {
  switch (c) {
    case '"':
      out->append("\\\"");
      return;
    case '\\':
      out->append("\\\\");
      return;
    case '\n':
      out->append("\\n");
      return;
    case '\r':
      out->append("\\r");
      return;
    case '\t':
      out->append("\\t");
      return;
    default:
      out->append("\\u00");
      AppendHex(AsBytes(std::string_view(&c, 1)), out);
      return;
  }
}

bool Continues(std::string_view text, size_t at) {
  return at < text.size() && (static_cast<uint8_t>(text[at]) & 0xc0) == 0x80;
}

// The length of the UTF-8 sequence at the start of `text` (Unicode 15, table 3-7), 0 if there is
// none.
size_t SequenceSize(std::string_view text) {
  const auto lead = static_cast<uint8_t>(text[0]);
  const uint8_t second = text.size() > 1 ? static_cast<uint8_t>(text[1]) : 0;
  if (lead >= 0xc2 && lead <= 0xdf) {
    return Continues(text, 1) ? 2 : 0;
  }
  if (lead >= 0xe0 && lead <= 0xef) {
    const bool overlong = lead == 0xe0 && second < 0xa0;
    const bool surrogate = lead == 0xed && second > 0x9f;
    return !overlong && !surrogate && Continues(text, 1) && Continues(text, 2) ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    const bool overlong = lead == 0xf0 && second < 0x90;
    const bool beyond = lead == 0xf4 && second > 0x8f;
    return !overlong && !beyond && Continues(text, 1) && Continues(text, 2) && Continues(text, 3)
               ? 4
               : 0;
  }
  return 0;
}

template <typename T>
void AppendNumber(T value, std::string* out) {
  std::array<char, 24> buffer;
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  out->append(buffer.data(), result.ptr);
}

}  // namespace

void AppendJsonString(std::string_view text, std::string* out) {
  out->push_back('"');
  size_t at = 0;
  while (at < text.size()) {
    size_t run = at;
    while (run < text.size() && kPlain[static_cast<uint8_t>(text[run])]) {
      ++run;
    }
    out->append(text.substr(at, run - at));
    at = run;
    if (at == text.size()) {
      break;
    }
    if (static_cast<uint8_t>(text[at]) < 0x80) {
      AppendEscaped(text[at], out);
      ++at;
      continue;
    }
    const size_t size = SequenceSize(text.substr(at));
    if (size == 0) {
      out->append(kReplacement);
      ++at;
    } else {
      out->append(text.substr(at, size));
      at += size;
    }
  }
  out->push_back('"');
}

void JsonWriter::BeforeValue() {
  if (comma_) {
    out_.push_back(',');
  }
  comma_ = true;
}

void JsonWriter::Open(char bracket) {
  BeforeValue();
  out_.push_back(bracket);
  comma_ = false;
}

void JsonWriter::Close(char bracket) {
  out_.push_back(bracket);
  comma_ = true;
}

void JsonWriter::Key(std::string_view name) {
  BeforeValue();
  out_.push_back('"');
  out_.append(name);
  out_.append("\":");
  comma_ = false;
}

void JsonWriter::EscapedKey(std::string_view name) {
  BeforeValue();
  AppendJsonString(name, &out_);
  out_.push_back(':');
  comma_ = false;
}

void JsonWriter::String(std::string_view text) {
  BeforeValue();
  AppendJsonString(text, &out_);
}

void JsonWriter::Int(int64_t value) {
  BeforeValue();
  AppendNumber(value, &out_);
}

void JsonWriter::Uint(uint64_t value) {
  BeforeValue();
  AppendNumber(value, &out_);
}

void JsonWriter::Bool(bool value) { Raw(value ? "true" : "false"); }

void JsonWriter::Null() { Raw("null"); }

void JsonWriter::Raw(std::string_view json) {
  BeforeValue();
  out_.append(json);
}

void JsonWriter::Double(double value) {
  BeforeValue();
  if (std::isnan(value)) {
    out_.append("\"NaN\"");
  } else if (std::isinf(value)) {
    out_.append(value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
  } else {
    // Plain digits where people would write them, as encoding/json of Go.
    const double size = std::fabs(value);
    const bool plain = size == 0 || (size >= 1e-6 && size < 1e21);
    std::array<char, 40> buffer;
    const auto result =
        std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                      plain ? std::chars_format::fixed : std::chars_format::scientific);
    out_.append(buffer.data(), result.ptr);
  }
}

void JsonWriter::QuotedInt(int64_t value) {
  BeforeValue();
  out_.push_back('"');
  AppendNumber(value, &out_);
  out_.push_back('"');
}

void JsonWriter::QuotedUint(uint64_t value) {
  BeforeValue();
  out_.push_back('"');
  AppendNumber(value, &out_);
  out_.push_back('"');
}

void JsonWriter::Base64(ByteSpan bytes) {
  BeforeValue();
  out_.push_back('"');
  AppendBase64(bytes, true, &out_);
  out_.push_back('"');
}

void JsonWriter::Hex(ByteSpan bytes) {
  BeforeValue();
  out_.push_back('"');
  AppendHex(bytes, &out_);
  out_.push_back('"');
}

}  // namespace gapless::wire
