// ListenerPool: lets a listening socket survive the component that opened it, so that whoever
// connects is served by the next component or told that there is none.
//
// A component takes its listener from the pool and gives it back when it ends. A component that
// asks for the same address shortly after gets the same socket: no connection is refused in
// between. Until then, and until the end of the process, a server of the former component's
// (`farewell`) answers new clients. An address that is still in use is taken, as for any other
// process: two components never share one.
//
// Sockets that were inherited from the process that started this one are taken in place of opening
// the same address. Given back they only wait: their clients stay in the kernel's queue for the
// next taker, here or in the next process. Control worker's thread only (the first of the workers).
#pragma once

#include "net/loop/listener.h"
#include "net/server/http_server.h"

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

  // As Listener::Open, or the one for this address that was given back or inherited. Ports that the
  // system chooses (0) are never kept.
  Result<std::shared_ptr<Listener>> Take(const std::vector<Worker*>& workers,
                                         std::string_view transport, std::string_view endpoint,
                                         const ListenerOptions& options);
  // Keeps the socket open for `linger`, unless somebody takes it before; then it ends as in
  // CloseAll. `farewell`: who serves new clients meanwhile; null: nobody, they wait in the backlog.
  // Precondition: no acceptor is set by the caller any more.
  void Give(std::shared_ptr<Listener> listener, std::shared_ptr<HttpServer> farewell,
            Duration linger = std::chrono::seconds(5));
  // The end of the process, for the sockets of this control worker that were given back: new
  // clients are turned away, those who wait are accepted, and all are answered (at most until
  // `deadline`) before `done` is called. HTTP/1.1 clients that just lost their connection are first
  // given the time to come again: for many of them a refused connection is final. gRPC clients
  // treat it like UNAVAILABLE, and the sooner they begin to wait, the sooner they come back.
  void CloseAll(Worker& control, TimePoint deadline, Task done);

  // Listening sockets from the process that started this one. Those that do not listen are dropped.
  void Inherit(std::vector<Fd> sockets);
  // Of inherited sockets that nobody has taken.
  std::vector<SocketAddress> inherited() const;

 private:
  using Key = std::tuple<const Worker*, std::string, std::string>;
  struct Parked {
    std::shared_ptr<Listener> listener;
    std::shared_ptr<HttpServer> farewell;
    Timer timer;
    bool had_clients = false;  // when it was given back
    bool turned_away = false;
  };
  static bool MayComeAgain(const Parked& parked);
  Fd TakeInherited(const SocketAddress& wanted);
  void Close(const Key& key, TimePoint deadline, Task done);
  void CloseNow(const Key& key, TimePoint deadline, Task done);
  void EndFarewell(Worker& control, std::shared_ptr<HttpServer> farewell, TimePoint deadline,
                   Task done);

  std::map<const Listener*, Key> keys_;  // of listeners that were taken; some may be gone
  std::map<Key, Parked> parked_;
  std::vector<Fd> inherited_;
};

}  // namespace gapless::net
