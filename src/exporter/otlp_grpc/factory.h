// The row of otlp_grpc in the table of components.
#pragma once

#include "delivery/factory.h"

namespace gapless::exporter::otlp_grpc {

delivery::ExporterFactory Factory();

}  // namespace gapless::exporter::otlp_grpc
