#pragma once

#include "pipeline/factory.h"

namespace gapless::extension::health_check {

pipeline::ExtensionFactory Factory();

}  // namespace gapless::extension::health_check
