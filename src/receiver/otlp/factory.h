#pragma once

#include "pipeline/factory.h"

namespace gapless::otlp_receiver {

pipeline::ReceiverFactory Factory();

}  // namespace gapless::otlp_receiver
