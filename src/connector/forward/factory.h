#pragma once

#include "queue/factory.h"

namespace gapless::connector::forward {

queue::ConnectorFactory Factory();

}  // namespace gapless::connector::forward
