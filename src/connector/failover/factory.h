#pragma once

#include "delivery/factory.h"

namespace gapless::connector::failover {

delivery::ConnectorFactory Factory();

}  // namespace gapless::connector::failover
