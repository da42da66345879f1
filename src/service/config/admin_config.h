// service.admin: where the admin API listens. A key of gapless.
#pragma once

#include "config/fields.h"

#include <string>
#include <vector>

namespace gapless::service {

struct AdminConfig {
  std::string endpoint = "localhost:13134";  // empty: no admin API
  std::vector<std::string> allowed_hosts;

  bool operator==(const AdminConfig&) const = default;
};

const config::Table<AdminConfig>& AdminTable();

}  // namespace gapless::service
