// resolv.conf as Go reads it, and which names a lookup asks for. Pure.
#pragma once

#include "base/loop.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gapless::net {

struct ResolvConf {
  std::vector<std::string> search;  // without dots at the end
  size_t ndots = 1;
  std::optional<Duration> timeout;  // of one question, if the file says
  std::optional<int> attempts;      // as well

  bool operator==(const ResolvConf&) const = default;
};

// `host_name`: of this machine, whose domain is searched if the file names none.
ResolvConf ParseResolvConf(std::string_view text, std::string_view host_name);

// The names to ask for in turn, until one has an address: with the domains of the search list
// before the name as it is, or behind it if it has `ndots` dots. A name that ends with a dot, and
// localhost, are asked for as they are.
std::vector<std::string> NamesFor(std::string_view host, const ResolvConf& conf);

}  // namespace gapless::net
