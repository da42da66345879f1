#include "receiver/otlp/refusals.h"

#include "base/loop.h"
#include "telemetry/inventory.h"

#include <chrono>
#include <string>

namespace gapless::otlp_receiver {
namespace {

constexpr uint32_t kLines = 1;
constexpr auto kInterval = std::chrono::seconds(10);

struct Cause {
  std::string_view label;
  std::string_view message;  // empty: counted only
};

// In the order of net::RefusedRequest.
constexpr std::array<Cause, net::kRefusedRequests> kRequests = {{
    {"header_too_large", "Refused a request: its headers are larger than they may be"},
    {"header_budget", "Refused a request: the headers of open requests take all that they may"},
    {"body_too_large", "Refused a request: its body is larger than it may be"},
    {"body_budget", "Refused a request: the bodies of open requests take all that they may"},
    {"memory", "Refused a request: the process holds all that service::limits::memory allows"},
    {"too_slow", "Refused a request: its body came too slowly"},
    {"bad_request", "Refused a request: it is not proper HTTP"},
    {"reset", ""},
    {"unread", "Gave up a request: its client does not let the answer be sent"},
}};
// In the order of net::RefusedConnection.
constexpr std::array<Cause, net::kRefusedConnections> kConnections = {{
    {"flood", "Ended a connection: too many frames without requests"},
    {"protocol", "Ended a connection: its client violates HTTP"},
    {"unread", "Ended a connection: its client does not read its answers"},
    {"handshake", "Refused a connection: the TLS handshake failed"},
    {"wrong_port", "Refused a connection: its client speaks another protocol"},
    {"accept", "Cannot accept connections"},
}};

}  // namespace

Refusals::Refusals(const pipeline::Settings& settings, std::string_view transport)
    : log_(settings.log), sampled_(kLines, kInterval) {
  const auto labels = [&](std::string_view reason) {
    return telemetry::Labels{{"receiver", settings.id.ToString()},
                             {"transport", std::string(transport)},
                             {"reason", std::string(reason)}};
  };
  for (size_t i = 0; i < kRequests.size(); ++i) {
    requests_[i] = settings.metrics.GetCounter(
        telemetry::Metric("otelcol_receiver_refused_requests"), labels(kRequests[i].label));
  }
  for (size_t i = 0; i < kConnections.size(); ++i) {
    connections_[i] = settings.metrics.GetCounter(
        telemetry::Metric("otelcol_receiver_refused_connections"), labels(kConnections[i].label));
  }
  inflated_ = settings.metrics.GetCounter(telemetry::Metric("otelcol_receiver_refused_requests"),
                                          labels("inflated"));
}

void Refusals::OnRefused(net::RefusedRequest reason, const net::SocketAddress& client) {
  const auto index = static_cast<size_t>(reason);
  requests_[index].Add();
  Log(kRequests[index].message, &client, "");
}

void Refusals::OnRefused(net::RefusedConnection reason, const net::SocketAddress& client,
                         std::string_view detail) {
  const auto index = static_cast<size_t>(reason);
  connections_[index].Add();
  Log(kConnections[index].message, reason == net::RefusedConnection::kAccept ? nullptr : &client,
      detail);
}

void Refusals::OnInflated(std::string_view why) {
  inflated_.Add();
  Log("Refused a request: it inflates to far more than it was sent as", nullptr, why);
}

void Refusals::Log(std::string_view message, const net::SocketAddress* client,
                   std::string_view detail) {
  if (message.empty()) {
    return;
  }
  const Loop* loop = Loop::Current();
  const TimePoint now = loop ? loop->Now() : TimePoint();
  client = client && client->size() > 0 ? client : nullptr;
  const std::string who = client ? client->ToString() : "";
  constexpr auto kWarn = telemetry::LogLevel::kWarn;
  MutexLock lock(mu_);
  if (!client && detail.empty()) {
    sampled_.Log(log_, kWarn, now, message);
  } else if (detail.empty()) {
    sampled_.Log(log_, kWarn, now, message, {{"client", who}});
  } else if (!client) {
    sampled_.Log(log_, kWarn, now, message, {{"detail", detail}});
  } else {
    sampled_.Log(log_, kWarn, now, message, {{"client", who}, {"detail", detail}});
  }
}

}  // namespace gapless::otlp_receiver
