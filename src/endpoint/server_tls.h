// TLS settings of listening sections (configtls.ServerConfig).
#pragma once

#include "endpoint/tls.h"

#include <memory>
#include <string>
#include <vector>

namespace gapless::endpoint {

struct ServerTlsConfig {
  TlsConfig common;
  std::string client_ca_file;
  bool client_ca_file_reload = false;

  bool operator==(const ServerTlsConfig&) const = default;
};

const config::Table<ServerTlsConfig>& ServerTlsTable();

// Reads the files. `alpn` in order of preference. Precondition: `config` passed validation.
Result<std::shared_ptr<net::TlsServerContext>> MakeServerTls(const ServerTlsConfig& config,
                                                             std::vector<std::string> alpn);

}  // namespace gapless::endpoint
