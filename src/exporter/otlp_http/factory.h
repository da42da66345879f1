// The row of otlp_http in the table of components.
#pragma once

#include "delivery/factory.h"

namespace gapless::exporter::otlp_http {

delivery::ExporterFactory Factory();

}  // namespace gapless::exporter::otlp_http
