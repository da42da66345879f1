// Which proxy a request takes: `proxy_url`, else HTTP_PROXY, HTTPS_PROXY and NO_PROXY as Go reads
// them (golang.org/x/net/http/httpproxy). Pure.
#pragma once

#include "base/status.h"
#include "net/loop/address.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace gapless::endpoint {

struct Proxy {
  net::HostPort address;
  // Value of Proxy-Authorization; empty: none.
  std::string authorization;

  bool operator==(const Proxy&) const = default;
};

// `http://[user:password@]host[:port]`; the scheme may be missing. Proxies that want TLS or SOCKS
// are refused.
Result<Proxy> ParseProxy(std::string_view url);

// Value of an environment variable; null if it is unset.
using Environment = const char* (*)(const char* name);

// The proxy that the environment names for a target; nullopt: none. Targets on this host never take
// one.
Result<std::optional<Proxy>> ProxyFromEnvironment(bool https, const net::HostPort& target,
                                                  Environment environment);

}  // namespace gapless::endpoint
