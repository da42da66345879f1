// DrillTransport: stands in front of a real Transport and, while a drill goes on, plays a peer that
// is gone, without touching the network. What is above it cannot tell the difference.
//
// A drill ends by itself, whoever asked for it. All on the transport's loop.
#pragma once

#include "sending/transport.h"

#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace gapless::sending {

enum class Outage : uint8_t {
  kNone,
  kRefuse,     // connections are reset, dials refused
  kBlackhole,  // nothing is answered, not even a dial
  kSlow,       // the connection lives, requests are not answered in time
  kFaulty,     // every request is answered with an error of the server (5xx)
};
// "refuse", "blackhole", "slow", "5xx"; nullopt: none of them.
std::optional<Outage> ParseOutage(std::string_view name);

class DrillTransport;

// The drill of one destination: of its transport and of the ones beside it. Outlives them.
class Drill {
 public:
  explicit Drill(Loop& home) : home_(home) {}
  // Replaces one that goes on.
  void Begin(Outage outage, Duration duration);
  Outage outage() const { return outage_; }

 private:
  friend class DrillTransport;
  void Enter(Outage outage);

  Loop& home_;
  Outage outage_ = Outage::kNone;
  std::vector<DrillTransport*> transports_;
  Timer end_;
};

class DrillTransport final : public Transport, private TransportObserver {
 public:
  DrillTransport(Loop& home, std::shared_ptr<Drill> drill, std::unique_ptr<Transport> inner);
  ~DrillTransport() override;

  void SetObserver(TransportObserver* observer) override { observer_ = observer; }
  void Start() override;
  AttemptId Attempt(const otlp::Batch& batch, Duration timeout, AttemptCallback done) override;
  void Cancel(AttemptId id) override;
  bool held_back() const override { return inner_->held_back(); }
  void Probe(Duration timeout, AttemptCallback done) override;
  void Stop() override { inner_->Stop(); }

 private:
  friend class Drill;
  struct Pending {
    AttemptCallback done;
    std::optional<AttemptId> inner;  // none: the drill has it
    Timer timer;
  };

  // The drill's outage has changed.
  void OnOutage();
  void Hold();
  // Ends what the drill holds, with an outcome that nobody knows.
  void EndHeld(std::string_view why);
  void Lose(std::string_view why);
  void Dial(int number);
  AttemptResult Answer() const;
  void Finish(AttemptId id, AttemptResult result);
  bool active() const { return drill_->outage() != Outage::kNone; }

  // TransportObserver, of the real one.
  void OnConnected() override;
  void OnDialFailed(const Status& status) override;
  void OnConnectionLost(const Status& status) override;

  Loop& home_;
  const std::shared_ptr<Drill> drill_;
  TransportObserver* observer_ = nullptr;
  std::map<AttemptId, Pending> pending_;
  AttemptId next_id_ = 1;
  Timer lost_;
  Timer dial_;
  const std::unique_ptr<Transport> inner_;  // first to end
};

}  // namespace gapless::sending
