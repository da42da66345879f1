// The sender of an exporter in a running process: its connections can be drilled and doubled, and
// what it does is counted.
#pragma once

#include "net/loop/worker.h"
#include "sending/drill_transport.h"
#include "sending/exporter.h"
#include "sending/sender.h"
#include "telemetry/metrics.h"

#include <memory>
#include <string>

namespace gapless::sending {

struct ExporterSender {
  std::shared_ptr<Sender> sender;  // keeps its exporter, which outlives its transports
  std::shared_ptr<Drill> drill;    // of all its connections
};

struct ExporterSenderOptions {
  std::shared_ptr<Exporter> exporter;
  std::string name;  // the exporter's ID
  otlp::Signal signal = otlp::Signal::kTraces;
  DeliverySettings delivery;
  Duration suspect_after{};
  telemetry::Registry& metrics;
};

// Called on `home`, where both are used and destroyed. `first`: made by the exporter.
ExporterSender MakeExporterSender(const ExporterSenderOptions& options, net::Worker& home,
                                  std::unique_ptr<Transport> first);

}  // namespace gapless::sending
