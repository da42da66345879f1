#include "endpoint/peer_words.h"

#include "otlp/service.h"
#include "wire/compression.h"
#include "wire/json_reader.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace gapless::endpoint {
namespace {

constexpr int kMaxDepth = 16;    // of JSON
constexpr int kMaxFollowed = 4;  // objects and arrays on the way to the text
constexpr std::string_view kRedacted = "[REDACTED]";

// The length of the UTF-8 character at the front and its number; nullopt if there is none.
struct Character {
  size_t size;
  char32_t value;
};

std::optional<Character> Front(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) {
    return Character{1, first};
  }
  const size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < size) {
    return std::nullopt;
  }
  char32_t value = first & (0x7F >> size);
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) {
      return std::nullopt;
    }
    value = (value << 6) | (byte(i) & 0x3F);
  }
  constexpr std::array<char32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (value < kLeast[size] || value > 0x10FFFF || surrogate) {
    return std::nullopt;
  }
  return Character{size, value};
}

// White space, controls, line and paragraph separators, and what turns text around.
bool IsBlank(char32_t c) {
  return c <= 0x20 || (c >= 0x7F && c <= 0xA0) || c == 0x61C || (c >= 0x200B && c <= 0x200F) ||
         (c >= 0x2028 && c <= 0x202F) || (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF ||
         (c >= 0xE0000 && c <= 0xE007F);
}

void ReplaceAll(std::string& text, std::string_view what, std::string_view with) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at)) {
    text.replace(at, what.size(), with);
    at += with.size();
  }
}

bool StartsWithTag(std::string_view html, std::string_view tag) {
  return html.size() >= tag.size() && net::AsciiEqualsIgnoreCase(html.substr(0, tag.size()), tag);
}

// Where `end` (in any case) is over, or the end of the text.
size_t After(std::string_view html, size_t from, std::string_view end) {
  for (size_t at = from; at + end.size() <= html.size(); ++at) {
    if (StartsWithTag(html.substr(at), end)) {
      return at + end.size();
    }
  }
  return html.size();
}

// Where the markup at `at`, a '<', is over.
size_t SkipMarkup(std::string_view html, size_t at, bool skip_head) {
  const std::string_view rest = html.substr(at);
  if (rest.starts_with("<!--")) {
    return After(html, at, "-->");
  }
  if (StartsWithTag(rest, "<script")) {
    return After(html, at, "</script>");
  }
  if (StartsWithTag(rest, "<style")) {
    return After(html, at, "</style>");
  }
  if (skip_head && (StartsWithTag(rest, "<head>") || StartsWithTag(rest, "<head "))) {
    return After(html, at, "</head>");
  }
  return After(html, at, ">");
}

std::string WithoutTags(std::string_view html, bool skip_head) {
  std::string text;
  for (size_t at = 0; at < html.size();) {
    if (html[at] == '<') {
      at = SkipMarkup(html, at, skip_head);
      text += ' ';
    } else {
      text += html[at++];
    }
  }
  // "&amp;" last: what it makes is no entity.
  constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kEntities = {
      {{"&lt;", "<"},
       {"&gt;", ">"},
       {"&quot;", "\""},
       {"&#39;", "'"},
       {"&nbsp;", " "},
       {"&amp;", "&"}}};
  for (const auto& [entity, character] : kEntities) {
    ReplaceAll(text, entity, character);
  }
  return text;
}

std::string HtmlText(std::string_view html) {
  std::string text = WithoutTags(html, true);
  const bool blank =
      std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) <= 0x20; });
  return blank ? WithoutTags(html, false) : text;
}

// The lower its place, the better the member tells what is wrong. "error" may be only the name of
// the status, where there is a message as well.
size_t RankOf(std::string_view key) {
  constexpr std::array<std::string_view, 9> kKeys = {"message", "msg",    "detail",
                                                     "error",   "errors", "error_description",
                                                     "details", "reason", "title"};
  const auto* found = std::ranges::find_if(
      kKeys, [&](std::string_view known) { return net::AsciiEqualsIgnoreCase(known, key); });
  return static_cast<size_t>(found - kKeys.begin());
}
constexpr size_t kNoRank = 9;

// "header x-tenant": where a validation error lies, as FastAPI tells it.
std::string Location(const wire::JsonValue& value) {
  std::string place;
  if (value.type() == wire::JsonType::kArray) {
    wire::JsonCursor cursor(value);
    std::string_view key;
    for (wire::JsonValue part; cursor.Next(&key, &part);) {
      if (part.type() == wire::JsonType::kString) {
        place += place.empty() ? "" : " ";
        place += part.string();
      }
    }
  }
  return place;
}

