// SimTransport: a Transport to a SimPeer over a simulated network, with the timing of the real one:
// dials at 0, 50 and 100 ms, 800 ms for an answer, one second of silence before a connection is
// suspected, one dial a second afterwards.
#pragma once

#include "sending/transport.h"
#include "tests/support/sim_peer.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace gapless::sim {

class SimTransport final : public sending::Transport {
 public:
  SimTransport(Loop& loop, std::shared_ptr<SimPeer> peer) : loop_(loop), peer_(std::move(peer)) {
    peer_->transports_.push_back(this);
  }
  ~SimTransport() override {
    std::erase(peer_->transports_, this);
    for (const auto& [id, exchange] : exchanges_) {
      peer_->flights.End(exchange.flight);
    }
  }
  SimTransport(const SimTransport&) = delete;
  SimTransport& operator=(const SimTransport&) = delete;

  void SetObserver(sending::TransportObserver* observer) override { observer_ = observer; }
  void Start() override { Burst(); }
  void Stop() override {}

  sending::AttemptId Attempt(const otlp::Batch& batch, Duration,
                             sending::AttemptCallback done) override {
    return Begin(SimRequest::Of(batch), std::move(done));
  }
  void Cancel(sending::AttemptId id) override {
    auto node = exchanges_.extract(id);
    if (node.empty()) {
      return;
    }
    peer_->flights.End(node.mapped().flight);
    if (node.mapped().resent && node.mapped().data) {
      peer_->deceived_items +=
          node.mapped().data->numbers.size();  // nobody hears that it was sent twice
    }
  }
  void Probe(Duration timeout, sending::AttemptCallback done) override {
    paused_until_.reset();  // a probe does not wait for the rhythm
    const sending::AttemptId id = Begin(std::nullopt, std::move(done));
    exchanges_.at(id).deadline = loop_.RunAfter(timeout, [this, id] {
      Finish(id, sending::LocalFailure(DeadlineExceeded("probe: no answer")));
    });
  }

 private:
  friend class SimPeer;
  static constexpr Duration kSuspectAfter = std::chrono::seconds(1);
  static constexpr Duration kAnswerWithin = std::chrono::milliseconds(800);
  static constexpr Duration kDialSpacing = std::chrono::milliseconds(50);
  static constexpr Duration kRhythm = std::chrono::seconds(1);
  static constexpr int kDials = 3;

  struct Exchange {
    std::optional<SimRequest> data;  // none: a probe
    sending::AttemptCallback done;
    TimePoint began{};
    bool on_wire = false;
    bool swallowed = false;  // the network lost it on the way there
    bool resent = false;
    uint64_t flight = 0;
    Timer step;
    Timer deadline;
  };

  sending::AttemptId Begin(std::optional<SimRequest> data, sending::AttemptCallback done) {
    const sending::AttemptId id = next_id_++;
    Exchange& exchange = exchanges_[id];
    exchange.data = std::move(data);
    exchange.done = std::move(done);
    exchange.began = loop_.Now();
    if (exchange.data && peer_->watched) {
      exchange.flight = peer_->flights.Begin(exchange.data->items);
    }
    if (connected_ && !doubtful_) {
      Transmit(id);
    } else if (dials_.empty()) {
      if (paused_until_ && *paused_until_ > loop_.Now()) {
        exchange.step = loop_.RunAfter(Duration::zero(), [this, id] { Finish(id, Gone(false)); });
      } else {
        Burst();
      }
    }
    return id;
  }

  static sending::AttemptResult Gone(bool unknown) {
    sending::AttemptResult result = sending::LocalFailure(Unavailable("connection failed"));
    result.unknown = unknown;
    return result;
  }

  void Finish(sending::AttemptId id, sending::AttemptResult result) {
    auto node = exchanges_.extract(id);
    if (!node.empty()) {
      peer_->flights.End(node.mapped().flight);
      result.resent = node.mapped().resent;
      Tell(node.mapped(), result);
      node.mapped().done(std::move(result));
    }
  }

  void Tell(const Exchange& exchange, const sending::AttemptResult& result) const {
    if (peer_->watch == nullptr) {
      return;
    }
    peer_->watch->OnAnswer(result.outcome);
    if (exchange.data && result.outcome == sending::OutcomeClass::kOk) {
      peer_->watch->OnConfirmed(*peer_, exchange.data->numbers);
    }
  }

  void Transmit(sending::AttemptId id) {
    Exchange& exchange = exchanges_.at(id);
    exchange.on_wire = true;
    exchange.step = loop_.RunAfter(peer_->latency / 2 + Extra(), [this, id] { Arrive(id); });
    if (!silence_.armed()) {
      silence_ = loop_.RunAfter(kSuspectAfter, [this] { OnSilence(); });
    }
  }

  Duration Extra() {
    if (peer_->jitter == Duration::zero()) {
      return {};
    }
    return Duration(
        static_cast<int64_t>(peer_->rng.Below(static_cast<uint64_t>(peer_->jitter.count()))));
  }

  void Arrive(sending::AttemptId id) {
    Exchange& exchange = exchanges_.at(id);
    if (peer_->link() != SimPeer::Link::kUp) {
      exchange.swallowed = true;
      return;
    }
    exchange.swallowed = false;
    if (exchange.data && peer_->Crashes(*exchange.data)) {
      OnReset();
      return;
    }
    auto answer =
        peer_->Answer(exchange.data ? &*exchange.data : nullptr, loop_.Now(), exchange.began);
    if (!answer) {
      return;
    }
    exchange.step = loop_.RunAfter(peer_->latency / 2, [this, id, answer = *answer] {
      if (peer_->link() == SimPeer::Link::kUp) {
        Finish(id, answer);
      }
    });
  }

