#pragma once

#include "delivery/factory.h"

namespace gapless::extension::file_storage {

delivery::StorageFactory Factory();

}  // namespace gapless::extension::file_storage
