#include "exporter/otlp_grpc/config.h"

namespace gapless::exporter::otlp_grpc {

const config::Table<Config>& ConfigTable() {
  static const config::Table<Config> table = {
      config::Squash(&Config::client, endpoint::GrpcClientTable()),
      config::Squash(&Config::delivery, sending::DeliveryTable()),
  };
  return table;
}

}  // namespace gapless::exporter::otlp_grpc
