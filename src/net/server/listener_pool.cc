#include "net/server/listener_pool.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>

namespace gapless::net {
namespace {

// HTTP/1.1 clients that were connected come again at once, and are answered within this time.
constexpr Duration kReturnWait = std::chrono::milliseconds(200);
// Handshakes that were under way when new clients were turned away end within this time.
constexpr Duration kLastHandshakes = std::chrono::milliseconds(50);
// The last clients of a socket that ends without the process are answered within this time.
constexpr Duration kFarewellTime = std::chrono::seconds(2);

bool IsAnyHost(const SocketAddress& address) {
  return address.HostString() == "0.0.0.0" || address.HostString() == "::";
}

// Whether what listens at `have` serves who asks for `want`. A socket for all addresses is one
// whatever its family: [::] takes IPv4 as well.
bool Covers(const SocketAddress& have, const SocketAddress& want) {
  return have == want || (IsAnyHost(have) && IsAnyHost(want) && have.port() == want.port());
}

}  // namespace

ListenerPool& ListenerPool::Process() {
  // Leaked on purpose: its timers must not be cancelled after their worker is gone.
  static auto* const pool = new ListenerPool();
  return *pool;
}

Result<std::shared_ptr<Listener>> ListenerPool::Take(const std::vector<Worker*>& workers,
                                                     std::string_view transport,
                                                     std::string_view endpoint,
                                                     const ListenerOptions& options) {
  Key key(workers.at(0), transport, endpoint);
  std::shared_ptr<Listener> listener;
  if (auto found = parked_.extract(key)) {
    Parked& parked = found.mapped();
    if (parked.turned_away && !parked.listener->TakeIn()) {
      parked.listener->AcceptAll();
    } else {
      listener = std::move(parked.listener);
      listener->SetAcceptor(nullptr);
      listener->SetMaxConnections(options.max_connections);
    }
    EndFarewell(*workers.front(), std::move(parked.farewell),
                workers.front()->Now() + kFarewellTime, [] {});
  }
  if (!listener && !inherited_.empty()) {
    ASSIGN_OR_RETURN(const SocketAddress wanted, Listener::Resolve(transport, endpoint));
    if (Fd fd = TakeInherited(wanted); fd.valid()) {
      listener = Listener::Adopt(workers, std::move(fd), options);
    }
  }
  if (!listener) {
    ASSIGN_OR_RETURN(std::unique_ptr<Listener> opened,
                     Listener::Open(workers, transport, endpoint, options));
    listener = std::move(opened);
  }
  keys_.insert_or_assign(listener.get(), std::move(key));
  return listener;
}

void ListenerPool::Give(std::shared_ptr<Listener> listener, std::shared_ptr<HttpServer> farewell,
                        Duration linger) {
  auto taken = keys_.extract(listener.get());
  if (listener->inherited()) {
    inherited_.push_back(listener->Release());
    return;
  }
  Worker& worker = listener->control_worker();
  const bool had_clients = listener->connections() > 0;
  listener->SetAcceptor(farewell);
  if (!taken || std::get<2>(taken.mapped()).ends_with(":0")) {
    listener->TurnAway();
    listener->AcceptAll();
    return EndFarewell(worker, std::move(farewell), worker.Now() + kFarewellTime, [] {});
  }
  const Key& key = taken.mapped();
  Timer timer = worker.RunAfter(
      linger, [this, key, &worker] { Close(key, worker.Now() + kFarewellTime, [] {}); });
  parked_.insert_or_assign(key, Parked{.listener = std::move(listener),
                                       .farewell = std::move(farewell),
                                       .timer = std::move(timer),
                                       .had_clients = had_clients});
}

void ListenerPool::CloseAll(Worker& control, TimePoint deadline, Task done) {
  std::vector<Key> keys;
  for (const auto& [key, parked] : parked_) {
    if (std::get<0>(key) == &control) {
      keys.push_back(key);
    }
  }
  auto left = std::make_shared<size_t>(keys.size() + 1);
  auto finished = std::make_shared<Task>(std::move(done));
  const auto one_less = [left, finished] {
    if (--*left == 0) {
      std::exchange(*finished, Task())();
    }
  };
  for (const Key& key : keys) {
    Parked& parked = parked_.at(key);
    const auto close = [this, key, deadline, one_less] { Close(key, deadline, one_less); };
    if (MayComeAgain(parked)) {
      parked.timer = control.RunAfter(kReturnWait, close);
    } else {
      close();
    }
  }
  one_less();
}

bool ListenerPool::MayComeAgain(const Parked& parked) {
  return parked.farewell && parked.farewell->speaks_http1() &&
         (parked.had_clients || parked.farewell->stats().connections > 0);
}

// Those who took it meanwhile serve it.
void ListenerPool::Close(const Key& key, TimePoint deadline, Task done) {
  const auto found = parked_.find(key);
  if (found == parked_.end()) {
    return done();
  }
  Parked& parked = found->second;
  parked.turned_away = true;
  parked.listener->TurnAway();
  parked.listener->AcceptAll();
  parked.timer = parked.listener->control_worker().RunAfter(
      kLastHandshakes, [this, key, deadline, done = std::move(done)]() mutable {
        CloseNow(key, deadline, std::move(done));
      });
}

void ListenerPool::CloseNow(const Key& key, TimePoint deadline, Task done) {
  auto found = parked_.extract(key);
  if (!found) {
    return done();
  }
  Parked& parked = found.mapped();
  Worker& control = parked.listener->control_worker();
  parked.listener->AcceptAll();
  parked.listener = nullptr;
  EndFarewell(control, std::move(parked.farewell), deadline, std::move(done));
}

void ListenerPool::EndFarewell(Worker& control, std::shared_ptr<HttpServer> farewell,
                               TimePoint deadline, Task done) {
  if (!farewell) {
    return done();
  }
  // The server lives until a turn after it has called back.
  HttpServer& draining = *farewell;
  draining.Drain(deadline,
                 [&control, farewell = std::move(farewell), done = std::move(done)]() mutable {
                   control.Post([farewell = std::move(farewell)] {});
                   done();
                 });
}

void ListenerPool::Inherit(std::vector<Fd> sockets) {
  for (Fd& fd : sockets) {
    int listens = 0;
    socklen_t size = sizeof listens;
    const int flags = fcntl(fd.get(), F_GETFL);
    if (getsockopt(fd.get(), SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens != 0 &&
        fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) == 0 &&
        fcntl(fd.get(), F_SETFD, FD_CLOEXEC) == 0) {
      inherited_.push_back(std::move(fd));
    }
  }
}

std::vector<SocketAddress> ListenerPool::inherited() const {
  std::vector<SocketAddress> addresses;
  std::ranges::transform(inherited_, std::back_inserter(addresses),
                         [](const Fd& fd) { return AddressOf(fd.get(), getsockname); });
  return addresses;
}

Fd ListenerPool::TakeInherited(const SocketAddress& wanted) {
  const auto found = std::ranges::find_if(
      inherited_, [&](const Fd& fd) { return Covers(AddressOf(fd.get(), getsockname), wanted); });
  if (found == inherited_.end()) {
    return Fd();
  }
  Fd fd = std::move(*found);
  inherited_.erase(found);
  return fd;
}

}  // namespace gapless::net
