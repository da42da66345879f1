#include "net/tls/trust.h"

#include "base/mutex.h"
#include "net/loop/address.h"
#include "net/tls/openssl_ptr.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include <dirent.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>

namespace gapless::net {
namespace {

using Certificates = std::vector<X509Ptr>;

constexpr size_t kMaxPemBytes = 16 * 1024 * 1024;
constexpr auto kSystemPoolAge = std::chrono::minutes(1);

// crypto/x509/root_linux.go.
constexpr std::array<const char*, 6> kBundles = {
    "/etc/ssl/certs/ca-certificates.crt",                 // Debian, Ubuntu, Gentoo
    "/etc/pki/tls/certs/ca-bundle.crt",                   // Fedora, RHEL 6
    "/etc/ssl/ca-bundle.pem",                             // openSUSE
    "/etc/pki/tls/cacert.pem",                            // OpenELEC
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // RHEL 7
    "/etc/ssl/cert.pem",                                  // Alpine
};
constexpr std::array<const char*, 2> kDirectories = {"/etc/ssl/certs", "/etc/pki/tls/certs"};

// One that cannot be read does not hide those behind it.
void AppendCertificates(const std::string& pem, Certificates& out) {
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  while (true) {
    char* name = nullptr;
    char* header = nullptr;
    unsigned char* data = nullptr;
    long size = 0;
    if (PEM_read_bio(bio.get(), &name, &header, &data, &size) != 1) {
      const unsigned long error = ERR_peek_last_error();
      ERR_clear_error();
      if (ERR_GET_REASON(error) == PEM_R_NO_START_LINE || BIO_eof(bio.get()) != 0) {
        return;
      }
      continue;
    }
    if (std::string_view(name) == PEM_STRING_X509 && *header == '\0') {
      const unsigned char* at = data;
      if (X509Ptr certificate{d2i_X509(nullptr, &at, size)}) {
        out.push_back(std::move(certificate));
      }
      ERR_clear_error();
    }
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(data);
  }
}

bool AppendFile(const std::string& path, Certificates& out) {
  const auto text = ReadPemFile(path);
  if (text.ok()) {
    AppendCertificates(*text, out);
  }
  return text.ok();
}

// A link to another name in the same directory (a hashed name of OpenSSL's) says nothing new.
bool IsSecondName(const std::string& path) {
  std::array<char, 256> target{};
  const ssize_t size = readlink(path.c_str(), target.data(), target.size());
  return size > 0 && !std::string_view(target.data(), static_cast<size_t>(size)).contains('/');
}

void AppendDirectory(const std::string& directory, Certificates& out) {
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(directory.c_str()), closedir);
  while (const dirent* entry = dir ? readdir(dir.get()) : nullptr) {
    const std::string path = directory + "/" + entry->d_name;
    if (entry->d_type != DT_DIR && !IsSecondName(path)) {
      AppendFile(path, out);
    }
  }
}

std::vector<std::string> Split(std::string_view list, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const size_t end = std::min(list.find(separator), list.size());
    parts.emplace_back(list.substr(0, end));
    if (end == list.size()) {
      return parts;
    }
    list.remove_prefix(end + 1);
  }
}

struct Places {
  std::vector<std::string> files;
  std::vector<std::string> directories;
  bool operator==(const Places&) const = default;
};

Places SystemPlaces() {
  Places places{.files = {kBundles.begin(), kBundles.end()},
                .directories = {kDirectories.begin(), kDirectories.end()}};
  if (const char* file = std::getenv("SSL_CERT_FILE"); file != nullptr && *file != '\0') {
    places.files = {file};
  }
  if (const char* list = std::getenv("SSL_CERT_DIR"); list != nullptr && *list != '\0') {
    places.directories = Split(list, ':');
  }
  return places;
}

class SystemPool {
 public:
  static SystemPool& Process() {
    static auto* pool = new SystemPool();
    return *pool;
  }

  void AddTo(X509_STORE* store) {
    const Places places = SystemPlaces();
    MutexLock lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    if (certificates_.empty() || places != places_ || now - read_ >= kSystemPoolAge) {
      Read(places);
      read_ = now;
    }
    for (const X509Ptr& certificate : certificates_) {
      X509_STORE_add_cert(store, certificate.get());
    }
    ERR_clear_error();
  }

 private:
  void Read(const Places& places) GAPLESS_REQUIRES(mutex_) {
    certificates_.clear();
    places_ = places;
    for (const std::string& file : places.files) {
      if (AppendFile(file, certificates_)) {
        break;
      }
    }
    for (const std::string& directory : places.directories) {
      AppendDirectory(directory, certificates_);
    }
  }

  Mutex mutex_;
  Places places_ GAPLESS_GUARDED_BY(mutex_);
  Certificates certificates_ GAPLESS_GUARDED_BY(mutex_);
  std::chrono::steady_clock::time_point read_ GAPLESS_GUARDED_BY(mutex_);
};

}  // namespace

Result<std::string> ReadPemFile(const std::string& path) {
  std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "rbe"), std::fclose);
  if (!file) {
    return InvalidArgument(fmt::format("open {}: {}", path, ErrorText(errno)));
  }
  std::string text;
  std::array<char, 4096> chunk;
  while (size_t got = std::fread(chunk.data(), 1, chunk.size(), file.get())) {
    text.append(chunk.data(), got);
    if (text.size() > kMaxPemBytes) {
      return InvalidArgument(fmt::format("read {}: file is too large", path));
    }
  }
  if (std::ferror(file.get())) {
    return InvalidArgument(fmt::format("read {}: input/output error", path));
  }
  return text;
}

Status AddTrust(SSL_CTX* ctx, const std::string& pem, bool client_ca, std::string_view source) {
  Certificates certificates;
  AppendCertificates(pem, certificates);
  if (certificates.empty()) {
    return InvalidArgument(
        fmt::format("failed to parse cert {}: no PEM certificate found", source));
  }
  for (const X509Ptr& certificate : certificates) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), certificate.get());
    if (client_ca) {
      SSL_CTX_add_client_CA(ctx, certificate.get());
    }
  }
  ERR_clear_error();
  return {};
}

void AddSystemTrust(SSL_CTX* ctx) { SystemPool::Process().AddTo(SSL_CTX_get_cert_store(ctx)); }

void VerifyAsGo(SSL_CTX* ctx) {
  X509_VERIFY_PARAM* param = SSL_CTX_get0_param(ctx);
  X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
  X509_VERIFY_PARAM_set_hostflags(
      param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
}

}  // namespace gapless::net
