#include "exporter/otlp_http/config.h"

#include "fmt/format.h"

namespace gapless::exporter::otlp_http {
namespace {

using config::Checker;
using config::Field;

void CheckUrl(const char* key, const std::string& url, Checker& checker) {
  if (url.empty()) {
    return;
  }
  const auto target = endpoint::ParseUrl(url);
  if (!target.ok()) {
    checker.Fail(key, fmt::format("{} must be a valid URL: {}", key, target.status().message()));
  }
}

void Check(const Config& config, Checker& checker) {
  if (config.endpoint.empty() && config.traces_endpoint.empty() &&
      config.metrics_endpoint.empty() && config.logs_endpoint.empty() &&
      config.profiles_endpoint.empty()) {
    checker.Fail("endpoint", "at least one endpoint must be specified");
  }
  CheckUrl("endpoint", config.endpoint, checker);
  CheckUrl("traces_endpoint", config.traces_endpoint, checker);
  CheckUrl("metrics_endpoint", config.metrics_endpoint, checker);
  CheckUrl("logs_endpoint", config.logs_endpoint, checker);
  CheckUrl("profiles_endpoint", config.profiles_endpoint, checker);
}

}  // namespace

std::string Config::UrlFor(otlp::Signal signal) const {
  const std::string* own = nullptr;
  switch (signal) {
    case otlp::Signal::kTraces:
      own = &traces_endpoint;
      break;
    case otlp::Signal::kMetrics:
      own = &metrics_endpoint;
      break;
    case otlp::Signal::kLogs:
      own = &logs_endpoint;
      break;
  }
  if (!own->empty()) {
    return *own;
  }
  if (endpoint.empty()) {
    return "";
  }
  const std::string_view path = otlp::Names(signal).http_path;
  return endpoint + std::string(endpoint.ends_with('/') ? path.substr(1) : path);
}

Status Config::CheckSignal(otlp::Signal signal) const {
  if (!UrlFor(signal).empty()) {
    return OkStatus();
  }
  return InvalidArgument(
      fmt::format("either endpoint or {}_endpoint must be specified", otlp::Names(signal).name));
}

const config::Table<Config>& ConfigTable() {
  static const config::Table<Config> table(
      {
          Field("endpoint", &Config::endpoint,
                "Base URL; /v1/traces, /v1/metrics or /v1/logs is appended."),
          Field("traces_endpoint", &Config::traces_endpoint, "Full URL, used as it is."),
          Field("metrics_endpoint", &Config::metrics_endpoint, "Full URL, used as it is."),
          Field("logs_endpoint", &Config::logs_endpoint, "Full URL, used as it is."),
          Field("profiles_endpoint", &Config::profiles_endpoint, "Read; there are no profiles."),
          Field("encoding", &Config::encoding,
                config::Enum<Encoding>({{"proto", Encoding::kProto}, {"json", Encoding::kJson}},
                                       {.refusal = "invalid encoding type"}),
                "proto or json."),
          config::Squash(&Config::client, endpoint::HttpClientTable()),
          config::Squash(&Config::delivery, sending::DeliveryTable()),
      },
      Check);
  return table;
}

}  // namespace gapless::exporter::otlp_http
