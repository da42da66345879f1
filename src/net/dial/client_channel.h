// ClientChannel: requests to one destination over as few connections as serve it, dialled, watched
// and replaced as needed.
//
// The thin shell around DialPolicy and Liveness. HTTP/2: one connection, or one per address of the
// name (`spread`); requests beyond the peer's stream limit wait. HTTP/1.1: a pool. Each dial begins
// with the next address of the name and goes on to the others when one fails. A
// request that the peer surely did not process (GOAWAY, REFUSED_STREAM) is sent again at once; one
// that was in flight on a connection found dead by a new dial that was answered is sent again once,
// marked `resent`. How long a dial may take follows what the peer was seen to do: its round trip
// and, on HTTP/1.1, its answers of the last minute. Everything else is the caller's: retry,
// timeouts, what a failure means. All on one worker's thread; callbacks and observer calls come on
// later turns. Must not be destroyed inside them.
#pragma once

#include "net/dial/client_connection.h"
#include "net/dial/dial_policy.h"
#include "net/loop/dns.h"

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gapless::net {

class TlsClientContext;
class Worker;

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
  Duration idle_timeout = std::chrono::seconds(90);  // zero: none
  // Requests wait for a connection until cancelled, instead of failing while the peer is absent.
  bool wait_for_ready = false;
};

class ClientChannel final : private ClientConnection::Observer {
 public:
  static constexpr size_t kMaxSpread = 16;
  // A dial tries so many addresses at most.
  static constexpr size_t kMaxTries = 4;

  class Observer {
   public:
    virtual ~Observer() = default;
    virtual void OnConnected() = 0;
    virtual void OnDialFailed(const Status& status) = 0;
    virtual void OnConnectionLost(const Status& status) = 0;
  };

  // `observer` may be null and is not owned.
  ClientChannel(Worker& worker, ClientChannelOptions options, Observer* observer);
  ~ClientChannel() override;

  // Begins to connect.
  void Start();
  // `urgent`: do not wait for the redial rhythm (probes).
  uint64_t Send(SharedRequest request, ExchangeCallback done, bool urgent = false);
  // As an urgent Send that ends with DEADLINE_EXCEEDED when there is no answer within `timeout`.
  uint64_t Ask(SharedRequest request, Duration timeout, ExchangeCallback done);
  // The callback will not run. Unknown numbers are ignored.
  void Cancel(uint64_t id);
  // How long the caller waits for an answer: no dial is waited for longer. 30 s unless told.
  void set_timeout(Duration timeout) { timeout_ = timeout; }
  // No new dials; idle connections close now, the others when their requests are done.
  void Stop();
  void set_observer(Observer* observer) { observer_ = observer; }

  // Requests that were sent twice and may therefore have arrived twice.
  uint64_t resent_count() const { return resent_count_; }
  size_t connection_count() const { return live_.size(); }

 private:
  struct Request {
    SharedRequest request;
    ExchangeCallback done;
    ClientConnection* connection = nullptr;  // null: waits
    int attempts = 0;
    bool resent = false;
    bool urgent = false;
    bool doubted = false;   // the peer was found absent while the answer was awaited
    TimePoint handed = {};  // to its connection
    Timer deadline;
  };
  struct Live {
    std::unique_ptr<ClientConnection> connection;
    bool retiring = false;   // no new requests
    bool abandoned = false;  // doubtful, and the dials that should tell failed too
    SocketAddress address = {};
  };
  struct Dial {
    uint64_t query = 0;
    std::unique_ptr<ClientConnection> connection;
    bool growth = false;  // an additional connection for the pool, not the policy's
    std::optional<TimePoint> greeted = std::nullopt;
    Resolver::Addresses addresses = {};  // in the order in which they are tried
    size_t tried = 0;
  };

  // ClientConnection::Observer.
  void OnConnectionReady(ClientConnection& connection) override;
  void OnConnectionIdle(ClientConnection& connection) override;
  void OnConnectionVerdict(ClientConnection& connection, Liveness::Action verdict) override;
  void OnConnectionRecovered(ClientConnection& connection) override;
  void OnConnectionGoodbye(ClientConnection& connection) override;
  void OnConnectionDown(ClientConnection& connection, const Status& reason, bool graceful) override;

  // Dials (client_channel_dial.cc).
  void BeginDial(uint64_t id);
  void BeginGrowth(std::optional<SocketAddress> address);
  void Resolve(uint64_t id, Dial& dial);
  void OnResolved(uint64_t id, Result<Resolver::Addresses> addresses);
  bool TryNextAddress(uint64_t id, Dial& dial);
  std::unique_ptr<Stream> OpenStream(const SocketAddress& address);
  void Greet(uint64_t id, Dial& dial);
  void ReportSteps(uint64_t id, const Dial& dial);
  DialPolicy::Patience PatienceNow() const;
  DialPolicy::Actions PollPolicy();
  void OnDialAnswered(uint64_t id);
  void OnDialFailed(uint64_t id, const Status& status);
  void DropDial(uint64_t id);
  void JudgeDoubtful();
  void ReportDialFailure(const Status& status);
  void GrowPool();
  void Spread();
  bool Serves(const SocketAddress& address) const;
  void CloseRetired();

  // Requests.
  void Assign();
  ClientConnection* PickConnection();
  void Hand(uint64_t id, Request& request, ClientConnection& connection);
  void OnExchangeDone(uint64_t id, ExchangeResult result);
  void OnAnswer(const Request& request);
  size_t handed_count() const { return requests_.size() - waiting_.size(); }
  void FailWaiting(const Status& status);
  void Expire(uint64_t id);
  bool HasUsable() const;
  void Forget(ClientConnection& connection);
  Live* FindLive(const ClientConnection& connection);

  // Runs what the policy asks for and arms the timer for the next time.
  void Step();
  void ScheduleStep();
  void Arm();
  void SweepIdle();

  Worker& worker_;
  const ClientChannelOptions options_;
  Observer* observer_;
  Resolver resolver_;
  DialPolicy policy_;
  std::map<uint64_t, Request> requests_;
  std::deque<uint64_t> waiting_;
  std::vector<Live> live_;
  std::map<uint64_t, Dial> dials_;
  Status last_failure_;
  uint64_t next_id_ = 1;
  uint64_t next_growth_ = 1ull << 63;
  uint64_t rotation_ = 0;
  Resolver::Addresses known_;  // of the last resolution
  uint64_t resent_count_ = 0;
  // What the peer does (see PatienceNow).
  AnswerTimes answers_;
  AnswerTimes gaps_;  // between answers, while any is awaited
  bool answered_ = false;
  bool http1_ = false;
  TimePoint last_answer_{};
  TimePoint busy_since_{};
  Duration round_trip_{};
  Duration timeout_ = std::chrono::seconds(30);
  bool verify_ = false;  // dials must be greeted: the peer's health is in question
  bool stopped_ = false;
  bool judging_ = false;
  TimePoint grow_not_before_{};
  Timer step_;
  Timer sweep_;
};

}  // namespace gapless::net
