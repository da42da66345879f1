#include "endpoint/target.h"

#include "endpoint/query.h"
#include "fmt/format.h"
#include "net/http/http.h"
#include "wire/base64.h"

#include <algorithm>

namespace gapless::endpoint {
namespace {

// Schemes are case-insensitive (RFC 3986 section 3.1).
bool TakePrefix(std::string_view& text, std::string_view prefix) {
  if (!net::AsciiEqualsIgnoreCase(text.substr(0, prefix.size()), prefix)) {
    return false;
  }
  text.remove_prefix(prefix.size());
  return true;
}

// "dns://8.8.8.8/host:port" names a name server, which is the system's business here.
void TakeResolverScheme(std::string_view& text) {
  for (std::string_view scheme : {"dns://", "passthrough://"}) {
    if (TakePrefix(text, scheme)) {
      const size_t slash = text.find('/');
      if (slash != std::string_view::npos) {
        text.remove_prefix(slash + 1);
      }
      return;
    }
  }
  TakePrefix(text, "dns:");
}

Result<net::HostPort> ParseAddress(std::string_view text) {
  const size_t colon = text.rfind(':');
  const size_t bracket = text.rfind(']');
  if (colon == std::string_view::npos || (bracket != std::string_view::npos && colon < bracket)) {
    return InvalidArgument(fmt::format("address {}: missing port in address", text));
  }
  const std::string_view port = text.substr(colon + 1);
  const bool numeric =
      !port.empty() && std::ranges::all_of(port, [](char c) { return c >= '0' && c <= '9'; });
  if (!numeric) {
    return InvalidArgument(fmt::format("invalid port \"{}\"", port));
  }
  return net::HostPort::Parse(text);
}

bool IsControl(char c) { return (c >= 0 && c < ' ') || c == 0x7f; }

// What may not stand in a request line is percent-encoded, as Go does.
std::string EncodedPath(std::string_view path) {
  std::string out;
  for (const char c : path) {
    const bool plain = c > ' ' && c < 0x7f && !std::string_view("\"<>\\^`{|}").contains(c);
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

// "user:password" as the value of Authorization.
std::string BasicAuthorization(std::string_view user_info) {
  std::string user = PercentDecode(user_info);
  if (!user_info.contains(':')) {
    user += ':';
  }
  std::string value = "Basic ";
  wire::AppendBase64(AsBytes(user), true, &value);
  return value;
}

// A zone of an IPv6 address is written with %25 (RFC 6874).
std::string WithZone(std::string_view authority) {
  std::string text(authority);
  const size_t zone = text.find("%25");
  return text.starts_with('[') && zone != std::string::npos ? text.replace(zone, 3, "%") : text;
}

}  // namespace

Result<GrpcTarget> ParseGrpcEndpoint(std::string_view endpoint) {
  GrpcTarget target;
  std::string_view text = endpoint;
  if (TakePrefix(text, "unix://") || TakePrefix(text, "unix:")) {
    ASSIGN_OR_RETURN(target.unix_address, net::SocketAddress::FromUnixPath(text));
    target.authority = "localhost";
    return target;
  }
  if (TakePrefix(text, "unix-abstract:")) {
    ASSIGN_OR_RETURN(target.unix_address,
                     net::SocketAddress::FromUnixPath("@" + std::string(text)));
    target.authority = "localhost";
    return target;
  }
  target.https = TakePrefix(text, "https://");
  if (!target.https && !TakePrefix(text, "http://")) {
    TakeResolverScheme(text);
  }
  if (text.empty()) {
    return InvalidArgument("requires a non-empty \"endpoint\"");
  }
  if (std::ranges::any_of(text, IsControl)) {
    return InvalidArgument("invalid control character in endpoint");
  }
  ASSIGN_OR_RETURN(target.address, ParseAddress(text));
  target.authority = std::string(text);
  return target;
}

Result<UrlTarget> ParseUrl(std::string_view url) {
  const auto bad = [url](std::string_view why) {
    return InvalidArgument(fmt::format("parse \"{}\": {}", WithoutUser(url), why));
  };
  UrlTarget target;
  std::string_view text = url;
  target.https = TakePrefix(text, "https://");
  if (!target.https && !TakePrefix(text, "http://")) {
    return bad("the URL must begin with http:// or https://");
  }
  if (std::ranges::any_of(text, IsControl)) {
    return bad("invalid character in URL");
  }
  text = text.substr(0, text.find('#'));
  const size_t end = std::min(text.find_first_of("/?"), text.size());
  std::string_view authority = text.substr(0, end);
  const std::string_view rest = text.substr(end);
  if (const size_t at = authority.rfind('@'); at != std::string_view::npos) {
    target.authorization = BasicAuthorization(authority.substr(0, at));
    authority.remove_prefix(at + 1);
  }
  if (authority.ends_with(':')) {
    authority.remove_suffix(1);  // no port is the scheme's
  }
  if (authority.empty()) {
    return bad("no Host in request URL");
  }
  const bool odd = std::ranges::any_of(
      authority, [](char c) { return c <= ' ' || std::string_view("\"<>\\^`{|}").contains(c); });
  if (odd || (!authority.contains('[') && authority.contains('%'))) {
    return bad("invalid character in host name");
  }
  auto address = net::HostPort::ParseWithDefault(WithZone(authority), target.https ? 443 : 80);
  if (!address.ok()) {
    return bad(address.status().message());
  }
  target.address = *address;
  target.authority = std::string(authority);
  target.path = EncodedPath(rest.starts_with('/') ? std::string(rest) : "/" + std::string(rest));
  return target;
}

std::optional<std::string> SameServerPath(const UrlTarget& target, std::string_view path,
                                          std::string_view location) {
  location = location.substr(0, location.find('#'));
  const std::string_view scheme = target.https ? "https:" : "http:";
  const size_t colon = location.find(':');
  std::string url(location);
  if (location.starts_with("//")) {
    url = std::string(scheme) + url;
  } else if (colon == std::string_view::npos || colon > location.find_first_of("/?")) {
    // Relative to the path without its last segment, or its query.
    const std::string_view own = path.substr(0, path.find('?'));
    const std::string_view base = location.starts_with('/')   ? ""
                                  : location.starts_with('?') ? own
                                                              : own.substr(0, own.rfind('/') + 1);
    url = fmt::format("{}//{}{}{}", scheme, target.authority, base, location);
  }
  const auto to = ParseUrl(url);
  if (location.empty() || !to.ok() || to->https != target.https ||
      to->address.port != target.address.port ||
      !net::AsciiEqualsIgnoreCase(to->address.host, target.address.host)) {
    return std::nullopt;
  }
  return to->path;
}

std::string WithoutUser(std::string_view url) {
  const size_t scheme = url.find("://");
  const size_t begin = scheme == std::string_view::npos ? 0 : scheme + 3;
  const std::string_view authority = url.substr(begin, url.find_first_of("/?#", begin) - begin);
  const size_t at = authority.rfind('@');
  return at == std::string_view::npos
             ? std::string(url)
             : std::string(url.substr(0, begin)) + std::string(url.substr(begin + at + 1));
}

}  // namespace gapless::endpoint
