#pragma once

#include "delivery/factory.h"

namespace gapless::exporter::debug {

delivery::ExporterFactory Factory();

}  // namespace gapless::exporter::debug
