// ListenerPool: lets a listening socket survive the component that opened it, for reloads.
//
// A component takes its listener from the pool and gives it back when it ends. A component that
// asks for the same address shortly after gets the same socket: no connection is refused in
// between. An address that is still in use is taken, as for any other process: two components never
// share one. Control worker's thread only (the first of the workers).
#pragma once

#include "net/listener.h"

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace gapless::net {

class ListenerPool {
 public:
  // The pool of the process. Never destroyed.
  static ListenerPool& Process();

  // As Listener::Open, or the one for this address that was given back. Ports that the system
  // chooses (0) are never kept.
  Result<std::shared_ptr<Listener>> Take(const std::vector<Worker*>& workers,
                                         std::string_view transport, std::string_view endpoint,
                                         const ListenerOptions& options);
  // Keeps the socket open for `linger`, while connections wait in its backlog, unless somebody
  // takes it before. Precondition: no acceptor is set by the caller any more.
  void Give(std::shared_ptr<Listener> listener, Duration linger = std::chrono::seconds(5));

 private:
  using Key = std::tuple<const Worker*, std::string, std::string>;
  struct Parked {
    std::shared_ptr<Listener> listener;
    Timer timer;
  };
  std::map<const Listener*, Key> keys_;  // of listeners that were taken; some may be gone
  std::map<Key, Parked> parked_;
};

}  // namespace gapless::net
