// CookieJar: the cookies of one server (RFC 6265), as Go's net/http/cookiejar keeps them without a
// list of public suffixes. Load balancers use them to send a client to the same backend again.
//
// Pure; one thread. What has expired is noticed with the next answer. At most kMaxCookies of
// kMaxCookieBytes; what is more pushes out the oldest. They live as long as the process.
#pragma once

#include "base/loop.h"
#include "net/http/http.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gapless::endpoint {

class CookieJar {
 public:
  static constexpr size_t kMaxCookies = 50;
  static constexpr size_t kMaxCookieBytes = 4096;

  // `host`: of the server, without a port. `https`: how it is reached.
  CookieJar(std::string_view host, bool https);

  // What an answer to a request for `path` sets.
  void Take(const net::HttpHeaders& answer, std::string_view path, WallTime now);
  // The value of Cookie for a request; empty: none.
  std::string For(std::string_view path) const;

 private:
  struct Cookie {
    std::string name;
    std::string value;
    std::string path;
    std::optional<WallTime> expires;  // nullopt: with the process
  };
  void TakeOne(std::string_view field, std::string_view path, WallTime now);
  // False: the cookie is not for us.
  bool TakeAttribute(std::string_view attribute, WallTime now, Cookie& cookie) const;

  const std::string host_;
  const bool https_;
  std::vector<Cookie> cookies_;
};

}  // namespace gapless::endpoint
