// service.admin: where the admin API listens. A key of gapless.
#pragma once

#include "config/fields.h"

#include <string>

namespace gapless::service {

struct AdminConfig {
  std::string endpoint = "localhost:13134";  // empty: no admin API
};

const config::Table<AdminConfig>& AdminTable();

}  // namespace gapless::service
