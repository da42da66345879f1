#include "endpoint/server_tls.h"

namespace gapless::endpoint {
namespace {

using config::Field;

void CheckServerTls(const ServerTlsConfig& tls, config::Checker& checker) {
  const bool cert = !tls.common.cert_file.empty() || !tls.common.cert_pem.empty();
  const bool key = !tls.common.key_file.empty() || !tls.common.key_pem.empty();
  if (!cert && !key) {
    checker.Fail("cert_file",
                 "TLS configuration must include both certificate and key for server connections");
  }
}

}  // namespace

const config::Table<ServerTlsConfig>& ServerTlsTable() {
  static const config::Table<ServerTlsConfig> table(
      {
          config::Squash(&ServerTlsConfig::common, TlsTable()),
          Field("client_ca_file", &ServerTlsConfig::client_ca_file,
                "Require client certificates signed by these CAs (mutual TLS)."),
          Field("client_ca_file_reload", &ServerTlsConfig::client_ca_file_reload,
                "Read client_ca_file again when it changes."),
      },
      CheckServerTls);
  return table;
}

Result<std::shared_ptr<net::TlsServerContext>> MakeServerTls(const ServerTlsConfig& config,
                                                             std::vector<std::string> alpn) {
  net::TlsServerOptions options;
  Fill(config.common, options);
  options.client_ca_file = config.client_ca_file;
  options.client_ca_file_reload = config.client_ca_file_reload;
  options.alpn = std::move(alpn);
  return net::TlsServerContext::Create(std::move(options));
}

}  // namespace gapless::endpoint
