#pragma once

#include "pipeline/factory.h"

namespace gapless::extension::pprof {

pipeline::ExtensionFactory Factory();

}  // namespace gapless::extension::pprof
