#include "endpoint/target.h"

#include "fmt/format.h"

#include <algorithm>

namespace gapless::endpoint {
namespace {

bool TakePrefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) {
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

bool IsUrlByte(char c) { return c > ' ' && c < 0x7f; }

}  // namespace

Result<GrpcTarget> ParseGrpcEndpoint(std::string_view endpoint) {
  GrpcTarget target;
  std::string_view text = endpoint;
  if (TakePrefix(text, "unix://") || TakePrefix(text, "unix:")) {
    ASSIGN_OR_RETURN(target.unix_address, net::SocketAddress::FromUnixPath(text));
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
  ASSIGN_OR_RETURN(target.address, ParseAddress(text));
  target.authority = std::string(text);
  return target;
}

Result<UrlTarget> ParseUrl(std::string_view url) {
  const auto bad = [url](std::string_view why) {
    return InvalidArgument(fmt::format("parse \"{}\": {}", url, why));
  };
  UrlTarget target;
  std::string_view text = url;
  target.https = TakePrefix(text, "https://");
  if (!target.https && !TakePrefix(text, "http://")) {
    return bad("the URL must begin with http:// or https://");
  }
  if (!std::ranges::all_of(text, IsUrlByte)) {
    return bad("invalid character in URL");
  }
  text = text.substr(0, text.find('#'));
  const size_t end = std::min(text.find_first_of("/?"), text.size());
  const std::string_view authority = text.substr(0, end);
  const std::string_view rest = text.substr(end);
  if (authority.empty()) {
    return bad("no Host in request URL");
  }
  if (!authority.contains('[') && authority.find_first_of("%\"<>\\^`{|}") != authority.npos) {
    return bad("invalid character in host name");
  }
  if (authority.contains('@')) {
    return bad("user information in the URL is not supported; use headers");
  }
  auto address = net::HostPort::ParseWithDefault(authority, target.https ? 443 : 80);
  if (!address.ok()) {
    return bad(address.status().message());
  }
  target.address = *address;
  target.authority = std::string(authority);
  target.path = rest.starts_with('/') ? std::string(rest) : "/" + std::string(rest);
  return target;
}

}  // namespace gapless::endpoint
