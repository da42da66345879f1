#include "service/telemetry/own_metrics.h"

#include "base/together.h"
#include "service/telemetry/metrics_server.h"

#include <algorithm>
#include <utility>

namespace gapless::service {
namespace {

// Scrapes in flight are answered within this time.
constexpr Duration kCloseTime = std::chrono::seconds(2);

}  // namespace

bool OwnMetrics::Reader::IsFor(const MetricsReader& wanted, const telemetry::Labels& of) const {
  const auto print = [](const MetricsReader& reader) {
    return config::Print(MetricsReaderTable(), reader, config::Secrets::kRevealed);
  };
  return resource == of && print(config) == print(wanted);
}

OwnMetrics::OwnMetrics(Options options)
    : options_(std::move(options)), start_(options_.workers.front()->WallNow()) {}

OwnMetrics::~OwnMetrics() = default;

Status OwnMetrics::Start(Reader& reader) {
  if (reader.config.periodic) {
    if (!reader.config.periodic->exporter.otlp) {
      return OkStatus();  // to the console, which was warned of
    }
    ASSIGN_OR_RETURN(reader.push, MetricsPush::Start({.factories = options_.factories,
                                                      .workers = options_.workers,
                                                      .registry = options_.registry,
                                                      .log = options_.log,
                                                      .resource = reader.resource,
                                                      .start = start_},
                                                     *reader.config.periodic));
    return OkStatus();
  }
  auto server = std::make_unique<net::HttpService>();
  RETURN_IF_ERROR(StartMetricsServer(*server, *options_.workers.front(),
                                     *reader.config.pull->exporter.prometheus, options_.registry,
                                     reader.resource));
  reader.server = std::move(server);
  options_.log.Info("Serving metrics", {{"endpoint", reader.server->address()}});
  return OkStatus();
}

void OwnMetrics::Stop(Reader& reader) const {
  reader.push.reset();
  if (const auto server = std::exchange(reader.server, nullptr)) {
    server->Shutdown(options_.workers.front()->Now() + kCloseTime, [] {});
  }
}

Status OwnMetrics::Configure(const MetricsConfig& config, const telemetry::Labels& resource) {
  std::vector<Reader> next;
  std::vector<Reader> fresh;
  for (const MetricsReader& wanted : config.WantedReaders()) {
    const auto same = std::ranges::find_if(
        readers_, [&](const Reader& reader) { return reader.IsFor(wanted, resource); });
    if (same == readers_.end()) {
      fresh.push_back({.config = wanted, .resource = resource, .server = {}, .push = {}});
      continue;
    }
    next.push_back(std::move(*same));
    readers_.erase(same);
  }
  // What goes makes room first: the same address may be wanted in another form.
  std::vector<Reader> old = std::exchange(readers_, std::move(next));
  const auto stop = [this](Reader& reader) { Stop(reader); };
  std::ranges::for_each(old, stop);
  for (Reader& reader : fresh) {
    Status status = Start(reader);
    if (!status.ok()) {
      std::ranges::for_each(fresh, stop);
      for (Reader& former : old) {
        Start(former).ok();  // it had its port a moment ago
        readers_.push_back(std::move(former));
      }
      return status.Annotate("service::telemetry::metrics");
    }
  }
  std::ranges::move(fresh, std::back_inserter(readers_));
  options_.registry.set_level(config.level);
  return OkStatus();
}

void OwnMetrics::Flush(Duration limit, std::move_only_function<void()> done) {
  const auto one_less = Together(std::move(done));
  for (Reader& reader : readers_) {
    if (reader.push) {
      reader.push->Flush(limit, one_less);
    }
  }
}

void OwnMetrics::StopAll() {
  for (Reader& reader : std::exchange(readers_, {})) {
    Stop(reader);
  }
}

std::vector<std::string> OwnMetrics::addresses() const {
  std::vector<std::string> addresses;
  for (const Reader& reader : readers_) {
    if (reader.server) {
      addresses.push_back(reader.server->address());
    }
  }
  return addresses;
}

}  // namespace gapless::service
