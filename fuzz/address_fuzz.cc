// Whatever names a peer: resolv.conf, URLs, gRPC targets, proxies, queries and paths. What is
// accepted is in its normal form: read again, it is the same.
//
// Input: text.
#include "base/check.h"
#include "endpoint/proxy.h"
#include "endpoint/query.h"
#include "endpoint/target.h"
#include "net/loop/resolv_conf.h"
#include "net/server/serve_mux.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace gapless {
namespace {

std::string proxy_of_all;
std::string no_proxy;

const char* FakeEnvironment(const char* name) {
  const std::string_view wanted = name;
  if (wanted == "HTTP_PROXY") {
    return proxy_of_all.c_str();
  }
  return wanted == "NO_PROXY" ? no_proxy.c_str() : nullptr;
}

bool IsSafeInARequest(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

void CheckResolvConf(std::string_view text) {
  const net::ResolvConf conf = net::ParseResolvConf(text, "here.example.org");
  GAPLESS_CHECK(conf.ndots <= 15);
  const std::string_view host = text.substr(0, text.find('\n'));
  const std::vector<std::string> names = net::NamesFor(host, conf);
  GAPLESS_CHECK(!names.empty() && names.size() <= conf.search.size() + 1);
}

void CheckHostPort(std::string_view text) {
  const Result<net::HostPort> address = net::HostPort::Parse(text);
  if (address.ok()) {
    const Result<net::HostPort> again = net::HostPort::Parse(address->ToString());
    GAPLESS_CHECK(again.ok() && *again == *address);
  }
}

void CheckUrl(std::string_view text) {
  const Result<endpoint::UrlTarget> url = endpoint::ParseUrl(text);
  static_cast<void>(endpoint::WithoutUser(text));
  if (!url.ok()) {
    return;
  }
  GAPLESS_CHECK(url->path.starts_with('/'));
  GAPLESS_CHECK(IsSafeInARequest(url->path) && IsSafeInARequest(url->authority));
  GAPLESS_CHECK(IsSafeInARequest(url->authorization));
  const Result<endpoint::UrlTarget> again =
      endpoint::ParseUrl((url->https ? "https://" : "http://") + url->authority + url->path);
  GAPLESS_CHECK(again.ok() && again->path == url->path && again->address == url->address);
}

void CheckTargets(std::string_view text) {
  const Result<endpoint::GrpcTarget> target = endpoint::ParseGrpcEndpoint(text);
  GAPLESS_CHECK(!target.ok() || IsSafeInARequest(target->authority));
  const Result<endpoint::Proxy> proxy = endpoint::ParseProxy(text);
  GAPLESS_CHECK(!proxy.ok() || IsSafeInARequest(proxy->authorization));
  const size_t line = text.find('\n');
  proxy_of_all = text.substr(0, line);
  no_proxy = line == std::string_view::npos ? "" : text.substr(line + 1);
  static_cast<void>(endpoint::ProxyFromEnvironment(false, {.host = "b.example.org", .port = 80},
                                                   FakeEnvironment));
}

void CheckPaths(std::string_view text) {
  GAPLESS_CHECK(endpoint::PercentDecode(endpoint::PercentEncode(text)) == text);
  static_cast<void>(endpoint::QueryValue(text, "a"));
  const std::string path = net::CleanPath(text);
  GAPLESS_CHECK(path.starts_with('/') && net::CleanPath(path) == path);
  const net::ServeMux mux({"/", "/a", "/a/", "/a/b"});
  GAPLESS_CHECK(mux.Find(path).has_value());
}

}  // namespace
}  // namespace gapless

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  gapless::CheckResolvConf(text);
  gapless::CheckHostPort(text);
  gapless::CheckUrl(text);
  gapless::CheckTargets(text);
  gapless::CheckPaths(text);
  return 0;
}
