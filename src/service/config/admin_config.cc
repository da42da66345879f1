#include "service/config/admin_config.h"

#include "net/loop/address.h"

namespace gapless::service {

const config::Table<AdminConfig>& AdminTable() {
  static const config::Table<AdminConfig> table(
      {config::Field("endpoint", &AdminConfig::endpoint,
                     "host:port of the admin API; empty: none. Whoever reaches it can operate the "
                     "failover."),
       config::Field("allowed_hosts", &AdminConfig::allowed_hosts,
                     "More names that the Host header may have; \"*\": all.")},
      [](const AdminConfig& admin, config::Checker& checker) {
        if (admin.endpoint.empty()) {
          return;
        }
        if (const auto parsed = net::HostPort::Parse(admin.endpoint); !parsed.ok()) {
          checker.Fail("endpoint", parsed.status().message());
        }
      });
  return table;
}

}  // namespace gapless::service
