#include "net/dial/dial_set.h"

#include "fmt/format.h"
#include "net/dial/proxy_stream.h"
#include "net/loop/descriptors.h"
#include "net/loop/worker.h"

#include <algorithm>
#include <utility>

namespace gapless::net {
namespace {

// Between two tries of a dial that this process has no descriptors or memory for.
constexpr Duration kHeldBack = std::chrono::milliseconds(100);

}  // namespace

DialSet::DialSet(Worker& worker, const ClientChannelOptions& options, PeerRecord& peer,
                 Owner& owner)
    : worker_(worker),
      options_(options),
      peer_(peer),
      owner_(owner),
      resolver_(worker),
      policy_(options.dial) {}

bool DialSet::Poll() {
  for (const auto& [id, dial] : dials_) {
    if (dial.waits()) {
      policy_.OnHeldBack(id, worker_.Now());
    }
    ReportSteps(id, dial);
  }
  policy_.SetPatience(peer_.PatienceNow(worker_.Now()));
  const DialPolicy::Actions actions = policy_.Poll(worker_.Now());
  for (const DialPolicy::Overdue& overdue : actions.overdue) {
    owner_.OnDialFailed(Unavailable(fmt::format(
        "dial to {}: not answered within {} ms",
        options_.fixed_addresses.empty() ? options_.target.ToString()
                                         : options_.fixed_addresses[0].ToString(),
        std::chrono::duration_cast<std::chrono::milliseconds>(overdue.waited).count())));
  }
  for (uint64_t id : actions.abandon) {
    Drop(id);
  }
  for (uint64_t id : actions.start) {
    dials_[id] = {};
    Resolve(id);
  }
  return actions.exhausted;
}

void DialSet::Grow(std::optional<SocketAddress> address) {
  const uint64_t id = next_growth_++;
  Dial& dial = dials_[id];
  dial.growth = true;
  if (!address) {
    return Resolve(id);
  }
  dial.addresses = {*address};
  (void)TryNextAddress(id, dial);
}

bool DialSet::Grows(const SocketAddress& address) const {
  return std::ranges::any_of(dials_, [&](const auto& entry) {
    return entry.second.growth && entry.second.addresses.front() == address;
  });
}

void DialSet::Resolve(uint64_t id) {
  if (!options_.fixed_addresses.empty()) {
    return OnResolved(id, options_.fixed_addresses);
  }
  const HostPort& peer = options_.proxy ? *options_.proxy : options_.target;
  const std::string host = peer.host.empty() ? "localhost" : peer.host;
  dials_[id].query = resolver_.Resolve(
      host, peer.port,
      [this, id](Result<Resolver::Addresses> addresses) { OnResolved(id, std::move(addresses)); });
}

void DialSet::OnResolved(uint64_t id, Result<Resolver::Addresses> addresses) {
  const auto it = dials_.find(id);
  if (it == dials_.end()) {
    return;
  }
  Dial& dial = it->second;
  dial.query = 0;
  if (!addresses.ok()) {
    return Failed(id, addresses.status());
  }
  policy_.OnStep(id, worker_.Now(), false);
  known_ = *addresses;
  const auto first = static_cast<std::ptrdiff_t>(rotation_++ % addresses->size());
  std::ranges::rotate(*addresses, addresses->begin() + first);
  dial.addresses = std::move(*addresses);
  (void)TryNextAddress(id, dial);
}

std::unique_ptr<Stream> DialSet::OpenStream(const SocketAddress& address) {
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
bool DialSet::TryNextAddress(uint64_t id, Dial& dial) {
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

void DialSet::OnConnectionReady(ClientConnection& connection) {
  const auto it = dials_.find(connection.tag);
  if (it == dials_.end()) {
    return;
  }
  const bool http1 = !connection.is_http2();
  peer_.OnConnected(http1);
  ReportSteps(it->first, it->second);
  if (http1 && options_.greeting && peer_.health() == PeerRecord::Health::kQuestioned &&
      !it->second.growth) {
    Greet(it->first, it->second);
  } else {
    Answered(it->first);
  }
}

void DialSet::Greet(uint64_t id, Dial& dial) {
  dial.greeted = worker_.Now();
  dial.connection->Send(id, options_.greeting, [this, id](ExchangeResult result) {
    if (result.status.ok()) {
      Answered(id);  // whatever it says: somebody is there
    }
    // Otherwise the connection goes down and says so itself.
  });
}

void DialSet::Answered(uint64_t id) {
  auto node = dials_.extract(id);
  if (node.empty()) {
    return;
  }
  Dial& dial = node.mapped();
  if (!dial.growth) {
    const TimePoint now = worker_.Now();
    const bool in_time = policy_.OnAnswered(id, now);
    if (dial.greeted) {
      peer_.OnGreeted(*dial.greeted, !in_time, now);
    }
    peer_.OnDialAnswered(dial.connection->socket().RoundTrip());
  }
  const SocketAddress address = dial.addresses[dial.tried - 1];
  owner_.OnDialAnswered(std::move(dial.connection), address, dial.growth);
}

void DialSet::OnConnectionDown(ClientConnection& connection, const Status& reason, bool) {
  Failed(connection.tag, reason);
}

void DialSet::Failed(uint64_t id, const Status& status) {
  const auto it = dials_.find(id);
  if (it == dials_.end()) {
    return;
  }
  if (status.origin() == Origin::kOwnShortage) {
    NoteShortage(Shortage::kDial, 0);
    if (!it->second.growth) {
      return HoldBack(id, it->second);
    }
  } else if (TryNextAddress(id, it->second)) {
    return;
  }
  const bool growth = it->second.growth;
  Drop(id);
  if (growth) {
    owner_.OnGrowthFailed();
  } else if (policy_.OnDialFailed(id, worker_.Now())) {
    owner_.OnDialFailed(status);
  }
  owner_.OnDialEvent();
}

void DialSet::HoldBack(uint64_t id, Dial& dial) {
  if (dial.connection) {
    worker_.DeferDelete(std::move(dial.connection));
  }
  dial.tried = 0;
  dial.greeted.reset();
  dial.held_back = true;
  policy_.OnHeldBack(id, worker_.Now());
  dial.again = worker_.RunAfter(kHeldBack, [this, id] { Resolve(id); });
  owner_.OnDialEvent();
}

bool DialSet::held_back() const {
  return std::ranges::any_of(dials_, [](const auto& entry) { return entry.second.waits(); });
}

// A greeting is answered as requests are: what comes after it is no step of the network's.
void DialSet::ReportSteps(uint64_t id, const Dial& dial) {
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

void DialSet::Drop(uint64_t id) {
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

void DialSet::Clear() {
  while (!dials_.empty()) {
    Drop(dials_.begin()->first);
  }
}

}  // namespace gapless::net
