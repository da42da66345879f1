// TLS settings and contexts. A context is built once from options, checked then, and shared by all
// workers.
//
// Contexts are thread-safe. Errors name the file or setting that is at fault. Certificate and key
// files are read again when a handshake comes later than `reload_interval` after the last reading;
// a reload that fails keeps the old pair.
#pragma once

#include "base/status.h"

#include <memory>
#include <string>
#include <vector>

struct ssl_st;

namespace gapless::net {

enum class TlsVersion : uint8_t { kDefault, k10, k11, k12, k13 };

// "1.0" … "1.3"; empty: kDefault (minimum 1.2, no maximum).
Result<TlsVersion> ParseTlsVersion(std::string_view text);

struct TlsCommonOptions {
  // The file and PEM forms exclude each other.
  std::string ca_file;
  std::string ca_pem;
  bool include_system_ca_certs_pool = false;
  std::string cert_file;
  std::string cert_pem;
  std::string key_file;
  std::string key_pem;
  TlsVersion min_version = TlsVersion::kDefault;
  TlsVersion max_version = TlsVersion::kDefault;
  // IANA names ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"), for TLS 1.2 and below; empty: a safe
  // list.
  std::vector<std::string> cipher_suites;
  // Allow the suites that Go lists as insecure (CBC-SHA256, RC4, 3DES).
  bool include_insecure_cipher_suites = false;
  // "P256", "P384", "P521", "X25519"; empty: all.
  std::vector<std::string> curve_preferences;
  // Zero: never.
  Duration reload_interval = {};
};

struct TlsServerOptions : TlsCommonOptions {
  // Turns on mutual TLS: a client certificate signed by these is required.
  std::string client_ca_file;
  // Watch client_ca_file: read it again when it changed.
  bool client_ca_file_reload = false;
  // In order of preference, for example {"h2", "http/1.1"}.
  std::vector<std::string> alpn;
};

struct TlsClientOptions : TlsCommonOptions {
  bool insecure_skip_verify = false;
  // SNI and verified name instead of the host that is dialled.
  std::string server_name_override;
  std::vector<std::string> alpn;
};

class TlsContextImpl;

class TlsServerContext {
 public:
  static Result<std::shared_ptr<TlsServerContext>> Create(TlsServerOptions options);
  ~TlsServerContext();
  // A new connection object; the caller frees it. May re-read files. Null only if memory is out.
  ssl_st* NewSession();

 private:
  TlsServerContext();
  std::unique_ptr<TlsContextImpl> impl_;
};

class TlsClientContext {
 public:
  static Result<std::shared_ptr<TlsClientContext>> Create(TlsClientOptions options);
  ~TlsClientContext();
  // Prepared to verify `server_name` (or the override).
  ssl_st* NewSession(const std::string& server_name);

 private:
  TlsClientContext();
  std::unique_ptr<TlsContextImpl> impl_;
};

}  // namespace gapless::net
