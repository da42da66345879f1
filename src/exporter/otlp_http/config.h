// Settings of the otlp_http exporter; keys and defaults are upstream's.
#pragma once

#include "config/fields.h"
#include "endpoint/client.h"
#include "otlp/signal.h"
#include "sending/settings_tables.h"

#include <string>

namespace gapless::exporter::otlp_http {

enum class Encoding : uint8_t { kProto, kJson };

struct Config {
  std::string endpoint;
  std::string traces_endpoint;
  std::string metrics_endpoint;
  std::string logs_endpoint;
  std::string profiles_endpoint;
  Encoding encoding = Encoding::kProto;
  endpoint::HttpClientConfig client;
  sending::DeliveryConfig delivery = {.timeout = std::chrono::seconds(30)};

  // The URL for a signal: its own as it is, else the base with the standard path; empty: none.
  std::string UrlFor(otlp::Signal signal) const;
  // Error: there is none.
  Status CheckSignal(otlp::Signal signal) const;
};

const config::Table<Config>& ConfigTable();

}  // namespace gapless::exporter::otlp_http