  // The PING after a while of silence: answered by every connection that lives.
  void OnSilence() {
    if (!connected_ ||
        std::ranges::none_of(exchanges_, [](const auto& entry) { return entry.second.on_wire; })) {
      return;
    }
    if (peer_->link() == SimPeer::Link::kBlackHole && dials_.empty()) {
      doubtful_ = true;
      Burst();
    }
    silence_ = loop_.RunAfter(kSuspectAfter, [this] { OnSilence(); });
  }

  void Burst() {
    failed_dials_ = 0;
    for (int i = 0; i < kDials; ++i) {
      Dial(kDialSpacing * i);
    }
  }

  void Dial(Duration after) {
    const size_t index = dials_.size();
    dials_.push_back(loop_.RunAfter(after, [this, index] { OnDialStarted(index); }));
  }

  void OnDialStarted(size_t index) {
    const bool black = peer_->link() == SimPeer::Link::kBlackHole;
    const Duration answer = black ? kAnswerWithin : peer_->latency;
    dials_[index] = loop_.RunAfter(answer, [this] {
      if (peer_->link() == SimPeer::Link::kUp) {
        OnAnswered();
      } else {
        OnDialFailed();
      }
    });
  }

  void OnAnswered() {
    auto answered = std::move(dials_);  // the others are not needed, and this one is running
    dials_.clear();
    paused_until_.reset();
    connected_ = true;
    const bool again = std::exchange(doubtful_, false);
    std::vector<sending::AttemptId> waiting;
    std::vector<sending::AttemptId> lost;
    for (auto& [id, exchange] : exchanges_) {
      if (!exchange.on_wire || again) {
        if (exchange.resent) {
          lost.push_back(id);  // once is enough
          continue;
        }
        exchange.resent = exchange.on_wire;
        waiting.push_back(id);
      }
    }
    for (const sending::AttemptId id : waiting) {
      Transmit(id);
    }
    for (const sending::AttemptId id : lost) {
      Finish(id, Gone(true));
    }
    if (observer_ != nullptr) {
      observer_->OnConnected();
    }
  }

  void OnDialFailed() {
    const bool exhausted = ++failed_dials_ >= kDials;
    std::vector<Timer> ended;
    if (exhausted) {
      ended = std::move(dials_);
      dials_.clear();
      connected_ = false;
      doubtful_ = false;
      paused_until_ = loop_.Now() + kRhythm;
      FailAll();
      rhythm_ = loop_.RunAfter(kRhythm, [this] { OnRhythm(); });
    }
    if (observer_ != nullptr) {
      observer_->OnDialFailed(Unavailable("dial failed"));
    }
  }

  // One dial a second; each failure is a dial of its own.
  void OnRhythm() {
    if (connected_ || !dials_.empty()) {
      return;
    }
    failed_dials_ = kDials - 1;
    Dial(Duration::zero());
  }

  void FailAll() {
    std::vector<std::pair<sending::AttemptId, bool>> ids;
    for (const auto& [id, exchange] : exchanges_) {
      ids.emplace_back(id, exchange.on_wire);
    }
    for (const auto& [id, on_wire] : ids) {
      Finish(id, Gone(on_wire));
    }
  }

  // From the peer: the network changed.
  void OnLinkChanged() {
    change_ = loop_.RunAfter(Duration::zero(), [this] {
      if (peer_->link() == SimPeer::Link::kRefused) {
        LoseConnection();
      } else if (peer_->link() == SimPeer::Link::kUp && connected_ && !doubtful_) {
        for (auto& [id, exchange] : exchanges_) {
          if (exchange.swallowed) {  // TCP sends it again
            exchange.step =
                loop_.RunAfter(peer_->latency / 2, [this, which = id] { Arrive(which); });
          }
        }
      }
    });
  }

  void OnReset() {
    change_ = loop_.RunAfter(Duration::zero(), [this] { LoseConnection(); });
  }

  void LoseConnection() {
    if (!connected_) {
      return;
    }
    connected_ = false;
    doubtful_ = false;
    dials_.clear();
    FailAll();
    if (observer_ != nullptr) {
      observer_->OnConnectionLost(Unavailable("connection reset"));
    }
    Burst();
  }

  Loop& loop_;
  std::shared_ptr<SimPeer> peer_;
  sending::TransportObserver* observer_ = nullptr;
  std::map<sending::AttemptId, Exchange> exchanges_;
  sending::AttemptId next_id_ = 1;
  bool connected_ = false;
  bool doubtful_ = false;  // the connection is silent, and dials find out
  std::vector<Timer> dials_;
  int failed_dials_ = 0;
  std::optional<TimePoint> paused_until_;
  Timer silence_;
  Timer rhythm_;
  Timer change_;
};

inline void SimPeer::SetLink(Link link) {
  link_ = link;
  for (SimTransport* transport : transports_) {
    transport->OnLinkChanged();
  }
}

inline void SimPeer::Reset() {
  for (SimTransport* transport : transports_) {
    transport->OnReset();
  }
}

}  // namespace gapless::sim
