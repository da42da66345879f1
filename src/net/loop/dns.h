// Resolver: host names to addresses, asynchronously, on one worker (c-ares over the worker's loop).
//
// Numeric hosts are answered at once, names from the hosts file or DNS. Answers are kept for their
// TTL, at least a second and at most 30; an answer that is too old is still better than none when
// the name server is gone, so it is given then. The names of the search list are asked for in turn,
// and an error of one is no reason not to ask for the next. resolv.conf is looked at again every
// five seconds, as Go does. A query ends within kTimeout, or what resolv.conf asks for if that is
// longer. All on the worker's thread.
#pragma once

#include "base/loop.h"
#include "base/status.h"
#include "net/loop/address.h"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace gapless::net {

class Worker;

class Resolver {
 public:
  static constexpr Duration kTimeout = std::chrono::seconds(5);
  static constexpr size_t kMaxAddresses = 64;
  static constexpr size_t kMaxCached = 256;

  // Never empty when OK; each address carries the port.
  using Addresses = std::vector<SocketAddress>;
  using Callback = std::move_only_function<void(Result<Addresses>)>;

  // For tests. Port 0: that of DNS.
  struct Sources {
    std::string resolv_conf = "/etc/resolv.conf";
    uint16_t port = 0;
  };
  explicit Resolver(Worker& worker);
  Resolver(Worker& worker, Sources sources);
  // Callbacks of pending queries do not run.
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // `done` runs exactly once, on a later turn, unless cancelled. The number names the query.
  uint64_t Resolve(const std::string& host, uint16_t port, Callback done);
  void Cancel(uint64_t query);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gapless::net
