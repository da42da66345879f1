#include "exporter/otlp_http/otlp_http_exporter.h"

#include "exporter/otlp_http/protocol.h"
#include "sending/channel_transport.h"

#include <cstdlib>

namespace gapless::exporter::otlp_http {
namespace {

const char* Environment(const char* name) { return std::getenv(name); }

}  // namespace

OtlpHttpExporter::OtlpHttpExporter(const pipeline::Settings& settings, Config config)
    : config_(std::move(config)), memory_(settings.memory) {}

Status OtlpHttpExporter::Start() {
  for (otlp::Signal signal : otlp::kSignals) {
    const std::string text = config_.UrlFor(signal);
    if (text.empty()) {
      continue;
    }
    ASSIGN_OR_RETURN(endpoint::UrlTarget url, endpoint::ParseUrl(text));
    ASSIGN_OR_RETURN(auto tls, endpoint::MakeHttpTls(config_.client, url));
    ASSIGN_OR_RETURN(auto proxy, endpoint::HttpProxy(config_.client, url, &Environment));
    targets_[static_cast<size_t>(signal)] =
        Target{std::move(url), std::move(tls), std::move(proxy)};
  }
  return OkStatus();
}

void OtlpHttpExporter::Shutdown(TimePoint, std::move_only_function<void()> done) { done(); }

std::unique_ptr<sending::Transport> OtlpHttpExporter::CreateTransport(otlp::Signal signal,
                                                                      net::Worker& home,
                                                                      Duration suspect_after) {
  const std::optional<Target>& target = targets_[static_cast<size_t>(signal)];
  if (!target) {
    return nullptr;
  }
  auto protocol = std::make_unique<HttpProtocol>(config_, target->url, target->proxy, signal);
  net::ClientChannelOptions options =
      endpoint::HttpChannelOptions(config_.client, target->url, target->tls, suspect_after);
  endpoint::UseProxy(target->proxy, target->url.https, options);
  options.greeting =
      std::make_shared<const net::HttpRequest>(protocol->Frame(Rope(), Duration::zero(), true));
  return std::make_unique<sending::ChannelTransport>(home, std::move(options), std::move(protocol),
                                                     memory_);
}

telemetry::Labels OtlpHttpExporter::PeerLabels(otlp::Signal signal) const {
  const auto target = endpoint::ParseUrl(config_.UrlFor(signal));
  if (!target.ok()) {
    return {};
  }
  return {{"server_address", target->address.host},
          {"server_port", std::to_string(target->address.port)},
          {"url_path", target->path.substr(0, target->path.find('?'))}};
}

}  // namespace gapless::exporter::otlp_http
