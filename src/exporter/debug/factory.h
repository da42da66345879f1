#pragma once

#include "queue/factory.h"

namespace gapless::exporter::debug {

queue::ExporterFactory Factory();

}  // namespace gapless::exporter::debug