std::string JsonText(const wire::JsonValue& value, int left) {
  if (value.type() == wire::JsonType::kString) {
    return std::string(value.string());
  }
  const bool object = value.type() == wire::JsonType::kObject;
  if (left == 0 || (!object && value.type() != wire::JsonType::kArray)) {
    return "";
  }
  std::string best;
  std::string place;
  size_t best_rank = kNoRank;
  wire::JsonCursor cursor(value);
  std::string_view key;
  for (wire::JsonValue member; cursor.Next(&key, &member);) {
    if (object && key == "loc") {
      place = Location(member);
    }
    const size_t rank = object ? RankOf(key) : kNoRank - 1;
    if (rank >= best_rank) {
      continue;
    }
    if (std::string text = JsonText(member, left - 1); !text.empty()) {
      best = std::move(text);
      best_rank = rank;
    }
    if (!object && !best.empty()) {
      break;  // the first that says something
    }
  }
  return best.empty() || place.empty() ? best : best + ": " + place;
}

// JSON that has no member of a known name is shown as it is.
std::string JsonWords(std::string_view json) {
  wire::JsonParser parser;
  const auto value = parser.Parse(Rope::CopyOf(json), kMaxDepth);
  std::string text = value.ok() ? JsonText(*value, kMaxFollowed) : "";
  return text.empty() ? std::string(json) : text;
}

// At most kMaxErrorBytes of the body as the peer wrote it; empty if it cannot be read.
std::string Body(const net::HttpResponse& response) {
  const auto codec = wire::ParseCodec(response.headers.Find("content-encoding").value_or(""));
  if (!codec.ok()) {
    return "";
  }
  if (*codec == wire::Codec::kIdentity) {
    Rope body = response.body;
    return body.size() <= kMaxErrorBytes ? body.ToString()
                                         : body.ToString().substr(0, kMaxErrorBytes);
  }
  const auto plain = response.body.size() <= kMaxErrorBytes
                         ? wire::Decompress(*codec, response.body, kMaxErrorBytes)
                         : ResourceExhausted("too large");
  return plain.ok() ? plain->ToString() : "";
}

// What the type promises, or, without a type, what the text looks like.
std::string Words(const std::string& type, const std::string& body) {
  const size_t start = body.find_first_not_of(" \t\r\n");
  if (start == std::string::npos) {
    return "";
  }
  const char first = body[start];
  if (type == "application/x-protobuf" || type == "application/protobuf") {
    const auto details = otlp::DecodeStatus(AsBytes(body));
    return details ? std::string(details->message()) : "";
  }
  if (type == "application/json" || type.ends_with("+json") || (type.empty() && first == '{')) {
    return JsonWords(body);
  }
  const bool markup = type == "text/html" || type.ends_with("/xml") || type.ends_with("+xml");
  if (markup || (type.empty() && first == '<')) {
    return HtmlText(body);
  }
  if (type.starts_with("text/")) {
    // Servers that write JSON with their framework's default type.
    return first == '{' ? JsonWords(body) : body;
  }
  if (!type.empty()) {
    return "";
  }
  const bool text = std::ranges::none_of(body, [](char c) {
    return static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r';
  });
  return text ? body : "";
}

}  // namespace

std::string MediaType(const net::HttpResponse& response) {
  const std::string_view value = response.headers.Find("content-type").value_or("");
  std::string type(value.substr(0, value.find(';')));
  while (type.ends_with(' ')) {
    type.pop_back();
  }
  net::AsciiLower(type);
  return type;
}

std::string OneLine(std::string_view text, size_t limit) {
  std::string line;
  bool blank = false;
  while (!text.empty()) {
    const std::optional<Character> c = Front(text);
    const size_t size = c ? c->size : 1;
    if (c && IsBlank(c->value)) {
      blank = true;
    } else {
      const bool spaced = std::exchange(blank, false) && !line.empty();
      const std::string_view shown = c ? text.substr(0, size) : "?";
      if (line.size() + (spaced ? 1 : 0) + shown.size() > limit) {
        return line + "...";
      }
      line += spaced ? " " : "";
      line += shown;
    }
    text.remove_prefix(size);
  }
  return line;
}

std::string WithoutSecrets(std::string text, const net::HttpHeaders& sent) {
  constexpr std::array<std::string_view, 5> kPublic = {"accept", "content-encoding", "content-type",
                                                       "host", "user-agent"};
  for (const net::HttpHeader& header : sent) {
    if (std::ranges::find(kPublic, header.name) != kPublic.end()) {
      continue;
    }
    std::string_view value = header.value;
    if (value.size() >= kMinSecret) {
      ReplaceAll(text, value, kRedacted);
    }
    // "Bearer x": some quote the token alone.
    value.remove_prefix(std::min(value.size(), value.find(' ') + 1));
    if (value.size() >= kMinSecret) {
      ReplaceAll(text, value, kRedacted);
    }
  }
  return text;
}

std::string PeerWords(const net::HttpResponse& response, const net::HttpHeaders& sent) {
  if (response.body.empty()) {
    return "";
  }
  const std::string words = Words(MediaType(response), Body(response));
  return OneLine(WithoutSecrets(words, sent), kMaxBodyWords);
}

}  // namespace gapless::endpoint
