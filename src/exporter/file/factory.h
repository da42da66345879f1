#pragma once

#include "queue/factory.h"

namespace gapless::exporter::file {

queue::ExporterFactory Factory();

}  // namespace gapless::exporter::file
