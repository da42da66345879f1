#include "net/tls/tls.h"

#include "base/mutex.h"
#include "fmt/format.h"
#include "net/loop/address.h"
#include "net/tls/openssl_ptr.h"
#include "net/tls/trust.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <optional>
#include <utility>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

namespace gapless::net {
namespace {

constexpr const char* kSafeCiphers =
    "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:"
    "ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA";
// As in Go's crypto/tls.InsecureCipherSuites.
constexpr std::array kInsecureSuites = std::to_array<std::string_view>(
    {"TLS_RSA_WITH_RC4_128_SHA", "TLS_RSA_WITH_3DES_EDE_CBC_SHA", "TLS_RSA_WITH_AES_128_CBC_SHA",
     "TLS_RSA_WITH_AES_256_CBC_SHA", "TLS_RSA_WITH_AES_128_CBC_SHA256",
     "TLS_RSA_WITH_AES_128_GCM_SHA256", "TLS_RSA_WITH_AES_256_GCM_SHA384",
     "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA", "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
     "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA", "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
     "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"});
// A changed client CA file is looked for at most this often.
constexpr auto kStatInterval = std::chrono::seconds(1);

std::string LastSslError() {
  const unsigned long error = ERR_get_error();
  ERR_clear_error();
  const char* reason = error ? ERR_reason_error_string(error) : nullptr;
  return reason ? reason : "unknown TLS error";
}

// The text of a file or of an inline PEM; nullopt if neither is set. `what` names the setting in
// errors.
Result<std::optional<std::string>> LoadPem(const std::string& file, const std::string& pem,
                                           std::string_view what) {
  if (!file.empty() && !pem.empty()) {
    return InvalidArgument(
        fmt::format("{}: provide either the file or the PEM-encoded string, but not both", what));
  }
  if (!pem.empty()) {
    return std::optional<std::string>(pem);
  }
  if (file.empty()) {
    return std::optional<std::string>();
  }
  ASSIGN_OR_RETURN(std::string text, ReadPemFile(file));
  return std::optional<std::string>(std::move(text));
}

BioPtr MemoryBio(const std::string& text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

int NoPassword(char*, int, int, void*) { return 0; }

std::string SourceName(const std::string& file, std::string_view setting) {
  return file.empty() ? fmt::format("given as {}", setting) : file;
}

Status UseCertificate(SSL_CTX* ctx, const std::string& pem, const std::string& source) {
  BioPtr bio = MemoryBio(pem);
  X509Ptr leaf(PEM_read_bio_X509_AUX(bio.get(), nullptr, NoPassword, nullptr));
  if (!leaf || SSL_CTX_use_certificate(ctx, leaf.get()) != 1) {
    return InvalidArgument(fmt::format("failed to load TLS cert {}: {}", source, LastSslError()));
  }
  while (X509* chain = PEM_read_bio_X509(bio.get(), nullptr, NoPassword, nullptr)) {
    // add0 takes the certificate over.
    if (SSL_CTX_add0_chain_cert(ctx, chain) != 1) {
      X509_free(chain);
      return InvalidArgument(fmt::format("failed to load TLS cert {}: {}", source, LastSslError()));
    }
  }
  ERR_clear_error();
  return {};
}

Status UseKeyPair(SSL_CTX* ctx, const TlsCommonOptions& options, bool required) {
  ASSIGN_OR_RETURN(std::optional<std::string> cert,
                   LoadPem(options.cert_file, options.cert_pem, "failed to load TLS cert"));
  ASSIGN_OR_RETURN(std::optional<std::string> key,
                   LoadPem(options.key_file, options.key_pem, "failed to load TLS key"));
  if (!cert && !key && !required) {
    return {};
  }
  if (!cert || !key) {
    return InvalidArgument(
        required && !cert && !key
            ? "TLS configuration must include both certificate and key for server connections"
            : "for auth via TLS, provide both certificate and key, or neither");
  }
  RETURN_IF_ERROR(UseCertificate(ctx, *cert, SourceName(options.cert_file, "cert_pem")));
  BioPtr bio = MemoryBio(*key);
  KeyPtr private_key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassword, nullptr));
  const std::string source = SourceName(options.key_file, "key_pem");
  if (!private_key) {
    return InvalidArgument(fmt::format("failed to load TLS key {}: {}", source, LastSslError()));
  }
  if (SSL_CTX_use_PrivateKey(ctx, private_key.get()) != 1 || SSL_CTX_check_private_key(ctx) != 1) {
    return InvalidArgument(fmt::format("TLS key {} does not belong to certificate {}", source,
                                       SourceName(options.cert_file, "cert_pem")));
  }
  return {};
}

int ProtocolNumber(TlsVersion version, int fallback) {
  switch (version) {
    case TlsVersion::kDefault:
      return fallback;
    case TlsVersion::k10:
      return TLS1_VERSION;
    case TlsVersion::k11:
      return TLS1_1_VERSION;
    case TlsVersion::k12:
      return TLS1_2_VERSION;
    case TlsVersion::k13:
      return TLS1_3_VERSION;
  }
  return fallback;
}

Status SetCiphers(SSL_CTX* ctx, const TlsCommonOptions& options, bool legacy) {
  std::string list;
  for (const std::string& suite : options.cipher_suites) {
    const char* name = OPENSSL_cipher_name(suite.c_str());
    const bool known = name && std::string_view(name) != "(NONE)";
    const bool insecure = std::ranges::find(kInsecureSuites, suite) != kInsecureSuites.end();
    if (!known || (insecure && !options.include_insecure_cipher_suites)) {
      return InvalidArgument(fmt::format("invalid TLS cipher suite: \"{}\"", suite));
    }
    // The suites of TLS 1.3 are always on.
    if (std::string_view(name) != suite) {
      list += (list.empty() ? "" : ":") + std::string(name);
    }
  }
  if (list.empty()) {
    list = kSafeCiphers;
  }
  // Debian's default security level forbids TLS 1.0 and 1.1 altogether, and RSA keys of 1024 bits,
  // which Go takes.
  list += legacy ? ":@SECLEVEL=0" : ":@SECLEVEL=1";
  if (SSL_CTX_set_cipher_list(ctx, list.c_str()) != 1) {
    return InvalidArgument(fmt::format("TLS cipher suites: {}", LastSslError()));
  }
  return {};
}

Status SetCurves(SSL_CTX* ctx, const TlsCommonOptions& options) {
  std::string list;
  for (const std::string& curve : options.curve_preferences) {
    if (curve == "X25519MLKEM768") {
      continue;  // a hybrid that OpenSSL 3.0 does not have; peers offer others beside it
    }
    if (curve != "P256" && curve != "P384" && curve != "P521" && curve != "X25519") {
      return InvalidArgument(fmt::format(
          "invalid curve type \"{}\". Expected values are [P-256, P-384, P-521, X25519, "
          "X25519MLKEM768]",
          curve));
    }
    const std::string name = curve == "X25519" ? curve : "P-" + curve.substr(1);
    list += (list.empty() ? "" : ":") + name;
  }
  if (list.empty()) {
    return options.curve_preferences.empty()
               ? OkStatus()
               : InvalidArgument(
                     "curve_preferences: X25519MLKEM768 is not available here and "
                     "nothing else is listed");
  }
  if (SSL_CTX_set1_groups_list(ctx, list.c_str()) != 1) {
    return InvalidArgument(fmt::format("TLS curves: {}", LastSslError()));
  }
  return {};
}

Result<CtxPtr> BuildCommon(const TlsCommonOptions& options, const SSL_METHOD* method) {
  ERR_clear_error();
  CtxPtr ctx(SSL_CTX_new(method));
  GAPLESS_CHECK(ctx != nullptr);
  const int min_version = ProtocolNumber(options.min_version, TLS1_2_VERSION);
  const int max_version = ProtocolNumber(options.max_version, 0);
  if (max_version != 0 && min_version > max_version) {
    return InvalidArgument(
        "invalid TLS configuration: min_version cannot be greater than max_version");
  }
  SSL_CTX_set_min_proto_version(ctx.get(), min_version);
  SSL_CTX_set_max_proto_version(ctx.get(), max_version);
  SSL_CTX_set_options(ctx.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(ctx.get(), SSL_MODE_RELEASE_BUFFERS);
  VerifyAsGo(ctx.get());
  SSL_CTX_set_session_cache_mode(ctx.get(), SSL_SESS_CACHE_OFF);
  RETURN_IF_ERROR(SetCiphers(ctx.get(), options, min_version < TLS1_2_VERSION));
  RETURN_IF_ERROR(SetCurves(ctx.get(), options));
  return ctx;
}

Status TrustCommon(SSL_CTX* ctx, const TlsCommonOptions& options) {
  ASSIGN_OR_RETURN(std::optional<std::string> ca,
                   LoadPem(options.ca_file, options.ca_pem, "failed to load CA CertPool"));
  if (ca) {
    RETURN_IF_ERROR(AddTrust(ctx, *ca, false, SourceName(options.ca_file, "ca_pem")));
  }
  if (!ca || options.include_system_ca_certs_pool) {
    AddSystemTrust(ctx);
  }
  return {};
}

// Length-prefixed names, as ALPN has them on the wire (RFC 7301).
std::string AlpnWire(const std::vector<std::string>& names) {
  std::string wire;
  for (const std::string& name : names) {
    wire += static_cast<char>(name.size());
    wire += name;
  }
  return wire;
}

int SelectAlpn(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
               unsigned in_size, void* arg) {
  const auto& ours = *static_cast<const std::string*>(arg);
  unsigned char* selected = nullptr;
  if (SSL_select_next_proto(
          &selected, out_size, reinterpret_cast<const unsigned char*>(ours.data()),
          static_cast<unsigned>(ours.size()), in, in_size) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = selected;
  return SSL_TLSEXT_ERR_OK;
}

std::pair<int64_t, int64_t> FileStamp(const std::string& path) {
  struct stat info{};
  if (path.empty() || stat(path.c_str(), &info) != 0) {
    return {};
  }
  return {info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec, info.st_size};
}

}  // namespace

Result<TlsVersion> ParseTlsVersion(std::string_view text) {
  if (text.empty()) {
    return TlsVersion::kDefault;
  }
  constexpr std::array<std::pair<std::string_view, TlsVersion>, 4> kVersions = {
      {{"1.0", TlsVersion::k10},
       {"1.1", TlsVersion::k11},
       {"1.2", TlsVersion::k12},
       {"1.3", TlsVersion::k13}}};
  for (const auto& [name, version] : kVersions) {
    if (name == text) {
      return version;
    }
  }
  return InvalidArgument(fmt::format("unsupported TLS version: \"{}\"", text));
}

// The current SSL_CTX and when to build it anew. `Build` is called again with the same options.
class TlsContextImpl {
 public:
  using Build = Result<CtxPtr> (TlsContextImpl::*)() const;
  using Clock = std::chrono::steady_clock;

  TlsContextImpl(TlsServerOptions options)
      : server_(std::move(options)),
        alpn_(AlpnWire(server_.alpn)),
        build_(&TlsContextImpl::BuildServer) {}
  TlsContextImpl(TlsClientOptions options)
      : client_(std::move(options)),
        alpn_(AlpnWire(client_.alpn)),
        build_(&TlsContextImpl::BuildClient) {}

  Status Load() {
    ASSIGN_OR_RETURN(CtxPtr ctx, (this->*build_)());
    MutexLock lock(mutex_);
    ctx_ = std::move(ctx);
    loaded_ = checked_ = Clock::now();
    ca_stamp_ = FileStamp(server_.client_ca_file);
    return {};
  }

  SSL* NewSession() {
    if (NeedsReload() && !Load().ok()) {
      MutexLock lock(mutex_);
      loaded_ = Clock::now();  // the old pair stays; the next attempt comes after another interval
    }
    MutexLock lock(mutex_);
    return SSL_new(ctx_.get());
  }

  const TlsClientOptions& client() const { return client_; }

 private:
  Result<CtxPtr> BuildServer() const {
    ASSIGN_OR_RETURN(CtxPtr ctx, BuildCommon(server_, TLS_server_method()));
    RETURN_IF_ERROR(UseKeyPair(ctx.get(), server_, true));
    static constexpr unsigned char kSessionContext[] = "gapless";
    SSL_CTX_set_session_id_context(ctx.get(), kSessionContext, sizeof(kSessionContext) - 1);
    if (!server_.client_ca_file.empty()) {
      ASSIGN_OR_RETURN(std::string pem, ReadPemFile(server_.client_ca_file));
      RETURN_IF_ERROR(AddTrust(ctx.get(), pem, true, server_.client_ca_file));
      SSL_CTX_set_verify(ctx.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    }
    if (!alpn_.empty()) {
      // The callback only reads; alpn_ lives as long as every session's context.
      SSL_CTX_set_alpn_select_cb(ctx.get(), SelectAlpn, const_cast<std::string*>(&alpn_));
    }
    SSL_CTX_set_options(ctx.get(), SSL_OP_CIPHER_SERVER_PREFERENCE);
    return ctx;
  }

  Result<CtxPtr> BuildClient() const {
    ASSIGN_OR_RETURN(CtxPtr ctx, BuildCommon(client_, TLS_client_method()));
    RETURN_IF_ERROR(TrustCommon(ctx.get(), client_));
    RETURN_IF_ERROR(UseKeyPair(ctx.get(), client_, false));
    SSL_CTX_set_verify(ctx.get(), client_.insecure_skip_verify ? SSL_VERIFY_NONE : SSL_VERIFY_PEER,
                       nullptr);
    if (!alpn_.empty()) {
      SSL_CTX_set_alpn_protos(ctx.get(), reinterpret_cast<const unsigned char*>(alpn_.data()),
                              static_cast<unsigned>(alpn_.size()));
    }
    return ctx;
  }

  bool NeedsReload() {
    const Duration interval = std::max(server_.reload_interval, client_.reload_interval);
    const auto now = Clock::now();
    MutexLock lock(mutex_);
    if (interval > Duration::zero() && now - loaded_ >= interval) {
      loaded_ = now;  // other threads go on with the old pair meanwhile
      return true;
    }
    if (server_.client_ca_file_reload && now - checked_ >= kStatInterval) {
      checked_ = now;
      return FileStamp(server_.client_ca_file) != ca_stamp_;
    }
    return false;
  }

  const TlsServerOptions server_;
  const TlsClientOptions client_;
  const std::string alpn_;
  const Build build_;
  Mutex mutex_;
  CtxPtr ctx_ GAPLESS_GUARDED_BY(mutex_);
  Clock::time_point loaded_ GAPLESS_GUARDED_BY(mutex_);
  Clock::time_point checked_ GAPLESS_GUARDED_BY(mutex_);
  std::pair<int64_t, int64_t> ca_stamp_ GAPLESS_GUARDED_BY(mutex_);
};

TlsServerContext::TlsServerContext() = default;
TlsServerContext::~TlsServerContext() = default;
TlsClientContext::TlsClientContext() = default;
TlsClientContext::~TlsClientContext() = default;

Result<std::shared_ptr<TlsServerContext>> TlsServerContext::Create(TlsServerOptions options) {
  std::shared_ptr<TlsServerContext> context(new TlsServerContext());
  context->impl_ = std::make_unique<TlsContextImpl>(std::move(options));
  RETURN_IF_ERROR(context->impl_->Load().Annotate("failed to load TLS config"));
  return context;
}

ssl_st* TlsServerContext::NewSession() {
  SSL* ssl = impl_->NewSession();
  if (ssl) {
    SSL_set_accept_state(ssl);
  }
  return ssl;
}

Result<std::shared_ptr<TlsClientContext>> TlsClientContext::Create(TlsClientOptions options) {
  std::shared_ptr<TlsClientContext> context(new TlsClientContext());
  context->impl_ = std::make_unique<TlsContextImpl>(std::move(options));
  RETURN_IF_ERROR(context->impl_->Load().Annotate("failed to load TLS config"));
  return context;
}

ssl_st* TlsClientContext::NewSession(const std::string& server_name) {
  SSL* ssl = impl_->NewSession();
  if (!ssl) {
    return nullptr;
  }
  SSL_set_connect_state(ssl);
  const TlsClientOptions& options = impl_->client();
  const std::string& name =
      options.server_name_override.empty() ? server_name : options.server_name_override;
  if (name.empty()) {
    return ssl;
  }
  if (SocketAddress::FromNumeric(name, 0)) {
    // Addresses are verified but never sent as SNI (RFC 6066).
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.c_str());
  } else {
    // What SSL_set_tlsext_host_name expands to; the macro casts in the old style.
    SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
             const_cast<char*>(name.c_str()));
    SSL_set1_host(ssl, name.c_str());
  }
  return ssl;
}

}  // namespace gapless::net
