// Whom TLS trusts, by Go's rules (crypto/x509): every certificate of a pool is an anchor, also an
// intermediate or a leaf, and the system's pool is one of several files and all files of some
// directories. Internal to net/tls.
#pragma once

#include "base/status.h"

#include <string>
#include <string_view>

struct ssl_ctx_st;

namespace gapless::net {

// Adds every certificate of `pem` to whom `ctx` trusts, and with `client_ca` its subject to the
// list of accepted client CAs. Blocks that are no certificate are passed over. `source` names it in
// the error INVALID_ARGUMENT, if there is none.
Status AddTrust(ssl_ctx_st* ctx, const std::string& pem, bool client_ca, std::string_view source);

// Adds the system's pool: SSL_CERT_FILE or the first of Go's bundles that can be read, and every
// file in the directories of SSL_CERT_DIR or Go's. Read from the disk at most once a minute;
// thread-safe.
void AddSystemTrust(ssl_ctx_st* ctx);

// How Go verifies: anchors need not be self-signed, and the certificate's names are the alternative
// ones, with a wildcard for a whole label.
void VerifyAsGo(ssl_ctx_st* ctx);

// The text of a file of at most 16 MiB. Errors: INVALID_ARGUMENT "open x: No such file or
// directory".
Result<std::string> ReadPemFile(const std::string& path);

}  // namespace gapless::net
