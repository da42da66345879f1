#pragma once

#include "delivery/factory.h"

namespace gapless::forward {

delivery::ConnectorFactory Factory();

}  // namespace gapless::forward
