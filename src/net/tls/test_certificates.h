// Throw-away certificates for tests: a CA, and leaf certificates signed by it, as PEM.
#pragma once

#include <memory>
#include <string>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

namespace gapless::net {

struct PemPair {
  std::string cert;
  std::string key;
};

class TestCa {
 public:
  TestCa() : key_(EVP_EC_gen("P-256"), EVP_PKEY_free), cert_(nullptr, X509_free) {
    cert_ = Make("test ca", key_.get(), nullptr, "", true);
  }

  // An intermediate CA.
  explicit TestCa(const TestCa& root)
      : key_(EVP_EC_gen("P-256"), EVP_PKEY_free), cert_(nullptr, X509_free) {
    cert_ = root.Make("test intermediate", key_.get(), root.cert_.get(), "", true);
  }

  std::string pem() const { return ToPem(cert_.get()); }

  // `alt_names` as in openssl.cnf: "DNS:localhost,IP:127.0.0.1".
  PemPair Issue(const std::string& common_name, const std::string& alt_names) const {
    KeyPtr key(EVP_EC_gen("P-256"), EVP_PKEY_free);
    CertPtr cert = Make(common_name, key.get(), cert_.get(), alt_names, false);
    BIO* bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    return {ToPem(cert.get()), Drain(bio)};
  }

 private:
  using KeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
  using CertPtr = std::unique_ptr<X509, decltype(&X509_free)>;

  CertPtr Make(const std::string& common_name, EVP_PKEY* key, X509* issuer,
               const std::string& alt_names, bool ca) const {
    CertPtr cert(X509_new(), X509_free);
    static int serial = 1;
    X509_set_version(cert.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert.get()), serial++);
    X509_gmtime_adj(X509_getm_notBefore(cert.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert.get()), 3600);
    X509_set_pubkey(cert.get(), key);
    X509_NAME* name = X509_get_subject_name(cert.get());
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1,
                               0);
    X509_set_issuer_name(cert.get(), issuer ? X509_get_subject_name(issuer) : name);
    AddExtension(cert.get(), NID_basic_constraints, ca ? "critical,CA:TRUE" : "CA:FALSE");
    if (!alt_names.empty()) {
      AddExtension(cert.get(), NID_subject_alt_name, alt_names);
    }
    X509_sign(cert.get(), key_.get(), EVP_sha256());
    return cert;
  }

  static void AddExtension(X509* cert, int nid, const std::string& value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
    X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
  }

  static std::string ToPem(X509* cert) {
    BIO* bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, cert);
    return Drain(bio);
  }

  static std::string Drain(BIO* bio) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    std::string text(data, static_cast<size_t>(size));
    BIO_free(bio);
    return text;
  }

  KeyPtr key_;
  CertPtr cert_;
};

}  // namespace gapless::net
