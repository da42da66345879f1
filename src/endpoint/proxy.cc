#include "endpoint/proxy.h"

#include "endpoint/query.h"
#include "fmt/format.h"
#include "net/http/http.h"
#include "wire/base64.h"

#include <array>
#include <charconv>

namespace gapless::endpoint {
namespace {

std::string Lower(std::string_view text) {
  std::string out(text);
  net::AsciiLower(out);
  return out;
}

const char* Either(Environment environment, const char* upper, const char* lower) {
  const char* value = environment(upper);
  return value != nullptr && *value != '\0' ? value : environment(lower);
}

// The address in `text`, as 16 bytes (an IPv4 one is mapped); nullopt: it is none.
using Ip = std::array<uint8_t, 16>;
std::optional<Ip> ParseIp(std::string_view text) {
  const auto address = net::SocketAddress::FromNumeric(std::string(text), 0);
  return address ? std::optional(address->Ip()) : std::nullopt;
}

bool IsThisHost(const std::string& host) {
  if (host == "localhost") {
    return true;
  }
  const auto ip = ParseIp(host);
  constexpr Ip kLoopback = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return ip && (*ip == kLoopback || (net::IsMappedIpv4(*ip) && (*ip)[12] == 127));
}

// Whether "10.0.0.0/8" or "2001:db8::/32" contains `ip`; nullopt: `range` is no range.
std::optional<bool> RangeContains(std::string_view range, const std::optional<Ip>& ip) {
  const size_t slash = range.find('/');
  if (slash == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view digits = range.substr(slash + 1);
  size_t bits = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  const auto base = ParseIp(range.substr(0, slash));
  const bool v4 = !range.contains(':');
  if (!base || error != std::errc() || end != digits.data() + digits.size() ||
      bits > (v4 ? 32U : 128U)) {
    return std::nullopt;
  }
  if (!ip || net::IsMappedIpv4(*ip) != v4) {
    return false;
  }
  bits += v4 ? 96 : 0;
  for (size_t i = 0; i < bits; ++i) {
    if ((((*base)[i / 8] ^ (*ip)[i / 8]) >> (7 - i % 8) & 1) != 0) {
      return false;
    }
  }
  return true;
}

// Splits ":port" off "host:port" and "[v6]:port", and brackets. An address of IPv6 without brackets
// has no port.
std::string_view TakePort(std::string_view& entry) {
  std::string_view port;
  const size_t colon = entry.rfind(':');
  if (colon != std::string_view::npos &&
      (entry.find(':') == colon || (colon > 0 && entry[colon - 1] == ']'))) {
    port = entry.substr(colon + 1);
    entry = entry.substr(0, colon);
  }
  if (entry.starts_with('[') && entry.ends_with(']')) {
    entry = entry.substr(1, entry.size() - 2);
  }
  return port;
}

// One entry of NO_PROXY, in lower case: "*", an address or a range of them, "host", ".domain",
// "*.domain"; all but "*" and ranges may have a port.
bool Excludes(std::string_view entry, const std::string& host, uint16_t port) {
  if (entry == "*") {
    return true;
  }
  const auto ip = ParseIp(host);
  if (const auto contains = RangeContains(entry, ip)) {
    return *contains;
  }
  const std::string_view wanted_port = TakePort(entry);
  if (!wanted_port.empty() && wanted_port != std::to_string(port)) {
    return false;
  }
  if (const auto address = ParseIp(entry)) {
    return ip == address;
  }
  if (entry.starts_with("*.")) {
    entry.remove_prefix(1);
  }
  if (entry.starts_with('.')) {
    return host.ends_with(entry);
  }
  return !entry.empty() && (host == entry || host.ends_with("." + std::string(entry)));
}

bool NoProxy(std::string_view list, const std::string& host, uint16_t port) {
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    std::string_view entry = list.substr(0, comma);
    list.remove_prefix(std::min(comma + 1, list.size()));
    while (entry.starts_with(' ')) {
      entry.remove_prefix(1);
    }
    while (entry.ends_with(' ')) {
      entry.remove_suffix(1);
    }
    if (!entry.empty() && Excludes(Lower(entry), host, port)) {
      return true;
    }
  }
  return false;
}

}  // namespace

Result<Proxy> ParseProxy(std::string_view url) {
  std::string_view text = url;
  const size_t scheme = text.find("://");
  if (scheme != std::string_view::npos) {
    if (!net::AsciiEqualsIgnoreCase(text.substr(0, scheme), "http")) {
      return InvalidArgument(
          fmt::format("proxies of scheme \"{}\" are not supported", text.substr(0, scheme)));
    }
    text.remove_prefix(scheme + 3);
  }
  text = text.substr(0, text.find('/'));
  Proxy proxy;
  const size_t at = text.rfind('@');
  if (at != std::string_view::npos) {
    std::string user = PercentDecode(text.substr(0, at));
    user += text.substr(0, at).contains(':') ? "" : ":";  // no password is an empty one
    proxy.authorization = "Basic ";
    wire::AppendBase64(AsBytes(user), true, &proxy.authorization);
    text.remove_prefix(at + 1);
  }
  auto address = net::HostPort::ParseWithDefault(text, 80);
  if (!address.ok() || address->host.empty()) {
    return InvalidArgument("the proxy's address must be host:port");
  }
  proxy.address = *address;
  return proxy;
}

Result<std::optional<Proxy>> ProxyFromEnvironment(bool https, const net::HostPort& target,
                                                  Environment environment) {
  const char* url = https ? Either(environment, "HTTPS_PROXY", "https_proxy")
                          : Either(environment, "HTTP_PROXY", "http_proxy");
  const std::string host = Lower(target.host);
  if (url == nullptr || *url == '\0' || host.empty() || IsThisHost(host)) {
    return std::optional<Proxy>();
  }
  const char* no_proxy = Either(environment, "NO_PROXY", "no_proxy");
  if (no_proxy != nullptr && NoProxy(no_proxy, host, target.port)) {
    return std::optional<Proxy>();
  }
  ASSIGN_OR_RETURN(Proxy proxy, ParseProxy(url));
  return std::optional<Proxy>(std::move(proxy));
}

}  // namespace gapless::endpoint
