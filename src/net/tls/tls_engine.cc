#include "net/tls/tls_engine.h"

#include "fmt/format.h"
#include "net/loop/thread_slab.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

namespace gapless::net {
namespace {

constexpr size_t kRecordBytes = 16 * 1024;
constexpr size_t kCipherSlab = 128 * 1024;
constexpr size_t kPlainSlab = 128 * 1024;
// SSL_read needs room for a whole record, or it comes in two pieces.
constexpr size_t kMinPlainRoom = kRecordBytes;
// Enough to tell HTTP from a TLS record.
constexpr size_t kFirstBytes = 5;
// As Go's net/http says it.
constexpr std::string_view kPlainHttpAnswer =
    "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

// The methods of HTTP/1, and the preface of HTTP/2.
bool LooksLikePlainHttp(std::string_view bytes) {
  constexpr std::array kBegins = std::to_array<std::string_view>(
      {"GET /", "HEAD ", "POST ", "PUT /", "OPTIO", "DELET", "PRI *"});
  return std::ranges::find(kBegins, bytes) != kBegins.end();
}

// No record of TLS (RFC 8446 section 5.1) begins so.
bool IsNoTls(std::string_view bytes) {
  return bytes.size() == kFirstBytes && (bytes[0] < 0x14 || bytes[0] > 0x18 || bytes[1] != 3);
}

// Apart from what sockets read into: cipher text is of no use once it is decrypted, and must not be
// kept alive by the plain text beside it.
ThreadSlab& PlainMemory() {
  thread_local ThreadSlab memory(kPlainSlab);
  return memory;
}

ThreadSlab& CipherMemory() {
  thread_local ThreadSlab memory(kCipherSlab);
  return memory;
}

// The BIO: its data pointer is the cipher text.
struct TlsBio {
  static TlsCipher& Of(BIO* bio) { return *static_cast<TlsCipher*>(BIO_get_data(bio)); }

  static int Write(BIO* bio, const char* data, size_t size, size_t* written) {
    const auto* bytes = reinterpret_cast<const std::byte*>(data);
    Of(bio).out.Append(CipherMemory().Copy(ByteSpan(bytes, size)));
    *written = size;
    return 1;
  }

  static int Read(BIO* bio, char* data, size_t size, size_t* got) {
    std::deque<Slice>& in = Of(bio).in;
    BIO_clear_retry_flags(bio);
    *got = 0;
    while (*got < size && !in.empty()) {
      Slice& front = in.front();
      const size_t take = std::min(size - *got, front.size());
      std::memcpy(data + *got, front.data(), take);
      *got += take;
      if (take == front.size()) {
        in.pop_front();
      } else {
        front = front.Sub(take, front.size() - take);
      }
    }
    if (*got == 0) {
      BIO_set_retry_read(bio);
      return 0;
    }
    return 1;
  }

  static long Control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  // One table for the process.
  static BIO_METHOD* Method() {
    static BIO_METHOD* const method = [] {
      BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
      GAPLESS_CHECK(made != nullptr);
      BIO_meth_set_write_ex(made, Write);
      BIO_meth_set_read_ex(made, Read);
      BIO_meth_set_ctrl(made, Control);
      return made;
    }();
    return method;
  }
};

}  // namespace

TlsEngine::TlsEngine(ssl_st* ssl, std::shared_ptr<void> keep_alive)
    : keep_alive_(std::move(keep_alive)), ssl_(ssl) {
  GAPLESS_CHECK(ssl_ != nullptr);
  BIO* bio = BIO_new(TlsBio::Method());
  GAPLESS_CHECK(bio != nullptr);
  BIO_set_data(bio, &cipher_);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_, bio, bio);
}

TlsEngine::~TlsEngine() { SSL_free(ssl_); }

