#pragma once

#include "service/config/factories.h"

namespace gapless::cli {

// The one table of what this binary contains. A new component is a new folder and a line here.
service::Factories Components();

}  // namespace gapless::cli
