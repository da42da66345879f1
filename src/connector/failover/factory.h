#pragma once

#include "queue/factory.h"

namespace gapless::connector::failover {

queue::ConnectorFactory Factory();

}  // namespace gapless::connector::failover
