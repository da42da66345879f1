#pragma once

#include "pipeline/factory.h"

namespace gapless::processor::attributes {

// `attributes`: those of spans, data points and log records.
pipeline::ProcessorFactory Factory();
// `resource`: those of resources.
pipeline::ProcessorFactory ResourceFactory();

}  // namespace gapless::processor::attributes
