#include "sending/sender.h"

#include <algorithm>

#include <fmt/format.h>

namespace gapless::sending {
namespace {

// Units that wait between two attempts hold no slot; this bounds how many there may be.
constexpr size_t kBackingOffMax = 64;
constexpr Duration kQuickRetry = std::chrono::milliseconds(500);
constexpr Duration kProbeTimeoutDefault = std::chrono::seconds(5);

}  // namespace

Sender::Sender(Loop& loop, std::string name, std::unique_ptr<Transport> transport,
               const DeliverySettings& settings, uint64_t seed)
    : loop_(loop),
      name_(std::move(name)),
      settings_(settings),
      transport_(std::move(transport)),
      rng_(seed),
      throttle_(settings.queue.num_consumers) {
  transport_->SetObserver(this);
}

Sender::~Sender() {
  transport_->SetObserver(nullptr);
  for (auto& [id, delivery] : deliveries_) {
    Via(*delivery).Cancel(delivery->attempt);
  }
  metrics_.in_flight.Add(-static_cast<double>(deliveries_.size()));
}

telemetry::Labels Sender::labels() const {
  telemetry::Labels labels = metrics_.peer;
  labels.emplace_back("exporter", name_);
  return labels;
}

// Dialling begins with the first client: whoever judges this destination hears of every dial.
void Sender::AddClient(SenderClient* client) {
  clients_.push_back(client);
  if (!std::exchange(started_, true)) {
    transport_->Start();
  }
}

void Sender::RemoveClient(SenderClient* client) {
  std::erase(clients_, client);
  std::vector<DeliveryId> orphans;
  for (const auto& [id, delivery] : deliveries_) {
    if (delivery->client == client) {
      orphans.push_back(id);
    }
  }
  for (const DeliveryId id : orphans) {
    Cancel(id);
  }
}

bool Sender::HasRoom(Lanes lanes) const {
  const size_t taken = stats_.in_flight + ready_.size();
  const auto next = throttle_.Next(taken, loop_.Now());
  return taken < settings_.queue.num_consumers && stats_.backing_off < kBackingOffMax && next &&
         *next <= loop_.Now() && (lanes & busy_lanes_) == 0;
}

DeliveryId Sender::Send(SendRequest request, SenderClient* client) {
  const DeliveryId id = next_id_++;
  metrics_.in_flight.Add(1);
  metrics_.size.Observe(request.batch.items);
  metrics_.bytes.Observe(static_cast<double>(request.batch.raw_size));
  auto delivery =
      std::make_unique<Delivery>(Delivery{.id = id,
                                          .client = client,
                                          .request = std::move(request),
                                          .schedule = RetrySchedule(settings_.retry, loop_.Now()),
                                          .timer = {},
                                          .own = {}});
  const bool alone = delivery->request.alone;
  ForEachLane(delivery->request.lanes, [this](size_t lane) { ++lane_users_[lane]; });
  busy_lanes_ |= delivery->request.lanes;
  deliveries_.emplace(id, std::move(delivery));
  if (alone) {
    Isolate(id);
  }
  ready_.push_back(id);
  Pump();
  return id;
}

bool Sender::Release(DeliveryId id) {
  const auto it = deliveries_.find(id);
  if (it == deliveries_.end()) {
    return false;
  }
  Delivery& delivery = *it->second;
  if (delivery.state != State::kInFlight || delivery.attempt == 0) {
    Forget(id);
    TellRoom();
    return false;
  }
  delivery.state = State::kReleased;
  --stats_.in_flight;
  ++stats_.released;
  TellRoom();
  return true;
}

void Sender::Isolate(DeliveryId id) {
  Delivery& delivery = *deliveries_.at(id);
  if (delivery.own == nullptr && make_spare_) {
    // Nobody observes it: what happens to this connection says nothing about the destination.
    delivery.own = make_spare_();
    delivery.own->Start();
  }
}

void Sender::ForgetThrottle() {
  throttle_.Forget();
  TellRoom();
}

void Sender::FreeLanes(DeliveryId id) {
  if (const auto it = deliveries_.find(id); it != deliveries_.end()) {
    ReleaseLanes(*it->second);
    TellRoom();
  }
}

void Sender::ReleaseLanes(Delivery& delivery) {
  ForEachLane(std::exchange(delivery.request.lanes, 0), [this](size_t lane) {
    if (--lane_users_[lane] == 0) {
      busy_lanes_ &= ~(Lanes{1} << lane);
    }
  });
}

void Sender::Cancel(DeliveryId id) {
  const auto it = deliveries_.find(id);
  if (it == deliveries_.end()) {
    return;
  }
  if (it->second->state == State::kInFlight || it->second->state == State::kReleased) {
    Via(*it->second).Cancel(it->second->attempt);
  }
  Forget(id);
  TellRoom();
}

void Sender::Probe(AttemptCallback done) {
  const Duration timeout =
      settings_.timeout > Duration::zero() ? settings_.timeout : kProbeTimeoutDefault;
  transport_->Probe(timeout, std::move(done));
}

SenderStats Sender::stats() const { return stats_; }

std::optional<TimePoint> Sender::throttled_until() const {
  return throttle_.paused_until(loop_.Now());
}

void Sender::Pump() {
  while (!ready_.empty() && stats_.in_flight < settings_.queue.num_consumers) {
    const auto next = throttle_.Next(stats_.in_flight, loop_.Now());
    if (!next || *next > loop_.Now()) {
      break;
    }
    const DeliveryId id = ready_.front();
    ready_.pop_front();
    StartAttempt(*deliveries_.at(id));
  }
  ArmPause();
}

// Wakes us when the next attempt may begin.
void Sender::ArmPause() {
  const auto next = throttle_.Next(stats_.in_flight, loop_.Now());
  if (!next || *next <= loop_.Now()) {
    pause_.Cancel();
    return;
  }
  pause_ = loop_.RunAt(*next, [this] {
    Pump();
    TellRoom();
  });
}

Duration Sender::AttemptTimeout(const Delivery& delivery, bool* is_share) const {
  Duration timeout = settings_.timeout;
  const Duration share = delivery.request.share;
  *is_share = share > Duration::zero() && (timeout == Duration::zero() || share < timeout);
  return *is_share ? share : timeout;
}

void Sender::StartAttempt(Delivery& delivery) {
  delivery.state = State::kInFlight;
  ++stats_.in_flight;
  ++stats_.attempts;
  delivery.sent = loop_.Now();
  throttle_.OnSent(delivery.request.batch.items, delivery.sent);
  const DeliveryId id = delivery.id;
  bool is_share = false;
  const Duration timeout = AttemptTimeout(delivery, &is_share);
  if (timeout > Duration::zero()) {
    delivery.timer = loop_.RunAfter(timeout, [this, id, timeout, is_share] {
      Delivery& late = *deliveries_.at(id);
      Via(late).Cancel(late.attempt);
      if (is_share) {
        OnShareExpired(id);
        return;
      }
      // The connection is judged by the transport; an attempt that a living connection lets time
      // out is the peer's answer.
      AttemptResult result =
          LocalFailure(DeadlineExceeded(fmt::format("no answer within {} ms",
                                                    timeout / std::chrono::milliseconds(1)))
                           .FromPeer());
      result.unknown = true;
      OnResult(id, std::move(result));
    });
  }
  delivery.attempt =
      Via(delivery).Attempt(delivery.request.batch, timeout,
                            [this, id](AttemptResult result) { OnResult(id, std::move(result)); });
}

void Sender::OnShareExpired(DeliveryId id) {
  const bool released = deliveries_.at(id)->state == State::kReleased;
  AttemptResult result =
      LocalFailure(DeadlineExceeded("the level's share of the client's deadline ran out"));
  result.unknown = true;
  End(id, released ? DeliveryEnd::kLate : DeliveryEnd::kGaveUp, result);
}

void Sender::OnResult(DeliveryId id, AttemptResult result) {
  auto it = deliveries_.find(id);
  if (it == deliveries_.end()) {
    return;
  }
  Delivery& delivery = *it->second;
  delivery.timer.Cancel();
  delivery.attempt = 0;
  if (result.outcome != OutcomeClass::kOk) {
    ++stats_.failures;
  }
  if (delivery.state == State::kReleased) {
    End(id, DeliveryEnd::kLate, result);
    return;
  }
  Learn(delivery, result);
  delivery.client->OnAttempt(id, result);
  it = deliveries_.find(id);
  if (it == deliveries_.end()) {
    return;  // released by its own client because of this very result
  }
  Continue(*it->second, std::move(result));
}

// What the answer teaches about the pace, before anybody acts on it.
void Sender::Learn(Delivery& delivery, AttemptResult& result) {
  const TimePoint now = loop_.Now();
  const uint64_t items = delivery.request.batch.items;
  if (result.outcome == OutcomeClass::kOk) {
    throttle_.OnTaken(items, now);
  }
  if (result.outcome != OutcomeClass::kThrottled) {
    return;
  }
  const std::optional<Duration> delay = result.status.retry_after();
  delivery.back_off = delivery.schedule.Next(now, delay, rng_);
  const Throttle::Verdict verdict = throttle_.OnRefused(
      {.items = items,
       .sent = delivery.sent,
       .delay = delay,
       .back_off = delivery.back_off.value_or(settings_.retry.initial_interval)},
      now);
  result.pause = verdict.pause;
  result.cut_to = verdict.cut_to;
}

void Sender::Continue(Delivery& delivery, AttemptResult result) {
  switch (result.outcome) {
    case OutcomeClass::kOk:
      End(delivery.id, DeliveryEnd::kDelivered, result);
      return;
    case OutcomeClass::kRejected:
      End(delivery.id, DeliveryEnd::kRejected, result);
      return;
    case OutcomeClass::kThrottled:
      WaitForTurn(delivery, result);
      return;
    case OutcomeClass::kTransport:
    case OutcomeClass::kFaulty:
    case OutcomeClass::kDenied:
      BackOff(delivery, result);
      return;
  }
}

bool Sender::GoesOn(Delivery& delivery, std::optional<Duration> delay,
                    const AttemptResult& result) {
  const bool too_late =
      delay && delivery.request.deadline && loop_.Now() + *delay >= *delivery.request.deadline;
  if (delivery.request.once || !delay || too_late) {
    End(delivery.id, DeliveryEnd::kGaveUp, result);
    return false;
  }
  return true;
}

void Sender::BackOff(Delivery& delivery, const AttemptResult& result) {
  auto delay = delivery.schedule.Next(loop_.Now(), result.status.retry_after(), rng_);
  if (delay && delivery.request.quick_retries > 0 && result.status.origin() == Origin::kPeer) {
    --delivery.request.quick_retries;
    delay = std::min(*delay, kQuickRetry);
  }
  if (!GoesOn(delivery, delay, result)) {
    return;
  }
  delivery.state = State::kBackingOff;
  --stats_.in_flight;
  ++stats_.backing_off;
  const DeliveryId id = delivery.id;
  delivery.timer = loop_.RunAfter(*delay, [this, id] {
    deliveries_.at(id)->state = State::kReady;
    --stats_.backing_off;
    ready_.push_front(id);
    Pump();
  });
  Pump();
  TellRoom();
}

// Throttled: it goes before what is younger, as soon as anything may go.
void Sender::WaitForTurn(Delivery& delivery, const AttemptResult& result) {
  const auto delay = delivery.back_off ? std::optional(result.pause) : std::nullopt;
  if (!GoesOn(delivery, delay, result)) {
    return;
  }
  delivery.state = State::kReady;
  --stats_.in_flight;
  const auto younger = [&](DeliveryId id) { return id > delivery.id; };
  ready_.insert(std::ranges::find_if(ready_, younger), delivery.id);
  Pump();
  TellRoom();
}

void Sender::End(DeliveryId id, DeliveryEnd end, const AttemptResult& result) {
  SenderClient* client = deliveries_.at(id)->client;
  Forget(id);
  client->OnEnd(id, end, result);
  Pump();
  TellRoom();
}

void Sender::Forget(DeliveryId id) {
  const auto it = deliveries_.find(id);
  switch (it->second->state) {
    case State::kReady:
      std::erase(ready_, id);
      break;
    case State::kInFlight:
      --stats_.in_flight;
      break;
    case State::kBackingOff:
      --stats_.backing_off;
      break;
    case State::kReleased:
      --stats_.released;
      break;
  }
  ReleaseLanes(*it->second);
  if (it->second->own) {
    loop_.DeferDelete(std::move(it->second->own));  // this may be its callback
  }
  deliveries_.erase(it);
  metrics_.in_flight.Add(-1);
}

// Told on a later turn and once for many: clients send from inside OnRoom, and one that takes back
// all its deliveries must not see the next of them start meanwhile.
void Sender::TellRoom() {
  if (room_timer_.armed()) {
    return;
  }
  if (!HasRoom() && ready_.empty()) {
    ArmPause();
    return;
  }
  room_timer_ = loop_.RunAfter(Duration::zero(), [this] {
    Pump();
    if (!HasRoom()) {
      return;
    }
    for (SenderClient* client : std::vector(clients_)) {
      client->OnRoom();
    }
  });
}

void Sender::OnConnected() {
  for (SenderClient* client : std::vector(clients_)) {
    client->OnConnected();
  }
}

void Sender::OnDialFailed(const Status& status) {
  for (SenderClient* client : std::vector(clients_)) {
    client->OnDialFailed(status);
  }
}

void Sender::OnConnectionLost(const Status& status) {
  for (SenderClient* client : std::vector(clients_)) {
    client->OnConnectionLost(status);
  }
}

}  // namespace gapless::sending
