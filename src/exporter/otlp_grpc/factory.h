// The row of otlp_grpc in the table of components.
#pragma once

#include "queue/factory.h"

namespace gapless::exporter::otlp_grpc {

queue::ExporterFactory Factory();

}  // namespace gapless::exporter::otlp_grpc
