#include "net/server/browser_guard.h"

#include <algorithm>
#include <array>
#include <memory>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <unistd.h>

namespace gapless::net {
namespace {

std::string Lower(std::string_view text) {
  std::string out(text);
  AsciiLower(out);
  return out;
}

// The name in "name:port" or "[v6]:port", in lower case and without the dot of the root.
std::string HostOf(std::string_view authority) {
  std::string host;
  if (authority.starts_with('[')) {
    host = authority.substr(1, authority.find(']') - 1);
  } else {
    host = authority.substr(0, authority.rfind(':'));
  }
  if (host.ends_with('.')) {
    host.pop_back();
  }
  return Lower(host);
}

bool IsLoopback(const SocketAddress& address) {
  const std::array<uint8_t, 16> ip = address.Ip();
  constexpr std::array<uint8_t, 16> kLoopback = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return IsMappedIpv4(ip) ? ip[12] == IN_LOOPBACKNET : ip == kLoopback;
}

bool IsAddressOfTheMachine(const SocketAddress& address) {
  ifaddrs* found = nullptr;
  if (getifaddrs(&found) != 0) {
    return false;
  }
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> guard(found, freeifaddrs);
  for (const ifaddrs* entry = found; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != address.family()) {
      continue;
    }
    const socklen_t size = address.family() == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    if (SocketAddress(entry->ifa_addr, size).HostString() == address.HostString()) {
      return true;
    }
  }
  return false;
}

// What a URL names: "host:port" of "https://host:port/path". Empty: nothing.
std::string_view AuthorityOf(std::string_view url) {
  const size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) {
    return {};
  }
  url.remove_prefix(scheme + 3);
  return url.substr(0, url.find_first_of("/?#"));
}

}  // namespace

BrowserGuard::BrowserGuard(std::string_view endpoint, const SocketAddress& bound,
                           const BrowserRules& rules) {
  if (bound.family() == AF_UNIX) {
    return;  // no browser connects there
  }
  checks_host_ = rules.always_check_host || IsLoopback(bound);
  any_address_ = !IsLoopback(bound);
  own_names_ = {"localhost", HostOf(endpoint), bound.HostString()};
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) == 0) {
    const std::string machine = Lower(name.data());
    own_names_.push_back(machine);
    own_names_.push_back(machine.substr(0, machine.find('.')));
  }
  for (const std::string& allowed : rules.allowed_hosts) {
    any_host_ = any_host_ || allowed == "*";
    if (allowed.starts_with("*.")) {
      suffixes_.push_back(Lower(allowed.substr(1)));
    } else {
      own_names_.push_back(Lower(allowed));
    }
  }
}

bool BrowserGuard::NamesUs(std::string_view authority) const {
  const std::string host = HostOf(authority);
  if (any_host_ || (!host.empty() && std::ranges::find(own_names_, host) != own_names_.end())) {
    return true;
  }
  const auto under = [&](const std::string& suffix) {
    return host.size() > suffix.size() && host.ends_with(suffix);
  };
  if (std::ranges::any_of(suffixes_, under)) {
    return true;
  }
  // Nobody can make an address mean another one.
  const auto address = SocketAddress::FromNumeric(host, 0);
  return address && (any_address_ || IsLoopback(*address) || IsAddressOfTheMachine(*address));
}

std::optional<std::string> BrowserGuard::Objection(const HttpRequest& request) const {
  if (checks_host_ && !NamesUs(request.authority)) {
    return fmt::format(
        "the Host \"{}\" is no name of this endpoint: use localhost, an address of this machine, "
        "or a name in allowed_hosts",
        request.authority);
  }
  const std::string site = Lower(request.headers.Joined("sec-fetch-site"));
  if (!site.empty() && site != "none" && site != "same-origin") {
    return "not for pages of other sites (Sec-Fetch-Site); enter the address by hand";
  }
  for (const std::string_view name : {"origin", "referer"}) {
    if (request.headers.Has(name) &&
        !AsciiEqualsIgnoreCase(AuthorityOf(request.headers.Joined(name)), request.authority)) {
      return fmt::format("not for pages of other sites ({})", name);
    }
  }
  return std::nullopt;
}

}  // namespace gapless::net