Result<bool> TlsEngine::Handshake() {
  if (first_bytes_.empty() && !cipher_.in.empty()) {
    first_bytes_ = cipher_.in.front().text().substr(0, kFirstBytes);
  }
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_);
  if (result != 1) {
    if (SSL_get_error(ssl_, result) == SSL_ERROR_WANT_READ) {
      return false;
    }
    if (SSL_is_server(ssl_) && LooksLikePlainHttp(first_bytes_)) {
      cipher_.out = Rope(Slice::Static(kPlainHttpAnswer));  // in place of an alert
    }
    terms_.plain_peer = !SSL_is_server(ssl_) && IsNoTls(first_bytes_);
    if (terms_.plain_peer) {
      return Unavailable("TLS handshake failed: this looks like a server without TLS");
    }
    return Failure("TLS handshake failed");
  }
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_, &name, &size);
  terms_.alpn.assign(reinterpret_cast<const char*>(name), size);
  terms_.peer_subject = PeerSubject();
  return true;
}

TlsEngine::Plain TlsEngine::Read() {
  const std::span<std::byte> room = PlainMemory().Room(kMinPlainRoom, kPlainSlab);
  Plain plain{.more = true};
  size_t used = 0;
  while (room.size() - used >= kMinPlainRoom && plain.more) {
    size_t got = 0;
    ERR_clear_error();
    const int result = SSL_read_ex(ssl_, room.data() + used, room.size() - used, &got);
    used += got;
    if (result != 1) {
      const int error = SSL_get_error(ssl_, result);
      plain.more = false;
      plain.ended = error == SSL_ERROR_ZERO_RETURN;
      if (error != SSL_ERROR_WANT_READ && !plain.ended) {
        plain.failure = Failure("TLS error");
      }
    }
  }
  if (used > 0) {
    plain.bytes = PlainMemory().Take(used);
  }
  return plain;
}

void TlsEngine::Encrypt(const Rope& plain) {
  // Frame headers and payloads are separate slices: records are filled from several of them.
  std::array<std::byte, kRecordBytes> record;
  size_t used = 0;
  size_t written = 0;
  ERR_clear_error();
  for (const Slice& slice : plain.slices()) {
    size_t offset = 0;
    while (offset < slice.size()) {
      if (used == 0 && slice.size() - offset >= kRecordBytes) {
        SSL_write_ex(ssl_, slice.data() + offset, kRecordBytes, &written);
        offset += kRecordBytes;
        continue;
      }
      const size_t take = std::min(kRecordBytes - used, slice.size() - offset);
      std::memcpy(record.data() + used, slice.data() + offset, take);
      used += take;
      offset += take;
      if (used == kRecordBytes) {
        SSL_write_ex(ssl_, record.data(), used, &written);
        used = 0;
      }
    }
  }
  if (used > 0) {
    SSL_write_ex(ssl_, record.data(), used, &written);
  }
}

void TlsEngine::End() { SSL_shutdown(ssl_); }

Status TlsEngine::Failure(std::string_view what) const {
  const long verified = SSL_get_verify_result(ssl_);
  if (verified != X509_V_OK) {
    ERR_clear_error();
    return Unavailable(fmt::format("{}: certificate of the peer: {}", what,
                                   X509_verify_cert_error_string(verified)));
  }
  const unsigned long error = ERR_get_error();
  ERR_clear_error();
  const char* reason = error ? ERR_reason_error_string(error) : nullptr;
  return Unavailable(fmt::format("{}: {}", what, reason ? reason : "connection closed"));
}

std::string TlsEngine::PeerSubject() const {
  X509* certificate = SSL_get0_peer_certificate(ssl_);
  if (!certificate || SSL_get_verify_result(ssl_) != X509_V_OK) {
    return {};
  }
  std::unique_ptr<BIO, decltype(&BIO_free)> text(BIO_new(BIO_s_mem()), BIO_free);
  X509_NAME_print_ex(text.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* data = nullptr;
  const long size = BIO_get_mem_data(text.get(), &data);
  return size > 0 ? std::string(data, static_cast<size_t>(size)) : std::string();
}

}  // namespace gapless::net
