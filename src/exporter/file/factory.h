#pragma once

#include "delivery/factory.h"

namespace gapless::exporter::file {

delivery::ExporterFactory Factory();

}  // namespace gapless::exporter::file
