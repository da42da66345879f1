// TLS settings as the Collector writes them (configtls), and the net options made of them. Client
// and server sections share TlsConfig; the server's own keys are in server_tls.h.
#pragma once

#include "config/fields.h"
#include "net/tls/tls.h"

#include <memory>
#include <string>
#include <vector>

namespace gapless::endpoint {

// A key in a TPM: read, and refused when enabled.
struct TpmConfig {
  bool enabled = false;
  std::string path;
  config::Secret owner_auth;
  config::Secret auth;

  bool operator==(const TpmConfig&) const = default;
};

struct TlsConfig {
  std::string ca_file;
  config::Secret ca_pem;
  bool include_system_ca_certs_pool = false;
  std::string cert_file;
  config::Secret cert_pem;
  std::string key_file;
  config::Secret key_pem;
  std::string min_version;
  std::string max_version;
  std::vector<std::string> cipher_suites;
  bool include_insecure_cipher_suites = false;
  std::vector<std::string> curve_preferences;
  Duration reload_interval = {};
  TpmConfig tpm;

  bool has_ca() const { return !ca_file.empty() || !ca_pem.empty(); }
  bool operator==(const TlsConfig&) const = default;
};

// Checks what can be checked without reading files.
const config::Table<TlsConfig>& TlsTable();

// Fills the part of `options` that both sides share. Precondition: `config` passed validation.
void Fill(const TlsConfig& config, net::TlsCommonOptions& options);

struct ClientTlsConfig {
  bool insecure = false;
  bool insecure_skip_verify = false;
  std::string server_name_override;
  TlsConfig common;

  // `insecure: true` means plaintext only where no CA is given (as upstream).
  bool plaintext() const { return insecure && !common.has_ca(); }
  bool operator==(const ClientTlsConfig&) const = default;
};

const config::Table<ClientTlsConfig>& ClientTlsTable();

// Reads the files. `alpn` in order of preference.
Result<std::shared_ptr<net::TlsClientContext>> MakeClientTls(const ClientTlsConfig& config,
                                                             std::vector<std::string> alpn);

}  // namespace gapless::endpoint
