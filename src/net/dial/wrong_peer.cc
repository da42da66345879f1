#include "net/dial/wrong_peer.h"

#include "fmt/format.h"

#include <algorithm>

namespace gapless::net {
namespace {

constexpr size_t kFrameHead = 9;  // RFC 9113 section 4.1
constexpr size_t kMaxQuote = 80;

bool IsText(char c) { return c >= ' ' && c <= '~'; }

// A SETTINGS frame is the first that an HTTP/2 server sends (RFC 9113 section 3.4).
bool IsHttp2(std::string_view begin) {
  constexpr char kSettings = 4;
  return begin.size() >= kFrameHead && begin[0] == 0 && begin[3] == kSettings &&
         begin.substr(5, 4) == std::string_view("\0\0\0\0", 4);
}

bool IsTls(std::string_view begin) {
  constexpr char kAlert = 0x15;
  constexpr char kHandshake = 0x16;
  return begin.size() >= 3 && (begin[0] == kAlert || begin[0] == kHandshake) && begin[1] == 3;
}

// Also the page without a status line that some servers answer an unknown version with.
bool IsHttp1(std::string_view begin) {
  return begin.starts_with("HTTP/") || begin.starts_with('<');
}

// As the servers of Go, nginx, gapless and others say it.
bool WantsTls(std::string_view begin) { return begin.contains("HTTPS"); }

std::string FirstLine(std::string_view begin) {
  const auto end = std::ranges::find_if_not(begin, IsText);
  return std::string(
      begin.substr(0, std::min(kMaxQuote, static_cast<size_t>(std::distance(begin.begin(), end)))));
}

}  // namespace

std::string WithHint(std::string_view text, std::string_view hint) {
  return hint.empty() ? std::string(text) : fmt::format("{}: {}", text, hint);
}

std::string WrongPeer(std::string_view begin, bool http2, const WrongPeerHints& hints) {
  if (IsTls(begin)) {
    return WithHint("this looks like a server with TLS", hints.tls);
  }
  if (http2 && IsHttp1(begin)) {
    if (WantsTls(begin)) {
      return WithHint("this looks like a server with TLS", hints.tls);
    }
    return WithHint(
        fmt::format("this looks like an HTTP/1.1 server, which answered \"{}\"", FirstLine(begin)),
        hints.http1);
  }
  if (!http2 && IsHttp2(begin)) {
    return WithHint("this looks like an HTTP/2 server, such as one of gRPC", hints.http2);
  }
  return "";
}

}  // namespace gapless::net
