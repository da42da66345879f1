// Settings of the otlp_grpc exporter; keys and defaults are upstream's.
#pragma once

#include "config/fields.h"
#include "delivery/settings_tables.h"
#include "endpoint/client.h"

namespace gapless::exporter::otlp_grpc {

struct Config {
  endpoint::GrpcClientConfig client;
  delivery::DeliveryConfig delivery;
};

const config::Table<Config>& ConfigTable();

}  // namespace gapless::exporter::otlp_grpc
