// The row of otlp_http in the table of components.
#pragma once

#include "queue/factory.h"

namespace gapless::exporter::otlp_http {

queue::ExporterFactory Factory();

}  // namespace gapless::exporter::otlp_http
