// The dialling half of ClientChannel.
#include "fmt/format.h"
#include "net/dial/client_channel.h"
#include "net/dial/proxy_stream.h"
#include "net/loop/worker.h"

#include <algorithm>

namespace gapless::net {
namespace {

// A peer that has not answered anything yet may be one that takes its time.
constexpr Duration kFirstAnswer = std::chrono::seconds(3);

}  // namespace

void ClientChannel::BeginDial(uint64_t id) { Resolve(id, dials_[id]); }

void ClientChannel::BeginGrowth(std::optional<SocketAddress> address) {
  const uint64_t id = next_growth_++;
  Dial& dial = dials_[id];
  dial.growth = true;
  if (!address) {
    Resolve(id, dial);
    return;
  }
  dial.addresses = {*address};
  (void)TryNextAddress(id, dial);
}

void ClientChannel::Resolve(uint64_t id, Dial& dial) {
  if (!options_.fixed_addresses.empty()) {
    OnResolved(id, options_.fixed_addresses);
    return;
  }
  const HostPort& peer = options_.proxy ? *options_.proxy : options_.target;
  const std::string host = peer.host.empty() ? "localhost" : peer.host;
  dial.query = resolver_.Resolve(
      host, peer.port,
      [this, id](Result<Resolver::Addresses> addresses) { OnResolved(id, std::move(addresses)); });
}

void ClientChannel::OnResolved(uint64_t id, Result<Resolver::Addresses> addresses) {
  auto it = dials_.find(id);
  if (it == dials_.end()) {
    return;
  }
  Dial& dial = it->second;
  dial.query = 0;
  if (!addresses.ok()) {
    OnDialFailed(id, addresses.status());
    return;
  }
  policy_.OnStep(id, worker_.Now(), false);
  known_ = *addresses;
  const auto first = static_cast<std::ptrdiff_t>(rotation_++ % addresses->size());
  std::ranges::rotate(*addresses, addresses->begin() + first);
  dial.addresses = std::move(*addresses);
  (void)TryNextAddress(id, dial);
}

std::unique_ptr<Stream> ClientChannel::OpenStream(const SocketAddress& address) {
  StreamOptions stream_options = options_.stream;
  stream_options.connect_timeout = options_.dial.give_up_after;
  if (options_.proxy && options_.proxy_tunnel) {
    return ConnectViaProxy(
        worker_, address,
        {.target = options_.target.ToString(), .authorization = options_.proxy_authorization},
        options_.tls, options_.server_name, stream_options);
  }
  return options_.tls
             ? ConnectTls(worker_, address, options_.tls, options_.server_name, stream_options)
             : ConnectPlain(worker_, address, stream_options);
}

// False if there is none left to try.
bool ClientChannel::TryNextAddress(uint64_t id, Dial& dial) {
  if (dial.tried >= std::min(dial.addresses.size(), kMaxTries)) {
    return false;
  }
  if (dial.connection) {
    worker_.DeferDelete(std::move(dial.connection));
  }
  if (dial.tried > 0) {
    policy_.OnStep(id, worker_.Now(), false);
  }
  const SocketAddress& address = dial.addresses[dial.tried++];
  dial.greeted.reset();
  dial.connection =
      std::make_unique<ClientConnection>(worker_, OpenStream(address), options_.connection,
                                         static_cast<ClientConnection::Observer*>(this));
  dial.connection->tag = id;
  dial.connection->Start();
  return true;
}

void ClientChannel::OnConnectionReady(ClientConnection& connection) {
  auto it = dials_.find(connection.tag);
  if (it == dials_.end()) {
    return;
  }
  http1_ = !connection.is_http2();
  ReportSteps(it->first, it->second);
  if (http1_ && options_.greeting && verify_ && !it->second.growth) {
    Greet(it->first, it->second);
  } else {
    OnDialAnswered(it->first);
  }
}

void ClientChannel::Greet(uint64_t id, Dial& dial) {
  dial.greeted = worker_.Now();
  dial.connection->Send(id, options_.greeting, [this, id](ExchangeResult result) {
    if (result.status.ok()) {
      OnDialAnswered(id);  // whatever it says: somebody is there
    }
    // Otherwise the connection goes down and says so itself.
  });
}

void ClientChannel::OnDialAnswered(uint64_t id) {
  auto node = dials_.extract(id);
  if (node.empty()) {
    return;
  }
  Dial& dial = node.mapped();
  const bool retiring = dial.connection->goodbye();
  const SocketAddress address = dial.addresses[dial.tried - 1];
  for (Live& live : live_) {
    // One connection to each address is enough; the fresh one has all its PINGs.
    live.retiring = live.retiring ||
                    (options_.spread && live.address == address && !live.connection->doubtful());
  }
  live_.push_back(
      {.connection = std::move(dial.connection), .retiring = retiring, .address = address});
  if (dial.growth) {
    ScheduleStep();
    return;
  }
  const TimePoint now = worker_.Now();
  const bool in_time = policy_.OnAnswered(id, now);
  if (dial.greeted) {
    answers_.Add(now - *dial.greeted, now, !in_time);
    answered_ = true;
  }
  round_trip_ = live_.back().connection->socket().RoundTrip();
  verify_ = false;
  last_failure_ = OkStatus();
  if (observer_ != nullptr) {
    observer_->OnConnected();
  }
  JudgeDoubtful();
  if (!HasUsable()) {
    policy_.OnGoodbye(worker_.Now());  // it said hello and goodbye in one breath
  }
  ScheduleStep();
}

// The peer answers new connections, so the silent ones say nothing about it.
void ClientChannel::JudgeDoubtful() {
  std::vector<ClientConnection*> dead;
  for (Live& live : live_) {
    ClientConnection& connection = *live.connection;
    if (!connection.doubtful()) {
      continue;
    }
    if (connection.verdict() == Liveness::Action::kReplace) {
      live.retiring = true;
    } else if (connection.is_http2() || connection.HasUnacknowledged()) {
      dead.push_back(&connection);
    } else {
      connection.Acquit(worker_.Now());  // the peer has the whole request and takes its time
      live.abandoned = false;
    }
  }
  for (ClientConnection* connection : dead) {
    // Once every dial had failed too, the requests have been given to somebody else: they are not
    // sent again.
    judging_ = !FindLive(*connection)->abandoned;
    connection->Kill(Unavailable("connection went silent; the peer answers a new one"));
    judging_ = false;
    Forget(*connection);
  }
}

void ClientChannel::OnDialFailed(uint64_t id, const Status& status) {
  auto it = dials_.find(id);
  if (it == dials_.end()) {
    return;
  }
  if (TryNextAddress(id, it->second)) {
    return;
  }
  const bool growth = it->second.growth;
  DropDial(id);
  if (growth) {
    // The connections that exist tell whether the peer is well; without any, the policy asks.
    grow_not_before_ = worker_.Now() + options_.dial.rhythm;
    if (live_.empty()) {
      verify_ = true;
      policy_.OnConnectionFailed(worker_.Now());
    }
  } else if (policy_.OnDialFailed(id, worker_.Now())) {
    ReportDialFailure(status);
  }
  ScheduleStep();
}

void ClientChannel::ReportDialFailure(const Status& status) {
  last_failure_ = status;
  verify_ = true;
  if (observer_ != nullptr) {
    observer_->OnDialFailed(status);
  }
}

// A greeting is answered as requests are: what comes after it is no step of the network's.
void ClientChannel::ReportSteps(uint64_t id, const Dial& dial) {
  if (!dial.connection || dial.greeted) {
    return;
  }
  const Socket& socket = dial.connection->socket();
  for (const std::optional<TimePoint>& step : {socket.connected_at(), socket.heard_at()}) {
    if (step) {
      policy_.OnStep(id, *step, true);
    }
  }
}

// The greeting waits behind our own requests inside a busy HTTP/1.1 backend, so it may take as long
// as they do. HTTP/2 peers send SETTINGS however busy they are.
DialPolicy::Patience ClientChannel::PatienceNow() const {
  const TimePoint now = worker_.Now();
  DialPolicy::Patience patience{.connect = 3 * round_trip_,
                                .answer = 3 * round_trip_,
                                .spoke = last_answer_,
                                .at_most = timeout_};
  if (http1_ && verify_) {
    patience.answer = std::max(
        {patience.answer, 3 * answers_.Slowest(now), answered_ ? Duration::zero() : kFirstAnswer});
  }
  return patience;
}

DialPolicy::Actions ClientChannel::PollPolicy() {
  for (const auto& [id, dial] : dials_) {
    ReportSteps(id, dial);
  }
  policy_.SetPatience(PatienceNow());
  DialPolicy::Actions actions = policy_.Poll(worker_.Now());
  for (const DialPolicy::Overdue& overdue : actions.overdue) {
    ReportDialFailure(Unavailable(fmt::format(
        "dial to {}: not answered within {} ms",
        options_.fixed_addresses.empty() ? options_.target.ToString()
                                         : options_.fixed_addresses[0].ToString(),
        std::chrono::duration_cast<std::chrono::milliseconds>(overdue.waited).count())));
  }
  return actions;
}

void ClientChannel::DropDial(uint64_t id) {
  auto node = dials_.extract(id);
  if (node.empty()) {
    return;
  }
  if (node.mapped().query != 0) {
    resolver_.Cancel(node.mapped().query);
  }
  if (node.mapped().connection) {
    node.mapped().connection->Close();
    worker_.DeferDelete(std::move(node.mapped().connection));
  }
}

void ClientChannel::GrowPool() {
  if (waiting_.empty() || policy_.phase() != DialPolicy::Phase::kConnected) {
    return;
  }
  const bool http2 = std::ranges::any_of(
      live_, [](const Live& live) { return !live.retiring && live.connection->is_http2(); });
  if (http2 || worker_.Now() < grow_not_before_) {
    return;
  }
  size_t growing = dials_.size();
  while (growing < waiting_.size() && live_.size() + growing < options_.max_connections) {
    BeginGrowth(std::nullopt);
    ++growing;
  }
}

bool ClientChannel::Serves(const SocketAddress& address) const {
  const auto dialled = [&](const auto& entry) {
    return entry.second.growth && entry.second.addresses.front() == address;
  };
  return std::ranges::any_of(
             live_, [&](const Live& live) { return !live.retiring && live.address == address; }) ||
         std::ranges::any_of(dials_, dialled);
}

// Connects to every address once the first one works.
void ClientChannel::Spread() {
  if (!options_.spread || known_.size() < 2 || worker_.Now() < grow_not_before_ ||
      policy_.phase() != DialPolicy::Phase::kConnected) {
    return;
  }
  const size_t count = std::min(known_.size(), kMaxSpread);
  for (size_t i = 0; i < count; ++i) {
    if (!Serves(known_[i])) {
      BeginGrowth(known_[i]);
      // An address that refuses or hangs up is not dialled in a tight loop.
      grow_not_before_ = worker_.Now() + options_.dial.rhythm;
    }
  }
}

}  // namespace gapless::net
