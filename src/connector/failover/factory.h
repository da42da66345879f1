#pragma once

#include "delivery/factory.h"

namespace gapless::failover {

delivery::ConnectorFactory Factory();

}  // namespace gapless::failover
