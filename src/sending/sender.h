// Sender: sends units to one destination: slots, per-attempt timeout, back-off, throttling.
//
// One per (exporter, signal), shared by every queue that uses the exporter, on their common home
// loop. It decides when to try again; whether the destination may be used at all is the router's
// business.
#pragma once

#include "base/loop.h"
#include "base/rng.h"
#include "sending/back_off.h"
#include "sending/delivery.h"
#include "sending/lanes.h"
#include "sending/sender_clients.h"
#include "sending/settings.h"
#include "sending/throttle.h"
#include "sending/transport.h"
#include "telemetry/metrics.h"

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

namespace gapless::sending {

struct SenderStats {
  uint64_t attempts = 0;
  uint64_t failures = 0;
  size_t in_flight = 0;    // attempts that hold a slot
  size_t backing_off = 0;  // waiting between two attempts
  size_t released = 0;     // attempts that run on without a slot
};

// What a sender shows of itself; a handle that is left out shows nothing. Several senders of one
// exporter and signal (a reload) add up.
struct SenderMetrics {
  telemetry::Labels peer;      // of the destination
  telemetry::Gauge in_flight;  // deliveries that have not ended, those in back-off included
  telemetry::Histogram size;   // items of each delivery
  telemetry::Histogram bytes;  // without compression
};

class Sender {
 public:
  Sender(Loop& loop, std::string name, std::unique_ptr<Transport> transport,
         const DeliverySettings& settings, uint64_t seed);
  ~Sender();
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

  // Whether Send would find a slot. Bounded: num_consumers in flight, and as many backing off as
  // BackOff allows.
  bool HasRoom() const;
  // Those of deliveries under way.
  Lanes busy_lanes() const { return lanes_.busy(); }
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
  SenderStats stats() const {
    SenderStats stats = stats_;
    stats.backing_off = back_off_.size();
    return stats;
  }

 private:
  // `nobody_else`: what a living peer failed before takes the slots that are free.
  void Pump(bool nobody_else = false);
  void StartAttempt(Delivery& delivery);
  void OnTimeout(DeliveryId id, const Delivery::Timeout& timeout);
  void OnResult(DeliveryId id, AttemptResult result);
  void Learn(Delivery& delivery, AttemptResult& result);
  void TryAgain(Delivery& delivery, const AttemptResult& result);
  void ArmPause();
  void End(DeliveryId id, DeliveryEnd end, const AttemptResult& result);
  void TellRoom();
  void Forget(DeliveryId id);

  Loop& loop_;
  const std::string name_;
  const DeliverySettings settings_;
  std::unique_ptr<Transport> transport_;
  std::move_only_function<std::unique_ptr<Transport>()> make_spare_;
  Rng rng_;
  SenderClients clients_;
  std::unordered_map<DeliveryId, std::unique_ptr<Delivery>> deliveries_;
  std::deque<DeliveryId> ready_;
  BackOff back_off_;
  DeliveryId next_id_ = 1;
  SenderStats stats_;
  SenderMetrics metrics_;
  Throttle throttle_;
  LanesInUse lanes_;
  Timer pause_;
  bool started_ = false;
  Timer room_timer_;
};

}  // namespace gapless::sending
