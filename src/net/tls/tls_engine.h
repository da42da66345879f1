// TlsEngine: one TLS connection as bytes in, bytes out: no socket, no clock. Internal to net.
//
// OpenSSL talks to a BIO of ours: cipher text is read from the slices that came and written into
// slabs, to be sent in one piece, so that one turn costs one system call each way.
#pragma once

#include "base/bytes.h"
#include "base/status.h"
#include "net/loop/stream.h"

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

struct ssl_st;

namespace gapless::net {

// Cipher text: what came and is not read yet, and what is to be sent.
struct TlsCipher {
  std::deque<Slice> in;
  Rope out;
};

class TlsEngine {
 public:
  // Takes over `ssl`, which is in connect or accept state; `keep_alive` is the context that made
  // it.
  TlsEngine(ssl_st* ssl, std::shared_ptr<void> keep_alive);
  ~TlsEngine();
  TlsEngine(const TlsEngine&) = delete;
  TlsEngine& operator=(const TlsEngine&) = delete;

  // Cipher text that came.
  void Feed(Slice bytes) { cipher_.in.push_back(std::move(bytes)); }
  // What is to be sent since: to be asked after each of the calls below, also after a failure.
  Rope TakeOutput() { return std::exchange(cipher_.out, Rope()); }

  // Goes on with the handshake. True: complete; false: more has to come.
  Result<bool> Handshake();
  struct Plain {
    Slice bytes;         // may come with each of the following
    bool more = false;   // there was not enough room for all
    bool ended = false;  // the peer said that nothing follows
    Status failure;
  };
  Plain Read();
  void Encrypt(const Rope& plain);
  // Says that nothing follows.
  void End();
  void Clear() { cipher_ = {}; }
  // Filled by the handshake.
  const TlsTerms& terms() const { return terms_; }

 private:
  Status Failure(std::string_view what) const;
  std::string PeerSubject() const;

  const std::shared_ptr<void> keep_alive_;
  ssl_st* const ssl_;
  TlsCipher cipher_;
  std::string first_bytes_;  // of what came
  TlsTerms terms_;
};

}  // namespace gapless::net
