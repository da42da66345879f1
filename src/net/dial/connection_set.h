// ConnectionSet: the connections of a channel that were answered. On the channel's worker.
#pragma once

#include "net/dial/client_connection.h"
#include "net/loop/address.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <ranges>
#include <utility>
#include <vector>

namespace gapless::net {

class ConnectionSet {
 public:
  struct Live {
    // kRetiring: takes no new requests, and is closed after the last one.
    enum class Role : uint8_t { kServing, kRetiring };
    // kGivenAway: it was in doubt, and the dials that should tell failed too, so somebody else has
    // its requests.
    enum class Claim : uint8_t { kOurs, kGivenAway };

    // It may take a request, if it has capacity.
    bool usable() const { return role == Role::kServing && !connection->watch().doubtful(); }

    std::unique_ptr<ClientConnection> connection;
    SocketAddress address;
    Role role = Role::kServing;
    Claim claim = Claim::kOurs;
  };

  explicit ConnectionSet(Loop& loop) : loop_(loop) {}
  ~ConnectionSet() {
    for (Live& live : live_) {
      live.connection->Close();
    }
  }

  void Add(std::unique_ptr<ClientConnection> connection, const SocketAddress& address) {
    const bool leaving = connection->goodbye();
    live_.push_back({.connection = std::move(connection),
                     .address = address,
                     .role = leaving ? Live::Role::kRetiring : Live::Role::kServing});
  }
  // Null: not here.
  Live* Find(const ClientConnection& connection) {
    const auto it = std::ranges::find(live_, &connection,
                                      [](const Live& live) { return live.connection.get(); });
    return it == live_.end() ? nullptr : &*it;
  }
  // Closes it, and destroys it on a later turn.
  void Remove(ClientConnection& connection) {
    connection.Close();
    if (Live* live = Find(connection)) {
      loop_.DeferDelete(std::move(live->connection));
      live_.erase(live_.begin() + (live - live_.data()));
    }
  }

  // The one for the next request; null: none has capacity. HTTP/2: the least busy, then in turn.
  // HTTP/1.1: the last used, so that the others may end.
  ClientConnection* Pick() const {
    const auto better = [](const ClientConnection& a, const ClientConnection& b) {
      if (!a.is_http2()) {
        return a.last_used() > b.last_used();
      }
      return a.in_flight() != b.in_flight() ? a.in_flight() < b.in_flight()
                                            : a.last_used() < b.last_used();
    };
    ClientConnection* best = nullptr;
    for (const Live& live : live_) {
      if (live.usable() && live.connection->capacity() > 0 &&
          (best == nullptr || better(*live.connection, *best))) {
        best = live.connection.get();
      }
    }
    return best;
  }
  bool usable() const { return std::ranges::any_of(live_, &Live::usable); }
  bool doubtful() const {
    return std::ranges::any_of(live_,
                               [](const Live& l) { return l.connection->watch().doubtful(); });
  }
  bool Serves(const SocketAddress& address) const {
    return std::ranges::any_of(live_, [&](const Live& live) {
      return live.role == Live::Role::kServing && live.address == address;
    });
  }
  bool serves_http2() const {
    return std::ranges::any_of(live_, [](const Live& live) {
      return live.role == Live::Role::kServing && live.connection->is_http2();
    });
  }
  size_t size() const { return live_.size(); }

  void RetireAll() {
    for (Live& live : live_) {
      live.role = Live::Role::kRetiring;
    }
  }
  // Those to `address` that are not in doubt.
  void RetireAt(const SocketAddress& address) {
    for (Live& live : live_) {
      if (live.address == address && !live.connection->watch().doubtful()) {
        live.role = Live::Role::kRetiring;
      }
    }
  }
  void CloseRetired() {
    for (size_t i = live_.size(); i-- > 0;) {
      if (live_[i].role == Live::Role::kRetiring && live_[i].connection->in_flight() == 0) {
        Remove(*live_[i].connection);
      }
    }
  }
  // Those over HTTP/1.1 that were not used since, and of the others, but for the `keep` that were
  // used last, those that were not used since `surplus_since`. True if there were any.
  bool CloseIdle(TimePoint since, size_t keep, TimePoint surplus_since) {
    std::vector<ClientConnection*> idle;
    for (const Live& live : live_) {
      if (!live.connection->is_http2() && live.connection->in_flight() == 0) {
        idle.push_back(live.connection.get());
      }
    }
    std::ranges::sort(idle, std::ranges::greater(), &ClientConnection::last_used);
    const size_t before = live_.size();
    for (size_t i = 0; i < idle.size(); ++i) {
      const TimePoint used = idle[i]->last_used();
      if (used < since || (i >= keep && used < surplus_since)) {
        Remove(*idle[i]);
      }
    }
    return live_.size() < before;
  }
  // Of those over HTTP/1.1 without a request `keep` stay, the last used. True if any was closed.
  bool LimitIdle(size_t keep) {
    std::vector<ClientConnection*> idle;
    for (const Live& live : live_) {
      if (!live.connection->is_http2() && live.connection->in_flight() == 0) {
        idle.push_back(live.connection.get());
      }
    }
    if (idle.size() <= keep) {
      return false;
    }
    std::ranges::sort(idle, std::greater<>(), &ClientConnection::last_used);
    for (ClientConnection* connection : idle | std::views::drop(keep)) {
      Remove(*connection);
    }
    return true;
  }
  // Connections over HTTP/2 on which the peer allows no request (SETTINGS_MAX_CONCURRENT_STREAMS
  // 0), not used since: a new one may do better. True if there were any.
  bool RetireClosed(TimePoint since) {
    bool any = false;
    for (Live& live : live_) {
      const ClientConnection& connection = *live.connection;
      const bool closed = connection.is_http2() && connection.in_flight() == 0 &&
                          connection.capacity() == 0 && connection.last_used() <= since;
      if (live.usable() && closed) {
        live.role = Live::Role::kRetiring;
        any = true;
      }
    }
    return any;
  }
  // The peer was found absent: requests on connections in doubt go to somebody else.
  void GiveDoubtfulAway() {
    for (Live& live : live_) {
      if (live.connection->watch().doubtful()) {
        live.claim = Live::Claim::kGivenAway;
      }
    }
  }
  // The peer answers new connections, so those in doubt say nothing about it. Acquits those that
  // only wait for an answer; returns those that are dead.
  std::vector<ClientConnection*> Judge(TimePoint now) {
    std::vector<ClientConnection*> dead;
    for (Live& live : live_) {
      LivenessWatch& watch = live.connection->watch();
      if (watch.doubt() == Liveness::Action::kReplace) {
        live.role = Live::Role::kRetiring;
      } else if (watch.doubtful() && (live.connection->is_http2() || watch.HasUnacknowledged())) {
        dead.push_back(live.connection.get());
      } else if (watch.doubtful()) {
        watch.Acquit(now);  // the peer has the whole request and takes its time
        live.claim = Live::Claim::kOurs;
      }
    }
    return dead;
  }

 private:
  Loop& loop_;
  std::vector<Live> live_;
};

}  // namespace gapless::net
