// ClientChannel: requests to one destination over as few connections as serve it, dialled, watched
// and replaced as needed.
//
// Wires DialSet, ConnectionSet and RequestQueue. HTTP/2: one connection, or one per address of the
// name (`spread`); requests beyond the peer's stream limit wait. HTTP/1.1: a pool. A request that
// the peer surely did not process (GOAWAY, REFUSED_STREAM) is sent again at once; one that was in
// flight on a connection found dead by a new dial that was answered is sent again once, marked
// `resent`. How long a dial may take follows what the peer was seen to do: its round trip and, on
// HTTP/1.1, its answers of the last minute. Everything else is the caller's: retry, timeouts, what
// a failure means. All on one worker's thread; callbacks and observer calls come on later turns.
// Must not be destroyed inside them.
#pragma once

#include "net/dial/connection_set.h"
#include "net/dial/dial_set.h"
#include "net/dial/peer_record.h"
#include "net/dial/request_queue.h"

#include <cstdint>
#include <memory>

namespace gapless::net {

class Worker;

class ClientChannel final : private ClientConnection::Observer, private DialSet::Owner {
 public:
  static constexpr size_t kMaxSpread = 16;

  class Observer {
   public:
    virtual ~Observer() = default;
    virtual void OnConnected() = 0;
    virtual void OnDialFailed(const Status& status) = 0;
    virtual void OnConnectionLost(const Status& status) = 0;
  };

  // `observer` may be null and is not owned.
  ClientChannel(Worker& worker, ClientChannelOptions options, Observer* observer);
  ~ClientChannel() override = default;

  // Begins to connect.
  void Start();
  // `urgent`: do not wait for the redial rhythm (probes).
  uint64_t Send(SharedRequest request, ExchangeCallback done, bool urgent = false);
  // As an urgent Send that ends with DEADLINE_EXCEEDED when there is no answer within `timeout`,
  // not counting the time in which it is held back.
  uint64_t Ask(SharedRequest request, Duration timeout, ExchangeCallback done);
  // The callback will not run. Unknown numbers are ignored.
  void Cancel(uint64_t id);
  // How long the caller waits for an answer: no dial is waited for longer. 30 s unless told.
  void set_timeout(Duration timeout) { peer_.set_timeout(timeout); }
  // There is no connection, and none can be dialled, as this process has no descriptors or memory
  // for it: what is not answered meanwhile says nothing about the peer.
  bool held_back() const { return dials_.held_back() && !live_.usable(); }
  // No new dials; idle connections close now, the others when their requests are done.
  void Stop();

  // Requests that were sent twice and may therefore have arrived twice.
  uint64_t resent_count() const { return requests_.resent_count(); }
  size_t connection_count() const { return live_.size(); }

 private:
  // ClientConnection::Observer.
  void OnConnectionIdle(ClientConnection& connection) override;
  void OnConnectionVerdict(ClientConnection& connection) override;
  void OnConnectionRecovered(ClientConnection& connection) override;
  void OnConnectionGoodbye(ClientConnection& connection) override;
  void OnConnectionDown(ClientConnection& connection, const Status& reason, bool graceful) override;
  // DialSet::Owner.
  void OnDialAnswered(std::unique_ptr<ClientConnection> connection, const SocketAddress& address,
                      bool growth) override;
  void OnDialFailed(const Status& status) override;
  void OnGrowthFailed() override;
  void OnDialEvent() override { ScheduleStep(); }

  void Assign();
  void OnExchangeDone(uint64_t id, ExchangeResult result);
  void Expire(uint64_t id, Duration timeout);
  void FailWaiting(const Status& status);
  // Only a new dial can tell whether the peer or the connection is gone.
  void Question();
  void KillDead();
  // Additional connections: for requests that wait, or to every address.
  void GrowPool();
  void Spread();

  // Runs what the policy asks for and arms the timer for the next time.
  void Step();
  void ScheduleStep();
  // Connections that nobody needs any more, and those that are of no use.
  void Sweep();

  Worker& worker_;
  const ClientChannelOptions options_;
  Observer* const observer_;
  PeerRecord peer_;
  DialSet dials_;
  ConnectionSet live_;
  RequestQueue requests_;
  Status last_failure_;
  bool stopped_ = false;
  TimePoint grow_not_before_{};
  Timer step_;
  Timer sweep_;
};

}  // namespace gapless::net
