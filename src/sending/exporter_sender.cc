#include "sending/exporter_sender.h"

#include "base/rng.h"
#include "telemetry/inventory.h"

#include <utility>

namespace gapless::sending {
namespace {

struct Kept {
  Kept(const ExporterSenderOptions& options, net::Worker& home, std::unique_ptr<Transport> first)
      : exporter(options.exporter),
        sender(home, options.name, std::move(first), options.delivery, RandomSeed()) {}

  std::shared_ptr<Exporter> exporter;
  Sender sender;
};

SenderMetrics MetricsOf(const ExporterSenderOptions& options) {
  using telemetry::Metric;
  const telemetry::Labels labels = {{"exporter", options.name}};
  const std::string signal(otlp::Names(options.signal).name);
  return {
      .peer = options.exporter->PeerLabels(options.signal),
      .in_flight = options.metrics.GetGauge(Metric("otelcol_exporter_in_flight_requests"),
                                            {{"exporter", options.name}, {"data_type", signal}}),
      .size =
          options.metrics.GetHistogram(Metric("otelcol_exporter_queue_batch_send_size"), labels),
      .bytes = options.metrics.GetHistogram(Metric("otelcol_exporter_queue_batch_send_size_bytes"),
                                            labels)};
}

}  // namespace

ExporterSender MakeExporterSender(const ExporterSenderOptions& options, net::Worker& home,
                                  std::unique_ptr<Transport> first) {
  auto drill = std::make_shared<Drill>(home);
  const auto drilled = [&home, drill](std::unique_ptr<Transport> real) {
    return std::make_unique<DrillTransport>(home, drill, std::move(real));
  };
  auto kept = std::make_shared<Kept>(options, home, drilled(std::move(first)));
  kept->sender.SetSpare([drilled, &home, exporter = options.exporter.get(), signal = options.signal,
                         suspect_after = options.suspect_after] {
    return drilled(exporter->CreateTransport(signal, home, suspect_after));
  });
  kept->sender.SetMetrics(MetricsOf(options));
  return {.sender = std::shared_ptr<Sender>(kept, &kept->sender), .drill = std::move(drill)};
}

}  // namespace gapless::sending
