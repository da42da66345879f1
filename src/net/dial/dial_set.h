// DialSet: the dials of a channel, from the name of the peer to a connection that answered.
//
// Begins those that its DialPolicy asks for, and those for additional connections ("growth"). Each
// begins with the next address of the name and goes on to the others when one fails. On the
// channel's worker; the owner's calls come on later turns, or from Poll.
#pragma once

#include "net/dial/client_connection.h"
#include "net/dial/peer_record.h"
#include "net/loop/dns.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gapless::net {

class TlsClientContext;

struct ClientChannelOptions {
  // Where to: a name or number and port, or addresses that need no lookup (unix sockets).
  HostPort target;
  std::vector<SocketAddress> fixed_addresses;
  // An HTTP proxy: it is dialled and resolved instead, and asked for a tunnel to the target, or,
  // where the requests themselves name the target (plain http), only dialled.
  std::optional<HostPort> proxy;
  bool proxy_tunnel = true;
  std::string proxy_authorization;
  // Null: no TLS. `server_name` is SNI and the verified name.
  std::shared_ptr<TlsClientContext> tls;
  std::string server_name;
  ClientConnectionOptions connection;
  StreamOptions stream;
  DialPolicy::Options dial;
  // HTTP/1.1 has no SETTINGS: after a failure a dial counts as answered only when this request
  // brought any response.
  SharedRequest greeting;
  // HTTP/2: a connection to every address of the name (at most kMaxSpread), requests in turn.
  bool spread = false;
  // HTTP/1.1 pool.
  size_t max_connections = 100;
  size_t max_idle_connections = std::numeric_limits<size_t>::max();  // more are closed at once
  size_t keep_idle = 2;  // more than these are closed some seconds after their last request
  Duration idle_timeout = std::chrono::seconds(90);  // zero: none
  // How often idle connections are looked at.
  Duration sweep_every = std::chrono::seconds(5);
  // Requests wait for a connection until cancelled, instead of failing while the peer is absent.
  bool wait_for_ready = false;
};

class DialSet final : private ClientConnection::Observer {
 public:
  // A dial tries so many addresses at most.
  static constexpr size_t kMaxTries = 4;

  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void OnDialAnswered(std::unique_ptr<ClientConnection> connection,
                                const SocketAddress& address, bool growth) = 0;
    // A dial of the policy's failed, or is overdue.
    virtual void OnDialFailed(const Status& status) = 0;
    virtual void OnGrowthFailed() = 0;
    // The policy is to be polled.
    virtual void OnDialEvent() = 0;
  };

  DialSet(Worker& worker, const ClientChannelOptions& options, PeerRecord& peer, Owner& owner);
  ~DialSet() override { Clear(); }

  DialPolicy& policy() { return policy_; }
  bool connected() const { return policy_.phase() == DialPolicy::Phase::kConnected; }
  // Does what the policy asks for. True: the peer is not there, requests that wait fail.
  bool Poll();
  // Dials for an additional connection, to any address or to this one.
  void Grow(std::optional<SocketAddress> address = std::nullopt);
  void Clear();

  size_t size() const { return dials_.size(); }
  // A dial waits until this process has what it needs. Until then nothing is known of the peer.
  bool held_back() const;
  // Whether a connection to `address` is on its way.
  bool Grows(const SocketAddress& address) const;
  // Of the last resolution.
  const Resolver::Addresses& known() const { return known_; }

 private:
  struct Dial {
    uint64_t query = 0;                  // of the resolver; 0: none
    bool growth = false;                 // not the policy's
    Resolver::Addresses addresses = {};  // in the order in which they are tried
    size_t tried = 0;
    std::unique_ptr<ClientConnection> connection;
    std::optional<TimePoint> greeted = {};
    bool held_back = false;  // it waits, as this process has no descriptors or memory for it
    Timer again = {};

    // Held back, and without a socket still.
    bool waits() const { return held_back && !(connection && connection->socket().fd().valid()); }
  };

  void OnConnectionReady(ClientConnection& connection) override;
  void OnConnectionDown(ClientConnection& connection, const Status& reason, bool graceful) override;

  void Resolve(uint64_t id);
  void OnResolved(uint64_t id, Result<Resolver::Addresses> addresses);
  bool TryNextAddress(uint64_t id, Dial& dial);
  std::unique_ptr<Stream> OpenStream(const SocketAddress& address);
  void ReportSteps(uint64_t id, const Dial& dial);
  void Greet(uint64_t id, Dial& dial);
  void Answered(uint64_t id);
  void Failed(uint64_t id, const Status& status);
  void HoldBack(uint64_t id, Dial& dial);
  void Drop(uint64_t id);

  Worker& worker_;
  const ClientChannelOptions& options_;
  PeerRecord& peer_;
  Owner& owner_;
  Resolver resolver_;
  DialPolicy policy_;
  std::map<uint64_t, Dial> dials_;
  uint64_t next_growth_ = 1ull << 63;
  uint64_t rotation_ = 0;
  Resolver::Addresses known_;
};

}  // namespace gapless::net
