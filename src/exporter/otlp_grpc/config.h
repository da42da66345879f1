// Settings of the otlp_grpc exporter; keys and defaults are upstream's.
#pragma once

#include "config/fields.h"
#include "endpoint/client.h"
#include "sending/settings_tables.h"

namespace gapless::exporter::otlp_grpc {

struct Config {
  endpoint::GrpcClientConfig client;
  sending::DeliveryConfig delivery;
};

const config::Table<Config>& ConfigTable();

}  // namespace gapless::exporter::otlp_grpc
