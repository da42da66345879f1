// Sender: sends units to one destination: slots, per-attempt timeout, back-off, throttling.
//
// One per (exporter, signal), shared by every queue that uses the exporter, on their common home
// loop. It decides when to try again; whether the destination may be used at all is the router's
// business.
#pragma once

#include "base/loop.h"
#include "base/rng.h"
#include "otlp/batch.h"
#include "sending/lanes.h"
#include "sending/retry.h"
#include "sending/settings.h"
#include "sending/throttle.h"
#include "sending/transport.h"
#include "telemetry/metrics.h"

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace gapless::sending {

using DeliveryId = uint64_t;

// How a delivery ended.
enum class DeliveryEnd : uint8_t {
  kDelivered,
  kLate,      // released before, and its last attempt has ended now, one way or the other
  kRejected,  // the peer calls the batch invalid, or too large (result.too_large)
  kGaveUp,    // the back-off series is over, or the one permitted attempt failed
};

// Who hears of a sender: one member of one level. On the sender's loop.
class SenderClient {
 public:
  virtual ~SenderClient() = default;
  // Every attempt of this client's deliveries that ended, before the sender acts on it; the client
  // may release the delivery from inside.
  virtual void OnAttempt(DeliveryId id, const AttemptResult& result) = 0;
  // Last word on a delivery; not called after Cancel, nor after a Release that returned false.
  virtual void OnEnd(DeliveryId id, DeliveryEnd end, const AttemptResult& result) = 0;
  // News of the connection, to every client.
  virtual void OnDialFailed(const Status& status) = 0;
  virtual void OnConnectionLost(const Status& status) = 0;
  virtual void OnConnected() = 0;
  // A slot became free.
  virtual void OnRoom() = 0;
};

struct SendRequest {
  otlp::Batch batch;
  // One attempt only (a trial; a level of a queue-off failover that is not the last).
  bool once = false;
  // On a connection of its own: a batch that is suspected to kill connections harms nobody else's.
  bool alone = false;
  // More than the exporter's timeout may not be spent on an attempt; a share that ran out is not an
  // outcome. Zero: only the exporter's timeout counts.
  Duration share{};
  // Ends the series early: the client will not wait longer.
  std::optional<TimePoint> deadline;
  // So many attempts come soon, whatever the back-off says, when a living peer fails: others wait
  // behind this one, and whether the peer fails them too must be known.
  uint32_t quick_retries = 0;
  // Held until the delivery has ended, a late one included: nothing else in these lanes is under
  // way to this destination.
  Lanes lanes = 0;
};

struct SenderStats {
  uint64_t attempts = 0;
  uint64_t failures = 0;
  size_t in_flight = 0;  // attempts that hold a slot
  size_t backing_off = 0;
  size_t released = 0;  // attempts that run on without a slot
};

// What a sender shows of itself; a handle that is left out shows nothing. Several senders of one
// exporter and signal (a reload) add up.
struct SenderMetrics {
  telemetry::Labels peer;      // of the destination
  telemetry::Gauge in_flight;  // deliveries that have not ended, those in back-off included
  telemetry::Histogram size;   // items of each delivery
  telemetry::Histogram bytes;  // without compression
};

class Sender final : public TransportObserver {
 public:
  Sender(Loop& loop, std::string name, std::unique_ptr<Transport> transport,
         const DeliverySettings& settings, uint64_t seed);
  ~Sender() override;
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  // How one more transport to the same destination is made, for batches that are sent alone;
  // without it they share the connection.
  void SetSpare(std::move_only_function<std::unique_ptr<Transport>()> make) {
    make_spare_ = std::move(make);
  }

  // Before the first delivery.
  void SetMetrics(SenderMetrics metrics) { metrics_ = std::move(metrics); }

  void AddClient(SenderClient* client);
  void RemoveClient(SenderClient* client);

  // Whether Send would find a slot, and these lanes free. Bounded: num_consumers in flight, and a
  // fixed number backing off.
  bool HasRoom(Lanes lanes = 0) const;
  Lanes busy_lanes() const { return busy_lanes_; }
  // What throttling has taught about this destination.
  const Throttle& throttle() const { return throttle_; }
  DeliveryId Send(SendRequest request, SenderClient* client);
  // The unit belongs to somebody else now. What waits is forgotten; an attempt in flight runs on
  // without a slot until its timeout and ends as kLate. True if an attempt was in flight: its
  // outcome is unknown.
  bool Release(DeliveryId id);
  // Further attempts of this delivery go over a connection of their own. Not while one is in
  // flight.
  void Isolate(DeliveryId id);
  // The destination is back after it was away: what throttling taught before does not hold.
  void ForgetThrottle();
  // Others may go in the delivery's lanes from now on.
  void FreeLanes(DeliveryId id);
  // Ends the delivery and its attempt; nothing is told.
  void Cancel(DeliveryId id);

  // Answers within the exporter's timeout.
  void Probe(AttemptCallback done);

  const std::string& name() const { return name_; }
  // Of counters of what was sent.
  telemetry::Labels labels() const;
  const DeliverySettings& settings() const { return settings_; }
  Transport& transport() { return *transport_; }
  SenderStats stats() const;
  // When the peer wants the next attempt at the earliest; none: now.
  std::optional<TimePoint> throttled_until() const;

  // TransportObserver.
  void OnConnected() override;
  void OnDialFailed(const Status& status) override;
  void OnConnectionLost(const Status& status) override;

 private:
  enum class State : uint8_t { kReady, kInFlight, kBackingOff, kReleased };
  struct Delivery {
    DeliveryId id = 0;
    SenderClient* client = nullptr;
    SendRequest request;
    RetrySchedule schedule;
    State state = State::kReady;
    AttemptId attempt = 0;
    TimePoint sent{};                // when the attempt began
    Timer timer;                     // attempt timeout or back-off
    std::unique_ptr<Transport> own;  // of a batch that is sent alone
    // Throttled: what the schedule says; none: the series is over.
    std::optional<Duration> back_off = std::nullopt;
  };

  Transport& Via(Delivery& delivery) { return delivery.own ? *delivery.own : *transport_; }
  void Pump();
  void StartAttempt(Delivery& delivery);
  Duration AttemptTimeout(const Delivery& delivery, bool* is_share) const;
  void OnResult(DeliveryId id, AttemptResult result);
  void OnShareExpired(DeliveryId id);
  void Continue(Delivery& delivery, AttemptResult result);
  // Whether the series goes on with an attempt after `delay`; else it has ended.
  bool GoesOn(Delivery& delivery, std::optional<Duration> delay, const AttemptResult& result);
  void BackOff(Delivery& delivery, const AttemptResult& result);
  void Learn(Delivery& delivery, AttemptResult& result);
  void WaitForTurn(Delivery& delivery, const AttemptResult& result);
  void ArmPause();
  void ReleaseLanes(Delivery& delivery);
  void End(DeliveryId id, DeliveryEnd end, const AttemptResult& result);
  void TellRoom();
  void Forget(DeliveryId id);

  Loop& loop_;
  const std::string name_;
  const DeliverySettings settings_;
  std::unique_ptr<Transport> transport_;
  std::move_only_function<std::unique_ptr<Transport>()> make_spare_;
  Rng rng_;
  std::vector<SenderClient*> clients_;
  std::unordered_map<DeliveryId, std::unique_ptr<Delivery>> deliveries_;
  std::deque<DeliveryId> ready_;
  DeliveryId next_id_ = 1;
  SenderStats stats_;
  SenderMetrics metrics_;
  Throttle throttle_;
  std::array<uint32_t, kLaneCount> lane_users_{};
  Lanes busy_lanes_ = 0;
  Timer pause_;
  bool started_ = false;
  Timer room_timer_;
};

}  // namespace gapless::sending
