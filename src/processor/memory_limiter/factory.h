#pragma once

#include "pipeline/factory.h"

namespace gapless::processor::memory_limiter {

pipeline::ProcessorFactory Factory();

}  // namespace gapless::processor::memory_limiter
