#pragma once

#include "queue/factory.h"

namespace gapless::extension::file_storage {

queue::StorageFactory Factory();

}  // namespace gapless::extension::file_storage
