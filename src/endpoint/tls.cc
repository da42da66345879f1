#include "endpoint/tls.h"

#include "fmt/format.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace gapless::endpoint {
namespace {

using config::Checker;
using config::Field;
using config::Table;

void CheckTpm(const TpmConfig& tpm, Checker& checker) {
  if (tpm.enabled) {
    checker.Fail("enabled", "keys in a TPM are not supported");
  }
}

void CheckVersions(const TlsConfig& tls, Checker& checker) {
  const auto min = net::ParseTlsVersion(tls.min_version);
  const auto max = net::ParseTlsVersion(tls.max_version);
  if (!min.ok()) {
    checker.Fail(
        "min_version",
        fmt::format("invalid TLS min_version: unsupported TLS version: \"{}\"", tls.min_version));
  }
  if (!max.ok()) {
    checker.Fail(
        "max_version",
        fmt::format("invalid TLS max_version: unsupported TLS version: \"{}\"", tls.max_version));
  }
  if (min.ok() && max.ok() && *max != net::TlsVersion::kDefault) {
    // The default minimum is 1.2.
    const net::TlsVersion least = *min == net::TlsVersion::kDefault ? net::TlsVersion::k12 : *min;
    if (least > *max) {
      checker.Fail("min_version",
                   "invalid TLS configuration: min_version cannot be greater than max_version");
    }
  }
}

void CheckTls(const TlsConfig& tls, Checker& checker) {
  if (!tls.ca_file.empty() && !tls.ca_pem.empty()) {
    checker.Fail("ca_pem", "provide either a CA file or the PEM-encoded string, but not both");
  }
  const bool two_certs = !tls.cert_file.empty() && !tls.cert_pem.empty();
  const bool two_keys = !tls.key_file.empty() && !tls.key_pem.empty();
  if (two_certs) {
    checker.Fail("cert_pem",
                 "provide either a certificate file or the PEM-encoded string, but not both");
  }
  if (two_keys) {
    checker.Fail("key_pem", "provide either a key file or the PEM-encoded string, but not both");
  }
  const bool cert = !tls.cert_file.empty() || !tls.cert_pem.empty();
  const bool key = !tls.key_file.empty() || !tls.key_pem.empty();
  if (cert != key) {
    checker.Fail(cert ? "cert_file" : "key_file",
                 "TLS configuration must include both certificate and key (CertFile/CertPem and "
                 "KeyFile/KeyPem)");
  }
  CheckVersions(tls, checker);
  constexpr std::array<std::string_view, 5> kCurves = {"P256", "P384", "P521", "X25519",
                                                       "X25519MLKEM768"};
  for (const std::string& curve : tls.curve_preferences) {
    if (std::ranges::find(kCurves, curve) == kCurves.end()) {
      checker.Fail("curve_preferences", fmt::format("invalid curve type \"{}\"", curve));
    }
  }
}

}  // namespace

const Table<TlsConfig>& TlsTable() {
  static const Table<TpmConfig> tpm(
      {
          Field("enabled", &TpmConfig::enabled, "Not supported."),
          Field("path", &TpmConfig::path, "Device or socket of the TPM."),
          Field("owner_auth", &TpmConfig::owner_auth, "Password of the owner hierarchy."),
          Field("auth", &TpmConfig::auth, "Password of the key."),
      },
      CheckTpm);
  static const Table<TlsConfig> table(
      {
          Field("ca_file", &TlsConfig::ca_file,
                "CA certificates that the peer is verified with; empty: the system's."),
          Field("ca_pem", &TlsConfig::ca_pem, "The same inline."),
          Field("include_system_ca_certs_pool", &TlsConfig::include_system_ca_certs_pool,
                "Trust the system's CA certificates too."),
          Field("cert_file", &TlsConfig::cert_file, "Own certificate, with its chain."),
          Field("cert_pem", &TlsConfig::cert_pem, "The same inline."),
          Field("key_file", &TlsConfig::key_file, "Key of the certificate."),
          Field("key_pem", &TlsConfig::key_pem, "The same inline."),
          Field("min_version", &TlsConfig::min_version, "1.0, 1.1, 1.2 or 1.3; empty: 1.2."),
          Field("max_version", &TlsConfig::max_version, "Empty: no maximum."),
          Field("cipher_suites", &TlsConfig::cipher_suites,
                "IANA names, for TLS 1.2 and below; empty: a safe list."),
          Field("include_insecure_cipher_suites", &TlsConfig::include_insecure_cipher_suites,
                "Allow suites that are known to be weak."),
          Field("curve_preferences", &TlsConfig::curve_preferences,
                "P256, P384, P521, X25519, X25519MLKEM768; empty: all."),
          Field("reload_interval", &TlsConfig::reload_interval,
                "Read certificate and key again after so long; 0: never.")
              .Min(0),
          Field("tpm", &TlsConfig::tpm, tpm, "Key in a TPM."),
      },
      CheckTls);
  return table;
}

void Fill(const TlsConfig& config, net::TlsCommonOptions& options) {
  options.ca_file = config.ca_file;
  options.ca_pem = config.ca_pem.Reveal();
  options.include_system_ca_certs_pool = config.include_system_ca_certs_pool;
  options.cert_file = config.cert_file;
  options.cert_pem = config.cert_pem.Reveal();
  options.key_file = config.key_file;
  options.key_pem = config.key_pem.Reveal();
  const auto min = net::ParseTlsVersion(config.min_version);
  const auto max = net::ParseTlsVersion(config.max_version);
  options.min_version = min.ok() ? *min : net::TlsVersion::kDefault;
  options.max_version = max.ok() ? *max : net::TlsVersion::kDefault;
  options.cipher_suites = config.cipher_suites;
  options.include_insecure_cipher_suites = config.include_insecure_cipher_suites;
  options.curve_preferences = config.curve_preferences;
  options.reload_interval = config.reload_interval;
}

const Table<ClientTlsConfig>& ClientTlsTable() {
  static const Table<ClientTlsConfig> table = {
      Field("insecure", &ClientTlsConfig::insecure,
            "No TLS, unless a CA is given or the endpoint says https."),
      Field("insecure_skip_verify", &ClientTlsConfig::insecure_skip_verify,
            "TLS without verifying the peer."),
      Field("server_name_override", &ClientTlsConfig::server_name_override,
            "Name to ask for and to verify, instead of the host."),
      config::Squash(&ClientTlsConfig::common, TlsTable()),
  };
  return table;
}

Result<std::shared_ptr<net::TlsClientContext>> MakeClientTls(const ClientTlsConfig& config,
                                                             std::vector<std::string> alpn) {
  net::TlsClientOptions options;
  Fill(config.common, options);
  options.insecure_skip_verify = config.insecure_skip_verify;
  options.server_name_override = config.server_name_override;
  options.alpn = std::move(alpn);
  auto context = net::TlsClientContext::Create(std::move(options));
  if (!context.ok()) {
    return context.status().Annotate("failed to load TLS config");
  }
  return context;
}

}  // namespace gapless::endpoint
