// Exporter: a component that can make Transports. Everything else that exporters share is behind
// it: queue, retry, timeout, health (sender.h, sending_queue.h).
#pragma once

#include "pipeline/component.h"
#include "sending/settings.h"
#include "sending/transport.h"

#include <memory>

namespace gapless::sending {

class Exporter : public pipeline::Component {
 public:
  // Called after Start: on the control worker, once per signal that the exporter serves, and later
  // on `home` for one more connection of the same kind. The transport lives on `home` and is used
  // and destroyed there; it may outlive Shutdown's call but not the exporter. `suspect_after`: how
  // long a connection may show no sign of life before it is dialled anew.
  virtual std::unique_ptr<Transport> CreateTransport(otlp::Signal signal, net::Worker& home,
                                                     Duration suspect_after) = 0;
  // What counters of sent items carry beside the exporter's ID: server_address, server_port and
  // url_path, as far as there are such. Any thread.
  virtual telemetry::Labels PeerLabels(otlp::Signal /*signal*/) const { return {}; }
};

}  // namespace gapless::sending
