// BrowserGuard: keeps foreign web pages away from pages and APIs of ours that have no password.
//
// A browser lends every page that it shows the reach of its machine: also to what listens on the
// loopback only. There are two ways in. The page asks across sites, which the browser marks
// (Sec-Fetch-Site, Origin, Referer). Or the page's own name is made to mean our address (DNS
// rebinding): then the request looks like one of the same site, and only its Host is wrong. Pure;
// any thread.
#pragma once

#include "net/http/http.h"
#include "net/loop/address.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gapless::net {

struct BrowserRules {
  // Names that Host may have beside those of the endpoint and the machine; "*.example": every name
  // under that one; "*": every name.
  std::vector<std::string> allowed_hosts;
  // Host must name the endpoint wherever it listens. Otherwise that is asked on loopback addresses
  // only: what others reach, they reach by names that nobody here knows.
  bool always_check_host = false;
};

class BrowserGuard {
 public:
  // `endpoint`: as configured; `bound`: where the server listens.
  BrowserGuard(std::string_view endpoint, const SocketAddress& bound, const BrowserRules& rules);

  // Why the request is refused, as a sentence for people; nullopt: it is not.
  std::optional<std::string> Objection(const HttpRequest& request) const;

 private:
  bool NamesUs(std::string_view authority) const;

  bool checks_host_ = false;
  bool any_host_ = false;
  bool any_address_ = false;            // every IP address will do as a Host
  std::vector<std::string> own_names_;  // lower case
  std::vector<std::string> suffixes_;   // ".example", lower case
};

}  // namespace gapless::net
