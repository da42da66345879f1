#include "net/tls/tls_stream.h"

#include "fmt/format.h"
#include "net/loop/socket_stream.h"
#include "net/loop/thread_slab.h"
#include "net/tls/tls.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

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

}  // namespace

// The BIO: its data pointer is the TlsStream.
struct TlsBio {
  static TlsStream& Of(BIO* bio) { return *static_cast<TlsStream*>(BIO_get_data(bio)); }

  static int Write(BIO* bio, const char* data, size_t size, size_t* written) {
    const auto* bytes = reinterpret_cast<const std::byte*>(data);
    Of(bio).cipher_out_.Append(CipherMemory().Copy(ByteSpan(bytes, size)));
    *written = size;
    return 1;
  }

  static int Read(BIO* bio, char* data, size_t size, size_t* got) {
    TlsStream& stream = Of(bio);
    BIO_clear_retry_flags(bio);
    *got = 0;
    while (*got < size && !stream.cipher_in_.empty()) {
      Slice& front = stream.cipher_in_.front();
      const size_t take = std::min(size - *got, front.size());
      std::memcpy(data + *got, front.data(), take);
      *got += take;
      if (take == front.size()) {
        stream.cipher_in_.pop_front();
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

TlsStream::TlsStream(Worker& worker, std::unique_ptr<Stream> socket, ssl_st* ssl,
                     std::shared_ptr<void> keep_alive, const StreamOptions& options)
    : worker_(worker),
      options_(options),
      keep_alive_(std::move(keep_alive)),
      socket_(std::move(socket)),
      ssl_(ssl) {
  GAPLESS_CHECK(ssl_ != nullptr);
  BIO* bio = BIO_new(TlsBio::Method());
  GAPLESS_CHECK(bio != nullptr);
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_, bio, bio);
}

TlsStream::~TlsStream() {
  *self_ = nullptr;
  Close();
  SSL_free(ssl_);
}

void TlsStream::Later(void (TlsStream::*method)()) {
  worker_.Post([self = self_, method] {
    if (*self) {
      (**self.*method)();
    }
  });
}

void TlsStream::Start(StreamHandler* handler) {
  handler_ = handler;
  state_ = State::kHandshake;
  socket_->Start(this);
  if (options_.connect_timeout > Duration::zero()) {
    handshake_timer_ = worker_.RunAfter(options_.connect_timeout, [this] {
      Fail(Unavailable(fmt::format("TLS handshake with {}: timed out", peer_address().ToString())));
    });
  }
}

void TlsStream::OnConnected() { Handshake(); }

void TlsStream::OnData(Slice bytes) {
  if (state_ == State::kHandshake && first_bytes_.empty()) {
    first_bytes_ = bytes.text().substr(0, kFirstBytes);
  }
  cipher_in_.push_back(std::move(bytes));
  if (state_ == State::kHandshake) {
    Handshake();
  } else {
    ReadPlain();
  }
}

void TlsStream::Handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_);
  const int error = result == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl_, result);
  const Status failure =
      result == 1 || error == SSL_ERROR_WANT_READ ? OkStatus() : SslFailure("TLS handshake failed");
  if (!failure.ok() && SSL_is_server(ssl_) && LooksLikePlainHttp(first_bytes_)) {
    cipher_out_ = Rope(Slice::Static(kPlainHttpAnswer));  // in place of an alert
  }
  FlushCipher();  // also the alert that explains a failure
  if (!failure.ok()) {
    return Fail(failure);
  }
  if (result != 1) {
    return;
  }
  handshake_timer_.Cancel();
  state_ = State::kOpen;
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_, &name, &size);
  alpn_.assign(reinterpret_cast<const char*>(name), size);
  handler_->OnConnected();
  if (state_ != State::kOpen) {
    return;
  }
  if (!waiting_.empty()) {
    Encrypt(std::exchange(waiting_, Rope()));
  }
  if (ending_) {
    ending_ = false;
    ShutdownWrite();
  }
  ReadPlain();
}

void TlsStream::ReadPlain() {
  while (state_ == State::kOpen && !read_paused_ && !peer_ended_) {
    const std::span<std::byte> room = PlainMemory().Room(kMinPlainRoom, kPlainSlab);
    size_t used = 0;
    int error = SSL_ERROR_NONE;
    while (room.size() - used >= kMinPlainRoom) {
      size_t got = 0;
      ERR_clear_error();
      const int result = SSL_read_ex(ssl_, room.data() + used, room.size() - used, &got);
      if (result != 1) {
        error = SSL_get_error(ssl_, result);
        break;
      }
      used += got;
    }
    const Status failure =
        error == SSL_ERROR_NONE || error == SSL_ERROR_WANT_READ || error == SSL_ERROR_ZERO_RETURN
            ? OkStatus()
            : SslFailure("TLS error");
    FlushCipher();  // key updates and alerts
    if (used > 0) {
      handler_->OnData(PlainMemory().Take(used));
    }
    if (state_ != State::kOpen) {
      return;
    }
    if (!failure.ok()) {
      return Fail(failure);
    }
    if (error == SSL_ERROR_ZERO_RETURN) {
      peer_ended_ = true;
      DeliverPeerEnd();
    }
    if (error != SSL_ERROR_NONE) {
      break;
    }
  }
}

