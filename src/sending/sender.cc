#include "sending/sender.h"

#include <algorithm>

#include <fmt/format.h>

namespace gapless::sending {
namespace {

constexpr Duration kProbeTimeoutDefault = std::chrono::seconds(5);

AttemptResult TimedOut(Status why) {
  AttemptResult result = LocalFailure(std::move(why));
  result.unknown = true;
  return result;
}

}  // namespace

Sender::Sender(Loop& loop, std::string name, std::unique_ptr<Transport> transport,
               const DeliverySettings& settings, uint64_t seed)
    : loop_(loop),
      name_(std::move(name)),
      settings_(settings),
      transport_(std::move(transport)),
      rng_(seed),
      throttle_(settings.queue.num_consumers) {
  transport_->SetObserver(&clients_);
}

Sender::~Sender() {
  transport_->SetObserver(nullptr);
  for (auto& [id, delivery] : deliveries_) {
    delivery->CancelAttempt(*transport_);
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
  clients_.Add(client);
  if (!std::exchange(started_, true)) {
    transport_->Start();
  }
}

void Sender::RemoveClient(SenderClient* client) {
  clients_.Remove(client);
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

bool Sender::HasRoom() const {
  const size_t taken = stats_.in_flight + ready_.size();
  const auto next = throttle_.Next(taken, loop_.Now());
  return taken < settings_.queue.num_consumers && back_off_.Open(loop_.Now()) && next &&
         *next <= loop_.Now();
}

DeliveryId Sender::Send(SendRequest request, SenderClient* client) {
  const DeliveryId id = next_id_++;
  metrics_.in_flight.Add(1);
  metrics_.size.Observe(request.batch.items);
  metrics_.bytes.Observe(static_cast<double>(request.batch.raw_size));
  const bool alone = request.alone;
  lanes_.Take(request.lanes);
  auto delivery =
      std::make_unique<Delivery>(Delivery{.id = id,
                                          .client = client,
                                          .request = std::move(request),
                                          .schedule = RetrySchedule(settings_.retry, loop_.Now())});
  deliveries_.emplace(id, std::move(delivery));
  if (alone) {
    Isolate(id);
  }
  ready_.push_back(id);
  back_off_.OnFresh(loop_.Now());
  Pump();
  return id;
}

bool Sender::Release(DeliveryId id) {
  const auto it = deliveries_.find(id);
  if (it == deliveries_.end()) {
    return false;
  }
  Delivery& delivery = *it->second;
  if (delivery.state != Delivery::State::kInFlight || delivery.attempt == 0) {
    Forget(id);
    TellRoom();
    return false;
  }
  delivery.state = Delivery::State::kReleased;
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
    lanes_.Leave(std::exchange(it->second->request.lanes, 0));
    TellRoom();
  }
}

void Sender::Cancel(DeliveryId id) {
  const auto it = deliveries_.find(id);
  if (it == deliveries_.end()) {
    return;
  }
  it->second->CancelAttempt(*transport_);
  Forget(id);
  TellRoom();
}

void Sender::Probe(AttemptCallback done) {
  const Duration timeout =
      settings_.timeout > Duration::zero() ? settings_.timeout : kProbeTimeoutDefault;
  transport_->Probe(timeout, std::move(done));
}

void Sender::Pump(bool nobody_else) {
  const auto may_start = [this] {
    const auto next = throttle_.Next(stats_.in_flight, loop_.Now());
    return stats_.in_flight < settings_.queue.num_consumers && next && *next <= loop_.Now();
  };
  while (may_start() && (!ready_.empty() || (nobody_else && !back_off_.again.empty()))) {
    std::deque<DeliveryId>& from =
        ready_.empty() || back_off_.IsTurnOfAgain() ? back_off_.again : ready_;
    const DeliveryId id = from.front();
    from.pop_front();
    StartAttempt(*deliveries_.at(id));
  }
  if (!back_off_.again.empty() && may_start()) {
    TellRoom();  // others are asked first
  }
  ArmPause();
}

// Wakes us when the next attempt may begin.
void Sender::ArmPause() {
  auto next = throttle_.Next(stats_.in_flight, loop_.Now());
  if (!next || *next <= loop_.Now()) {
    next = back_off_.OpensAt(loop_.Now());
  }
  if (!next) {
    pause_.Cancel();
    return;
  }
  pause_ = loop_.RunAt(*next, [this] {
    Pump();
    TellRoom();
  });
}

void Sender::StartAttempt(Delivery& delivery) {
  delivery.state = Delivery::State::kInFlight;
  ++stats_.in_flight;
  ++stats_.attempts;
  delivery.sent = loop_.Now();
  throttle_.OnSent(delivery.request.batch.items, delivery.sent);
  const DeliveryId id = delivery.id;
  const Delivery::Timeout timeout = delivery.AttemptTimeout(settings_.timeout);
  if (timeout.after > Duration::zero()) {
    delivery.timer = loop_.RunAfter(timeout.after, [this, id, timeout] { OnTimeout(id, timeout); });
  }
  delivery.attempt =
      delivery.Via(*transport_)
          .Attempt(delivery.request.batch, timeout.after,
                   [this, id](AttemptResult result) { OnResult(id, std::move(result)); });
}

void Sender::OnTimeout(DeliveryId id, const Delivery::Timeout& timeout) {
  Delivery& late = *deliveries_.at(id);
  if (late.Via(*transport_).held_back() && !timeout.is_share) {
    late.timer = loop_.RunAfter(timeout.after, [this, id, timeout] { OnTimeout(id, timeout); });
    return;
  }
  late.CancelAttempt(*transport_);
  if (timeout.is_share) {
    End(id, late.state == Delivery::State::kReleased ? DeliveryEnd::kLate : DeliveryEnd::kGaveUp,
        TimedOut(DeadlineExceeded("the level's share of the client's deadline ran out")));
    return;
  }
  // The connection is judged by the transport; an attempt that a living connection lets time out is
  // the peer's answer.
  OnResult(id, TimedOut(DeadlineExceeded(fmt::format("no answer within {} ms",
                                                     timeout.after / std::chrono::milliseconds(1)))
                            .FromPeer()));
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
  if (delivery.state == Delivery::State::kReleased) {
    End(id, DeliveryEnd::kLate, result);
    return;
  }
  Learn(delivery, result);
  delivery.client->OnAttempt(id, result);
  it = deliveries_.find(id);
  if (it == deliveries_.end()) {
    return;  // released by its own client because of this very result
  }
  if (result.outcome == OutcomeClass::kOk) {
    End(id, DeliveryEnd::kDelivered, result);
  } else if (result.outcome == OutcomeClass::kRejected) {
    End(id, DeliveryEnd::kRejected, result);
  } else {
    TryAgain(*it->second, result);
  }
}

// What the answer teaches about the pace, before anybody acts on it.
void Sender::Learn(Delivery& delivery, AttemptResult& result) {
  const TimePoint now = loop_.Now();
  const uint64_t items = delivery.request.batch.items;
  if (result.outcome == OutcomeClass::kOk) {
    throttle_.OnTaken(items, now);
    back_off_.OnTaken(now);
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

void Sender::TryAgain(Delivery& delivery, const AttemptResult& result) {
  const DeliveryId id = delivery.id;
  const auto pause = delivery.NextPause(result, loop_.Now(), rng_);
  if (!pause) {
    End(id, DeliveryEnd::kGaveUp, result);
    return;
  }
  --stats_.in_flight;
  if (result.outcome == OutcomeClass::kThrottled) {
    // It goes before what is younger, as soon as anything may go.
    delivery.state = Delivery::State::kReady;
    const auto younger = [id](DeliveryId other) { return other > id; };
    ready_.insert(std::ranges::find_if(ready_, younger), id);
  } else {
    delivery.state = Delivery::State::kBackingOff;
    delivery.failed_by_peer =
        result.outcome == OutcomeClass::kFaulty && result.status.origin() == Origin::kPeer;
    back_off_.Add(delivery);
    delivery.timer = loop_.RunAfter(*pause, [this, id] {
      Delivery& waiting = *deliveries_.at(id);
      waiting.state = Delivery::State::kReady;
      back_off_.Remove(waiting);
      if (waiting.failed_by_peer) {
        back_off_.again.push_back(id);
      } else {
        ready_.push_front(id);
      }
      Pump();
    });
  }
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
    case Delivery::State::kReady:
      std::erase(ready_, id);
      std::erase(back_off_.again, id);
      break;
    case Delivery::State::kInFlight:
      --stats_.in_flight;
      break;
    case Delivery::State::kBackingOff:
      back_off_.Remove(*it->second);
      break;
    case Delivery::State::kReleased:
      --stats_.released;
      break;
  }
  lanes_.Leave(it->second->request.lanes);
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
  if (!HasRoom() && ready_.empty() && back_off_.again.empty()) {
    ArmPause();
    return;
  }
  room_timer_ = loop_.RunAfter(Duration::zero(), [this] {
    Pump();
    if (HasRoom()) {
      clients_.OnRoom();
    }
    Pump(/*nobody_else=*/true);
  });
}

}  // namespace gapless::sending
