#pragma once

#include "delivery/factory.h"

namespace gapless::exporter::nop {

delivery::ExporterFactory Factory();

}  // namespace gapless::exporter::nop
