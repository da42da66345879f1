#include "net/listener_pool.h"

#include <algorithm>
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
  std::erase_if(open_, [](const auto& entry) { return entry.second.expired(); });
  const bool chosen_by_system = endpoint.ends_with(":0");
  Key key(workers.at(0), transport, endpoint);
  if (const auto found = open_.find(key); found != open_.end() && !chosen_by_system) {
    std::shared_ptr<Listener> listener = found->second.lock();
    parked_.erase(listener.get());
    return listener;
  }
  ASSIGN_OR_RETURN(std::unique_ptr<Listener> opened,
                   Listener::Open(workers, transport, endpoint, options));
  std::shared_ptr<Listener> listener = std::move(opened);
  if (!chosen_by_system) {
    open_.insert_or_assign(std::move(key), listener);
  }
  return listener;
}

void ListenerPool::Give(std::shared_ptr<Listener> listener, Duration linger) {
  const bool shared = std::ranges::any_of(
      open_, [&](const auto& entry) { return entry.second.lock() == listener; });
  if (!shared || listener.use_count() > 1) {
    return;  // closes now, or belongs to somebody else already
  }
  Worker& worker = listener->control_worker();
  const Listener* key = listener.get();
  parked_[key] = {std::move(listener),
                  worker.RunAfter(linger, [this, key] { parked_.erase(key); })};
}

}  // namespace gapless::net
