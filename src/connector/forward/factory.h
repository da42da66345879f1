#pragma once

#include "delivery/factory.h"

namespace gapless::connector::forward {

delivery::ConnectorFactory Factory();

}  // namespace gapless::connector::forward
