#pragma once

#include "pipeline/factory.h"

namespace gapless::extension::zpages {

pipeline::ExtensionFactory Factory();

}  // namespace gapless::extension::zpages
