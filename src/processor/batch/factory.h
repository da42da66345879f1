#pragma once

#include "queue/factory.h"

namespace gapless::processor::batch {

// The planner carries the processor out: journals merge what they send.
pipeline::ProcessorFactory Factory();
queue::MergingProcessor Merging();

}  // namespace gapless::processor::batch
