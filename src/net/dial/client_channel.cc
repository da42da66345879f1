#include "net/dial/client_channel.h"

#include "fmt/format.h"
#include "net/loop/worker.h"

#include <algorithm>

namespace gapless::net {
namespace {

// A peer that keeps refusing streams is not to keep us busy for ever.
constexpr int kMaxAttempts = 5;
constexpr Duration kSweepEvery = std::chrono::seconds(5);

}  // namespace

ClientChannel::ClientChannel(Worker& worker, ClientChannelOptions options, Observer* observer)
    : worker_(worker),
      options_(std::move(options)),
      observer_(observer),
      resolver_(worker),
      policy_(options_.dial) {}

ClientChannel::~ClientChannel() {
  for (Live& live : live_) {
    live.connection->Close();
  }
  for (auto& [id, dial] : dials_) {
    if (dial.connection) {
      dial.connection->Close();
    }
  }
}

void ClientChannel::Start() {
  policy_.Want(worker_.Now());
  ScheduleStep();
  if (options_.idle_timeout > Duration::zero()) {
    sweep_ = worker_.RunAfter(kSweepEvery, [this] { SweepIdle(); });
  }
}

void ClientChannel::Stop() {
  stopped_ = true;
  step_.Cancel();
  sweep_.Cancel();
  while (!dials_.empty()) {
    DropDial(dials_.begin()->first);
  }
  for (Live& live : live_) {
    live.retiring = true;
  }
  ScheduleStep();
}

uint64_t ClientChannel::Send(SharedRequest request, ExchangeCallback done, bool urgent) {
  const uint64_t id = next_id_++;
  requests_.emplace(id, Request{.request = std::move(request),
                                .done = std::move(done),
                                .connection = nullptr,
                                .attempts = 0,
                                .resent = false,
                                .urgent = urgent,
                                .doubted = false,
                                .handed = {},
                                .deadline = Timer()});
  waiting_.push_back(id);
  if (urgent) {
    policy_.WantNow(worker_.Now());
  } else {
    policy_.Want(worker_.Now());
  }
  Assign();
  if (!waiting_.empty()) {
    ScheduleStep();
  }
  return id;
}

uint64_t ClientChannel::Ask(SharedRequest request, Duration timeout, ExchangeCallback done) {
  const uint64_t id = Send(std::move(request), std::move(done), true);
  requests_.at(id).deadline = worker_.RunAfter(timeout, [this, id] { Expire(id); });
  return id;
}

void ClientChannel::Expire(uint64_t id) {
  ExchangeCallback done = std::move(requests_.at(id).done);
  Cancel(id);
  const std::string why =
      last_failure_.ok() ? "no answer in time" : "no answer in time; " + last_failure_.message();
  done({DeadlineExceeded(why), Fate::kLost, {}});
}

void ClientChannel::Cancel(uint64_t id) {
  auto node = requests_.extract(id);
  if (node.empty()) {
    return;
  }
  if (node.mapped().connection != nullptr) {
    node.mapped().connection->Cancel(id);
  } else {
    std::erase(waiting_, id);
  }
}

ClientConnection* ClientChannel::PickConnection() {
  // HTTP/2: the least busy, then in turn. HTTP/1.1: the last used, so that the others may end.
  const auto better = [](const ClientConnection& a, const ClientConnection& b) {
    if (!a.is_http2()) {
      return a.last_used() > b.last_used();
    }
    return a.in_flight() != b.in_flight() ? a.in_flight() < b.in_flight()
                                          : a.last_used() < b.last_used();
  };
  ClientConnection* best = nullptr;
  for (Live& live : live_) {
    ClientConnection& connection = *live.connection;
    if (!live.retiring && !connection.doubtful() && connection.capacity() > 0 &&
        (best == nullptr || better(connection, *best))) {
      best = &connection;
    }
  }
  return best;
}

bool ClientChannel::HasUsable() const {
  return std::ranges::any_of(live_, [](const Live& live) {
    return !live.retiring && !live.connection->doubtful() && live.connection->ready();
  });
}

void ClientChannel::Assign() {
  while (!waiting_.empty()) {
    ClientConnection* connection = PickConnection();
    if (connection == nullptr) {
      break;
    }
    const uint64_t id = waiting_.front();
    waiting_.pop_front();
    Hand(id, requests_.at(id), *connection);
  }
}

void ClientChannel::Hand(uint64_t id, Request& request, ClientConnection& connection) {
  request.connection = &connection;
  request.handed = worker_.Now();
  request.doubted = false;
  if (handed_count() <= 1) {
    busy_since_ = request.handed;
  }
  ++request.attempts;
  connection.Send(id, request.request,
                  [this, id](ExchangeResult result) { OnExchangeDone(id, std::move(result)); });
}

void ClientChannel::OnExchangeDone(uint64_t id, ExchangeResult result) {
  auto it = requests_.find(id);
  if (it == requests_.end()) {
    return;
  }
  Request& request = it->second;
  if (result.fate == Fate::kAnswered || result.head) {
    OnAnswer(request);
  }
  // Once the head of an answer has come, the peer has decided.
  const bool again = !stopped_ && request.attempts < kMaxAttempts && !result.head &&
                     (result.fate == Fate::kUnprocessed ||
                      (!request.resent &&
                       (result.fate == Fate::kStale || (judging_ && result.fate == Fate::kLost))));
  if (again) {
    if (result.fate != Fate::kUnprocessed) {
      request.resent = true;
      ++resent_count_;
    }
    request.connection = nullptr;
    waiting_.push_back(id);
    policy_.Want(worker_.Now());
    ScheduleStep();
    return;
  }
  result.resent = request.resent;
  ExchangeCallback done = std::move(request.done);
  requests_.erase(it);
  done(std::move(result));
}

// A late answer on HTTP/2 says nothing about the next connection, whose SETTINGS wait for no
// request; on HTTP/1.1 the greeting is such a request.
void ClientChannel::OnAnswer(const Request& request) {
  const TimePoint now = worker_.Now();
  answers_.Add(now - request.handed, now, request.doubted);
  gaps_.Add(now - std::max(last_answer_, busy_since_), now, request.doubted);
  answered_ = true;
  last_answer_ = now;
}

void ClientChannel::FailWaiting(const Status& status) {
  std::deque<uint64_t> keep;
  for (uint64_t id : std::exchange(waiting_, {})) {
    auto it = requests_.find(id);
    if (it == requests_.end()) {
      continue;
    }
    if (options_.wait_for_ready && !it->second.urgent && !stopped_) {
      keep.push_back(id);
      continue;
    }
    ExchangeResult result{status, it->second.resent ? Fate::kLost : Fate::kUnprocessed, {}};
    result.resent = it->second.resent;
    ExchangeCallback done = std::move(it->second.done);
    requests_.erase(it);
    done(std::move(result));
  }
  waiting_.insert(waiting_.begin(), keep.begin(), keep.end());
}

ClientChannel::Live* ClientChannel::FindLive(const ClientConnection& connection) {
  auto it = std::ranges::find_if(
      live_, [&](const Live& live) { return live.connection.get() == &connection; });
  return it == live_.end() ? nullptr : &*it;
}

void ClientChannel::Forget(ClientConnection& connection) {
  auto it = std::ranges::find_if(
      live_, [&](const Live& live) { return live.connection.get() == &connection; });
  if (it != live_.end()) {
    worker_.DeferDelete(std::move(it->connection));
    live_.erase(it);
  }
}

void ClientChannel::OnConnectionIdle(ClientConnection& connection) {
  const Live* live = FindLive(connection);
  if (stopped_ || (live != nullptr && live->retiring && connection.in_flight() == 0)) {
    ScheduleStep();
  } else if (live != nullptr) {
    Assign();
  }
}

void ClientChannel::CloseRetired() {
  std::vector<ClientConnection*> idle;
  for (Live& live : live_) {
    if (live.retiring && live.connection->in_flight() == 0) {
      idle.push_back(live.connection.get());
    }
  }
  for (ClientConnection* connection : idle) {
    connection->Close();
    Forget(*connection);
  }
}

void ClientChannel::OnConnectionVerdict(ClientConnection& connection, Liveness::Action) {
  if (stopped_ || FindLive(connection) == nullptr) {
    return;
  }
  // A busy HTTP/1.1 peer answers one after the other: as long as answers come at their usual
  // distance, to ask it would only give it more to do.
  const Duration patience = options_.connection.suspect_after;
  const TimePoint due = last_answer_ + std::max(patience, 2 * gaps_.Slowest(worker_.Now()));
  if (!connection.is_http2() && answered_ && worker_.Now() < due &&
      !connection.HasUnacknowledged()) {
    connection.Acquit(due - patience);
    return;
  }
  // Only a new dial can tell whether the peer or the connection is gone.
  verify_ = true;
  policy_.OnConnectionFailed(worker_.Now());
  ScheduleStep();
}

void ClientChannel::OnConnectionRecovered(ClientConnection& connection) {
  Live* live = FindLive(connection);
  if (live == nullptr || live->retiring || stopped_) {
    return;
  }
  const bool back = std::exchange(live->abandoned, false);
  const bool others_doubtful =
      std::ranges::any_of(live_, [](const Live& l) { return l.connection->doubtful(); });
  if (!others_doubtful && policy_.phase() != DialPolicy::Phase::kConnected) {
    policy_.OnRecovered(worker_.Now());
  }
  if (back && observer_ != nullptr) {
    observer_->OnConnected();
  }
  ScheduleStep();
}

void ClientChannel::OnConnectionGoodbye(ClientConnection& connection) {
  if (Live* live = FindLive(connection)) {
    live->retiring = true;
    if (connection.is_http2() && !stopped_ && !HasUsable() &&
        policy_.phase() == DialPolicy::Phase::kConnected) {
      policy_.OnGoodbye(worker_.Now());
    }
    ScheduleStep();
  }
}

void ClientChannel::OnConnectionDown(ClientConnection& connection, const Status& reason,
                                     bool graceful) {
  Live* live = FindLive(connection);
  if (live == nullptr) {
    OnDialFailed(connection.tag, reason);
    return;
  }
  const bool http2 = connection.is_http2();
  // The policy has already been asked about a connection in doubt.
  const bool known = connection.doubtful();
  Forget(connection);
  if (stopped_) {
    return;
  }
  if (!graceful) {
    last_failure_ = reason;
    if (observer_ != nullptr) {
      observer_->OnConnectionLost(reason);
    }
    if (!known) {
      verify_ = true;
      policy_.OnConnectionFailed(worker_.Now());
    }
  } else if (!HasUsable() && policy_.phase() == DialPolicy::Phase::kConnected) {
    if (http2) {
      policy_.OnGoodbye(worker_.Now());
    } else {
      policy_.OnIdle(worker_.Now());
      if (!waiting_.empty()) {
        policy_.Want(worker_.Now());
      }
    }
  }
  ScheduleStep();
}

void ClientChannel::ScheduleStep() {
  step_ = worker_.RunAfter(Duration::zero(), [this] { Step(); });
}

void ClientChannel::Step() {
  if (stopped_) {
    CloseRetired();
    FailWaiting(Unavailable("the exporter is stopping"));
    return;
  }
  const DialPolicy::Actions actions = PollPolicy();
  for (uint64_t id : actions.abandon) {
    DropDial(id);
  }
  for (uint64_t id : actions.start) {
    BeginDial(id);
  }
  Assign();
  if (actions.exhausted) {
    for (Live& live : live_) {
      live.abandoned = live.abandoned || live.connection->doubtful();
    }
    for (auto& [id, request] : requests_) {
      request.doubted = true;
    }
  }
  const bool absent = policy_.phase() == DialPolicy::Phase::kPaused && !HasUsable();
  if (actions.exhausted && absent) {
    FailWaiting(last_failure_);
  } else if (absent) {
    // Found absent a moment ago: what came since need not wait for the next dial, except a probe.
    const bool urgent =
        std::ranges::any_of(waiting_, [this](uint64_t id) { return requests_.at(id).urgent; });
    if (!urgent && !last_failure_.ok()) {
      FailWaiting(last_failure_);
    }
  }
  CloseRetired();
  GrowPool();
  Spread();
  Arm();
}

void ClientChannel::Arm() {
  if (step_.armed()) {
    return;  // a callback has asked for another turn
  }
  if (auto next = policy_.NextPoll(worker_.Now())) {
    step_ = worker_.RunAt(*next, [this] { Step(); });
  }
}

void ClientChannel::SweepIdle() {
  const TimePoint limit = worker_.Now() - options_.idle_timeout;
  std::vector<ClientConnection*> idle;
  for (Live& live : live_) {
    const ClientConnection& connection = *live.connection;
    if (!connection.is_http2() && connection.in_flight() == 0 && connection.last_used() < limit) {
      idle.push_back(live.connection.get());
    }
  }
  for (ClientConnection* connection : idle) {
    connection->Close();
    Forget(*connection);
  }
  if (!idle.empty() && live_.empty()) {
    policy_.OnIdle(worker_.Now());
  }
  if (options_.spread) {
    ScheduleStep();
  }
  sweep_ = worker_.RunAfter(kSweepEvery, [this] { SweepIdle(); });
}

}  // namespace gapless::net
