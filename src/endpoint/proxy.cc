#include "endpoint/proxy.h"

#include "endpoint/query.h"
#include "fmt/format.h"
#include "net/http/http.h"
#include "wire/base64.h"

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

bool IsThisHost(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

// One entry of NO_PROXY: "*", "host", ".domain", "host:port". Address ranges are compared as text
// only.
bool Excludes(std::string_view entry, const std::string& host, uint16_t port) {
  if (entry == "*") {
    return true;
  }
  const size_t colon = entry.rfind(':');
  if (colon != std::string_view::npos && entry.find(':') == colon) {
    if (entry.substr(colon + 1) != std::to_string(port)) {
      return false;
    }
    entry = entry.substr(0, colon);
  }
  if (entry.starts_with("*.")) {
    entry.remove_prefix(1);
  }
  const std::string name = Lower(entry);
  if (name.starts_with('.')) {
    return host.ends_with(name);
  }
  return !name.empty() && (host == name || host.ends_with("." + name));
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
    if (!entry.empty() && Excludes(entry, host, port)) {
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
    if (text.substr(0, scheme) != "http") {
      return InvalidArgument(
          fmt::format("proxies of scheme \"{}\" are not supported", text.substr(0, scheme)));
    }
    text.remove_prefix(scheme + 3);
  }
  text = text.substr(0, text.find('/'));
  Proxy proxy;
  const size_t at = text.rfind('@');
  if (at != std::string_view::npos) {
    const std::string user = PercentDecode(text.substr(0, at));
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