void TlsStream::DeliverPeerEnd() {
  if (state_ == State::kOpen && !end_reported_ && !read_paused_) {
    end_reported_ = true;
    handler_->OnEnd();
  }
}

void TlsStream::OnEnd() {
  if (state_ == State::kHandshake) {
    return Fail(Unavailable("TLS handshake failed: connection closed by the peer"));
  }
  // An end without close_notify is common; both HTTP versions frame their messages, so nothing is
  // cut unnoticed.
  peer_ended_ = true;
  DeliverPeerEnd();
}

void TlsStream::OnHangup() {
  if (state_ == State::kOpen) {
    handler_->OnHangup();
  }
}

void TlsStream::OnWritable() {
  if (state_ == State::kOpen) {
    handler_->OnWritable();
  }
}

void TlsStream::OnClosed(Status reason) { Fail(std::move(reason)); }

void TlsStream::Write(Rope bytes) {
  if (state_ == State::kDead || ending_ || bytes.empty()) {
    return;
  }
  if (state_ != State::kOpen) {
    waiting_.Append(std::move(bytes));
    return;
  }
  Encrypt(bytes);
}

void TlsStream::Encrypt(const Rope& bytes) {
  // Frame headers and payloads are separate slices: records are filled from several of them.
  std::array<std::byte, kRecordBytes> record;
  size_t used = 0;
  size_t written = 0;
  ERR_clear_error();
  for (const Slice& slice : bytes.slices()) {
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
  FlushCipher();
}

void TlsStream::FlushCipher() {
  if (cipher_out_.empty()) {
    return;
  }
  socket_->Write(std::exchange(cipher_out_, Rope()));
}

void TlsStream::ShutdownWrite() {
  if (state_ == State::kDead || ending_) {
    return;
  }
  ending_ = true;
  if (state_ != State::kOpen) {
    return;
  }
  SSL_shutdown(ssl_);
  FlushCipher();
  socket_->ShutdownWrite();
}

void TlsStream::PauseRead() {
  read_paused_ = true;
  socket_->PauseRead();
}

void TlsStream::ResumeRead() {
  if (!read_paused_) {
    return;
  }
  read_paused_ = false;
  socket_->ResumeRead();
  Later(&TlsStream::ReadPlain);
  if (peer_ended_) {
    Later(&TlsStream::DeliverPeerEnd);
  }
}

Status TlsStream::SslFailure(std::string_view what) const {
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

void TlsStream::Fail(Status reason) {
  StreamHandler* handler = handler_;
  // The alert is in the socket's queue at best; closing at once would reset it away, but the peer
  // is not owed it.
  Close();
  if (handler) {
    handler->OnClosed(std::move(reason));
  }
}

void TlsStream::Close() {
  if (state_ == State::kDead) {
    return;
  }
  state_ = State::kDead;
  handler_ = nullptr;
  handshake_timer_.Cancel();
  socket_->Close();
  cipher_in_.clear();
  waiting_.Clear();
  cipher_out_.Clear();
}

std::string TlsStream::peer_subject() const {
  if (state_ != State::kOpen || SSL_get_verify_result(ssl_) != X509_V_OK) {
    return {};
  }
  X509* certificate = SSL_get0_peer_certificate(ssl_);
  if (!certificate) {
    return {};
  }
  std::unique_ptr<BIO, decltype(&BIO_free)> text(BIO_new(BIO_s_mem()), BIO_free);
  X509_NAME_print_ex(text.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* data = nullptr;
  const long size = BIO_get_mem_data(text.get(), &data);
  return size > 0 ? std::string(data, static_cast<size_t>(size)) : std::string();
}

std::unique_ptr<Stream> ConnectPlain(Worker& worker, const SocketAddress& address,
                                     const StreamOptions& options) {
  return std::make_unique<SocketStream>(worker, address, options);
}

std::unique_ptr<Stream> ConnectTls(Worker& worker, const SocketAddress& address,
                                   std::shared_ptr<TlsClientContext> tls,
                                   const std::string& server_name, const StreamOptions& options) {
  ssl_st* ssl = tls->NewSession(server_name);
  return std::make_unique<TlsStream>(worker,
                                     std::make_unique<SocketStream>(worker, address, options), ssl,
                                     std::move(tls), options);
}

std::unique_ptr<Stream> AcceptPlain(Worker& worker, Fd fd, const StreamOptions& options) {
  return std::make_unique<SocketStream>(worker, std::move(fd), options);
}

std::unique_ptr<Stream> AcceptTls(Worker& worker, Fd fd, std::shared_ptr<TlsServerContext> tls,
                                  const StreamOptions& options) {
  ssl_st* ssl = tls->NewSession();
  return std::make_unique<TlsStream>(worker,
                                     std::make_unique<SocketStream>(worker, std::move(fd), options),
                                     ssl, std::move(tls), options);
}

}  // namespace gapless::net
