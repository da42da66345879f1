#include "sending/drill_transport.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

namespace gapless::sending {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::string_view kRefused = "drill: connection refused";
// As the real channel: three overlapping dials, then one a second; a dial that is not answered is
// given up after 800 ms; a silent connection is doubted after a second.
constexpr std::array<Duration, 3> kDials = {Duration::zero(), milliseconds(50), milliseconds(100)};
constexpr Duration kDialRhythm = seconds(1);
constexpr Duration kDialPatience = milliseconds(800);
constexpr Duration kSuspectAfter = seconds(1);

}  // namespace

std::optional<Outage> ParseOutage(std::string_view name) {
  constexpr std::pair<std::string_view, Outage> kNames[] = {{"refuse", Outage::kRefuse},
                                                            {"blackhole", Outage::kBlackhole},
                                                            {"slow", Outage::kSlow},
                                                            {"5xx", Outage::kFaulty}};
  const auto it = std::ranges::find(kNames, name, &std::pair<std::string_view, Outage>::first);
  return it == std::end(kNames) ? std::nullopt : std::optional(it->second);
}

void Drill::Begin(Outage outage, Duration duration) {
  Enter(outage);
  end_ = home_.RunAfter(duration, [this] { Enter(Outage::kNone); });
}

void Drill::Enter(Outage outage) {
  outage_ = outage;
  for (DrillTransport* transport : std::vector(transports_)) {
    transport->OnOutage();
  }
}

DrillTransport::DrillTransport(Loop& home, std::shared_ptr<Drill> drill,
                               std::unique_ptr<Transport> inner)
    : home_(home), drill_(std::move(drill)), inner_(std::move(inner)) {
  drill_->transports_.push_back(this);
  inner_->SetObserver(this);
}

DrillTransport::~DrillTransport() {
  std::erase(drill_->transports_, this);
  inner_->SetObserver(nullptr);
}

void DrillTransport::Start() {
  inner_->Start();
  if (active()) {
    OnOutage();
  }
}

void DrillTransport::OnOutage() {
  lost_.Cancel();
  dial_.Cancel();
  switch (drill_->outage()) {
    case Outage::kNone:
      lost_ = home_.RunAfter(Duration::zero(), [this] {
        EndHeld("drill: it is over");
        OnConnected();
      });
      return;
    case Outage::kRefuse:
      Hold();
      lost_ = home_.RunAfter(Duration::zero(), [this] { Lose("drill: connection reset"); });
      dial_ = home_.RunAfter(Duration::zero(), [this] { Dial(0); });
      return;
    case Outage::kBlackhole:
      Hold();
      lost_ = home_.RunAfter(kSuspectAfter + kDialPatience,
                             [this] { Lose("drill: the connection is silent"); });
      dial_ = home_.RunAfter(kSuspectAfter + kDialPatience, [this] { Dial(0); });
      return;
    case Outage::kSlow:
      Hold();
      return;
    case Outage::kFaulty:
      return;
  }
}

// The answers to what is in flight will not come; the peer may have it all the same.
void DrillTransport::Hold() {
  for (auto& [id, pending] : pending_) {
    if (pending.inner) {
      inner_->Cancel(*std::exchange(pending.inner, std::nullopt));
    }
  }
}

// One dial that fails, and the next in the channel's rhythm.
void DrillTransport::Dial(int number) {
  const auto next = static_cast<size_t>(number) + 1;
  const Duration wait =
      next < kDials.size() ? kDials[next] - kDials[next - 1] : Duration(kDialRhythm);
  dial_ = home_.RunAfter(wait, [this, number] { Dial(number + 1); });
  if (observer_ != nullptr) {
    observer_->OnDialFailed(Unavailable(std::string(
        drill_->outage() == Outage::kRefuse ? kRefused : "drill: no answer within 800 ms")));
  }
}

void DrillTransport::Lose(std::string_view why) {
  EndHeld(why);
  if (observer_ != nullptr) {
    observer_->OnConnectionLost(Unavailable(std::string(why)));
  }
}

void DrillTransport::EndHeld(std::string_view why) {
  std::vector<AttemptId> ids;
  for (const auto& [id, pending] : pending_) {
    if (!pending.inner) {
      ids.push_back(id);
    }
  }
  for (const AttemptId id : ids) {
    AttemptResult result = LocalFailure(Unavailable(std::string(why)));
    result.unknown = true;
    Finish(id, std::move(result));
  }
}

void DrillTransport::Finish(AttemptId id, AttemptResult result) {
  if (auto node = pending_.extract(id); !node.empty()) {
    node.mapped().done(std::move(result));
  }
}

// What a request gets at once; only for outages that answer.
AttemptResult DrillTransport::Answer() const {
  return drill_->outage() == Outage::kFaulty
             ? ClassifyGrpc(Internal("drill: internal server error").FromPeer())
             : LocalFailure(Unavailable(std::string(kRefused)));
}

AttemptId DrillTransport::Attempt(const otlp::Batch& batch, Duration timeout,
                                  AttemptCallback done) {
  const AttemptId id = next_id_++;
  Pending& pending = pending_[id];
  pending.done = std::move(done);
  if (!active()) {
    pending.inner = inner_->Attempt(
        batch, timeout, [this, id](AttemptResult result) { Finish(id, std::move(result)); });
    return id;
  }
  if (drill_->outage() == Outage::kRefuse || drill_->outage() == Outage::kFaulty) {
    pending.timer = home_.RunAfter(Duration::zero(), [this, id] { Finish(id, Answer()); });
  }
  return id;
}

void DrillTransport::Cancel(AttemptId id) {
  auto node = pending_.extract(id);
  if (!node.empty() && node.mapped().inner) {
    inner_->Cancel(*node.mapped().inner);
  }
}

void DrillTransport::Probe(Duration timeout, AttemptCallback done) {
  if (!active()) {
    inner_->Probe(timeout, std::move(done));
    return;
  }
  const AttemptId id = next_id_++;
  Pending& pending = pending_[id];
  pending.done = std::move(done);
  const bool answers = drill_->outage() == Outage::kRefuse || drill_->outage() == Outage::kFaulty;
  pending.timer = home_.RunAfter(answers ? Duration::zero() : timeout, [this, id, answers] {
    Finish(id, answers ? Answer() : LocalFailure(DeadlineExceeded("drill: no answer in time")));
  });
}

void DrillTransport::OnConnected() {
  if (observer_ != nullptr && !active()) {
    observer_->OnConnected();
  }
}

void DrillTransport::OnDialFailed(const Status& status) {
  if (observer_ != nullptr && !active()) {
    observer_->OnDialFailed(status);
  }
}

void DrillTransport::OnConnectionLost(const Status& status) {
  if (observer_ != nullptr && !active()) {
    observer_->OnConnectionLost(status);
  }
}

}  // namespace gapless::sending
