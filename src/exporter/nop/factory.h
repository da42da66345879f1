#pragma once

#include "queue/factory.h"

namespace gapless::exporter::nop {

queue::ExporterFactory Factory();

}  // namespace gapless::exporter::nop
