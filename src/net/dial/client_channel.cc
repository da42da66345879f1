#include "net/dial/client_channel.h"

#include "net/loop/worker.h"

#include <algorithm>
#include <utility>

namespace gapless::net {
namespace {

// A connection to a peer that lets no request begin is replaced after this time.
constexpr Duration kClosedTime = std::chrono::seconds(1);

}  // namespace

ClientChannel::ClientChannel(Worker& worker, ClientChannelOptions options, Observer* observer)
    : worker_(worker),
      options_(std::move(options)),
      observer_(observer),
      dials_(worker, options_, peer_, *this),
      live_(worker) {}

void ClientChannel::Start() {
  dials_.policy().Want(worker_.Now());
  ScheduleStep();
  sweep_ = worker_.RunAfter(options_.sweep_every, [this] { Sweep(); });
}

void ClientChannel::Stop() {
  stopped_ = true;
  sweep_.Cancel();
  dials_.Clear();
  live_.RetireAll();
  ScheduleStep();
}

uint64_t ClientChannel::Send(SharedRequest request, ExchangeCallback done, bool urgent) {
  const uint64_t id = requests_.Add(std::move(request), std::move(done), urgent);
  if (urgent) {
    dials_.policy().WantNow(worker_.Now());
  } else {
    dials_.policy().Want(worker_.Now());
  }
  Assign();
  if (requests_.waiting()) {
    ScheduleStep();
  }
  return id;
}

uint64_t ClientChannel::Ask(SharedRequest request, Duration timeout, ExchangeCallback done) {
  const uint64_t id = Send(std::move(request), std::move(done), true);
  requests_.Find(id)->deadline =
      worker_.RunAfter(timeout, [this, id, timeout] { Expire(id, timeout); });
  return id;
}

void ClientChannel::Expire(uint64_t id, Duration timeout) {
  if (held_back()) {
    requests_.Find(id)->deadline =
        worker_.RunAfter(timeout, [this, id, timeout] { Expire(id, timeout); });
    return;
  }
  ExchangeCallback done = std::move(requests_.Find(id)->done);
  Cancel(id);
  const std::string why =
      last_failure_.ok() ? "no answer in time" : "no answer in time; " + last_failure_.message();
  done({DeadlineExceeded(why), Fate::kLost, {}});
}

void ClientChannel::Cancel(uint64_t id) {
  if (!requests_.Find(id)) {
    return;
  }
  const RequestQueue::Request request = requests_.Remove(id);
  if (request.state != RequestQueue::Request::State::kWaiting) {
    request.connection->Cancel(id);
  }
}

void ClientChannel::Assign() {
  while (requests_.waiting()) {
    ClientConnection* connection = live_.Pick();
    if (connection == nullptr) {
      break;
    }
    const RequestQueue::Request& request = requests_.Hand(*connection, worker_.Now());
    peer_.OnSent(requests_.sent_count() <= 1, worker_.Now());
    connection->Send(request.id, request.request, [this, id = request.id](ExchangeResult result) {
      OnExchangeDone(id, std::move(result));
    });
  }
}

void ClientChannel::OnExchangeDone(uint64_t id, ExchangeResult result) {
  RequestQueue::Request* request = requests_.Find(id);
  if (!request) {
    return;
  }
  if (result.fate == Fate::kAnswered || result.head) {
    peer_.OnAnswer(request->sent, request->doubted, worker_.Now());
  }
  if (!stopped_ && requests_.TryAgain(*request, result)) {
    dials_.policy().Want(worker_.Now());
    ScheduleStep();
  } else {
    requests_.Finish(id, std::move(result));
  }
}

void ClientChannel::FailWaiting(const Status& status) {
  requests_.FailWaiting(status, options_.wait_for_ready && !stopped_);
}

void ClientChannel::OnConnectionIdle(ClientConnection& connection) {
  const bool retiring = live_.Find(connection)->role == ConnectionSet::Live::Role::kRetiring;
  if (stopped_ || (retiring && connection.in_flight() == 0)) {
    ScheduleStep();
  } else {
    Assign();
    if (live_.size() > options_.max_idle_connections &&
        live_.LimitIdle(options_.max_idle_connections) && live_.size() == 0) {
      dials_.policy().OnIdle(worker_.Now());
    }
  }
}

void ClientChannel::Question() {
  peer_.Question();
  dials_.policy().OnConnectionFailed(worker_.Now());
}

void ClientChannel::OnConnectionVerdict(ClientConnection& connection) {
  if (stopped_) {
    return;
  }
  // A busy HTTP/1.1 peer answers one after the other: as long as answers come at their usual
  // distance, to ask it would only give it more to do.
  const Duration patience = options_.connection.suspect_after;
  const TimePoint quiet_until = peer_.QuietUntil(patience, worker_.Now());
  LivenessWatch& watch = connection.watch();
  if (!connection.is_http2() && worker_.Now() < quiet_until && !watch.HasUnacknowledged()) {
    watch.Acquit(quiet_until - patience);
    return;
  }
  Question();
  ScheduleStep();
}

void ClientChannel::OnConnectionRecovered(ClientConnection& connection) {
  ConnectionSet::Live& live = *live_.Find(connection);
  if (live.role == ConnectionSet::Live::Role::kRetiring || stopped_) {
    return;
  }
  using Claim = ConnectionSet::Live::Claim;
  const Claim claim = std::exchange(live.claim, Claim::kOurs);
  if (!live_.doubtful() && !dials_.connected()) {
    dials_.policy().OnRecovered(worker_.Now());
  }
  if (claim == Claim::kGivenAway && observer_ != nullptr) {
    observer_->OnConnected();
  }
  ScheduleStep();
}

void ClientChannel::OnConnectionGoodbye(ClientConnection& connection) {
  live_.Find(connection)->role = ConnectionSet::Live::Role::kRetiring;
  if (connection.is_http2() && !stopped_ && !live_.usable() && dials_.connected()) {
    dials_.policy().OnGoodbye(worker_.Now());
  }
  ScheduleStep();
}

void ClientChannel::OnConnectionDown(ClientConnection& connection, const Status& reason,
                                     bool graceful) {
  const bool http2 = connection.is_http2();
  // The policy has already been asked about a connection in doubt.
  const bool known = connection.watch().doubtful();
  live_.Remove(connection);
  if (stopped_) {
    return;
  }
  if (!graceful) {
    last_failure_ = reason;
    if (observer_ != nullptr) {
      observer_->OnConnectionLost(reason);
    }
    if (!known) {
      Question();
    }
  } else if (!live_.usable() && dials_.connected()) {
    if (http2) {
      dials_.policy().OnGoodbye(worker_.Now());
    } else {
      dials_.policy().OnIdle(worker_.Now());
      if (requests_.waiting()) {
        dials_.policy().Want(worker_.Now());
      }
    }
  }
  ScheduleStep();
}

void ClientChannel::OnDialAnswered(std::unique_ptr<ClientConnection> connection,
                                   const SocketAddress& address, bool growth) {
  connection->set_observer(this);
  if (options_.spread) {
    live_.RetireAt(address);  // one is enough; the fresh one has all its PINGs
  }
  live_.Add(std::move(connection), address);
  if (!growth) {
    last_failure_ = OkStatus();
    if (observer_ != nullptr) {
      observer_->OnConnected();
    }
    KillDead();
    if (!live_.usable()) {
      dials_.policy().OnGoodbye(worker_.Now());  // it said hello and goodbye in one breath
    }
  }
  ScheduleStep();
}

void ClientChannel::KillDead() {
  for (ClientConnection* connection : live_.Judge(worker_.Now())) {
    if (live_.Find(*connection)->claim == ConnectionSet::Live::Claim::kOurs) {
      requests_.Rescue(*connection);
    }
    connection->Kill(Unavailable("connection went silent; the peer answers a new one"));
    live_.Remove(*connection);
  }
}

void ClientChannel::OnDialFailed(const Status& status) {
  last_failure_ = status;
  peer_.Question();
  if (observer_ != nullptr) {
    observer_->OnDialFailed(status);
  }
}

void ClientChannel::OnGrowthFailed() {
  grow_not_before_ = worker_.Now() + options_.dial.rhythm;
  // The connections that exist tell whether the peer is well; without any, the policy asks.
  if (live_.size() == 0) {
    Question();
  }
}

void ClientChannel::GrowPool() {
  if (!dials_.connected() || live_.serves_http2() || worker_.Now() < grow_not_before_) {
    return;
  }
  size_t growing = dials_.size();
  for (; growing < requests_.waiting_count() && live_.size() + growing < options_.max_connections;
       ++growing) {
    dials_.Grow();
  }
}

// Connects to every address once the first one works.
void ClientChannel::Spread() {
  const Resolver::Addresses& known = dials_.known();
  if (!options_.spread || known.size() < 2 || worker_.Now() < grow_not_before_ ||
      !dials_.connected()) {
    return;
  }
  for (size_t i = 0; i < std::min(known.size(), kMaxSpread); ++i) {
    if (!live_.Serves(known[i]) && !dials_.Grows(known[i])) {
      dials_.Grow(known[i]);
      // An address that refuses or hangs up is not dialled in a tight loop.
      grow_not_before_ = worker_.Now() + options_.dial.rhythm;
    }
  }
}

void ClientChannel::ScheduleStep() {
  step_ = worker_.RunAfter(Duration::zero(), [this] { Step(); });
}

void ClientChannel::Step() {
  if (stopped_) {
    live_.CloseRetired();
    return FailWaiting(Unavailable("the exporter is stopping"));
  }
  const bool exhausted = dials_.Poll();
  Assign();
  if (exhausted) {
    live_.GiveDoubtfulAway();
    requests_.DoubtAll();
  }
  // Found absent: what came since need not wait for the next dial, except a probe.
  const bool absent = dials_.policy().phase() == DialPolicy::Phase::kPaused && !live_.usable();
  if (absent && (exhausted || (!requests_.urgent_waits() && !last_failure_.ok()))) {
    FailWaiting(last_failure_);
  }
  live_.CloseRetired();
  GrowPool();
  Spread();
  if (step_.armed()) {
    return;  // a callback has asked for another turn
  }
  if (auto next = dials_.policy().NextPoll(worker_.Now())) {
    step_ = worker_.RunAt(*next, [this] { Step(); });
  }
}

void ClientChannel::Sweep() {
  const TimePoint now = worker_.Now();
  const bool ends = options_.idle_timeout > Duration::zero();
  const TimePoint since = ends ? now - options_.idle_timeout : TimePoint::min();
  if (live_.CloseIdle(since, options_.keep_idle, now - options_.sweep_every) && live_.size() == 0) {
    dials_.policy().OnIdle(now);
  }
  if (requests_.waiting() && live_.RetireClosed(now - kClosedTime) && !live_.usable()) {
    dials_.policy().OnGoodbye(now);
    ScheduleStep();
  }
  if (options_.spread) {
    ScheduleStep();
  }
  sweep_ = worker_.RunAfter(options_.sweep_every, [this] { Sweep(); });
}

}  // namespace gapless::net
