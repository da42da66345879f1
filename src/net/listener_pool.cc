#include "net/listener_pool.h"

#include <utility>

namespace gapless::net {

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
  if (auto parked = parked_.extract(key)) {
    listener = std::move(parked.mapped().listener);
  } else {
    ASSIGN_OR_RETURN(std::unique_ptr<Listener> opened,
                     Listener::Open(workers, transport, endpoint, options));
    listener = std::move(opened);
  }
  keys_.insert_or_assign(listener.get(), std::move(key));
  return listener;
}

void ListenerPool::Give(std::shared_ptr<Listener> listener, Duration linger) {
  auto taken = keys_.extract(listener.get());
  if (!taken || std::get<2>(taken.mapped()).ends_with(":0")) {
    return;
  }
  Worker& worker = listener->control_worker();
  const Key& key = taken.mapped();
  Timer timer = worker.RunAfter(linger, [this, key] { parked_.erase(key); });
  parked_.insert_or_assign(key, Parked{std::move(listener), std::move(timer)});
}

}  // namespace gapless::net
