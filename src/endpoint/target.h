// Where a client dials: gRPC targets and HTTP URLs taken apart. Pure.
#pragma once

#include "base/status.h"
#include "net/loop/address.h"

#include <optional>
#include <string>
#include <string_view>

namespace gapless::endpoint {

struct GrpcTarget {
  net::HostPort address;
  // unix:///path: dialled instead of `address`.
  std::optional<net::SocketAddress> unix_address;
  // Written with https://: TLS whatever the tls section says.
  bool https = false;
  // What :authority is unless configured.
  std::string authority;
};

// `host:port`, with http://, https://, dns:///, passthrough:/// or unix: in front. Errors in
// upstream's words: `requires a non-empty "endpoint"`, `address x: missing port in address`,
// `invalid port "x"`.
Result<GrpcTarget> ParseGrpcEndpoint(std::string_view endpoint);

struct UrlTarget {
  bool https = false;
  net::HostPort address;  // with the scheme's port if none is written
  std::string authority;  // as written: host, or host:port
  std::string path;       // begins with '/', with the query; percent-encoded where it must be
  // Of the user and password in the URL, for the header Authorization; empty: there are none.
  std::string authorization = {};
};

// An absolute http or https URL, as Go's url.Parse takes them.
Result<UrlTarget> ParseUrl(std::string_view url);
// Where `location` of an answer to a request for `path` of `target` leads (RFC 3986 section 5.2.2),
// as the path of a request to the same scheme, host and port; nullopt: it leads elsewhere, or
// nowhere.
std::optional<std::string> SameServerPath(const UrlTarget& target, std::string_view path,
                                          std::string_view location);
// For logs: the URL without user and password.
std::string WithoutUser(std::string_view url);

}  // namespace gapless::endpoint
