#pragma once

#include "delivery/factory.h"

namespace gapless::processor::queuebatch {

// The planner carries the processor out: journals merge what they send.
pipeline::ProcessorFactory Factory();
delivery::MergingProcessor Merging();

}  // namespace gapless::processor::queuebatch
