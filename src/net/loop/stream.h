// Stream: a byte stream over TCP, a unix socket or TLS, asynchronous, on one worker.
//
// Reading hands out slices of reference-counted slabs (no copy); writing takes ropes and gathers
// them (writev). Lifecycle: create (Connect… or Accept…), Start(handler), then OnConnected, any
// number of OnData, at most one OnEnd, and exactly one OnClosed unless the owner called Close() or
// destroyed the stream, after which there are no more callbacks. Everything on the worker's thread.
// A stream must not be destroyed inside a callback of its own: Close() it and hand it to
// Loop::DeferDelete.
#pragma once

#include "base/bytes.h"
#include "base/loop.h"
#include "base/status.h"
#include "net/loop/socket.h"

#include <cstddef>
#include <memory>
#include <string>

namespace gapless::net {

class TlsClientContext;
class TlsServerContext;
class Worker;

class StreamHandler {
 public:
  virtual ~StreamHandler() = default;
  // The connection (and the TLS handshake) is complete.
  virtual void OnConnected() = 0;
  // Bytes that arrived, in order.
  virtual void OnData(Slice bytes) = 0;
  // The peer will send nothing more (it may still read).
  virtual void OnEnd() = 0;
  // The same, seen while reading is paused: bytes that came before may still be unread, and OnEnd
  // follows when they have been read. At most once.
  virtual void OnHangup() {}
  // The bytes that wait fell to the low watermark after they had been above the high one.
  virtual void OnWritable() {}
  // The stream is dead: connect failure, timeout, TLS failure, reset or write error; or both
  // directions have ended. Never OK.
  virtual void OnClosed(Status reason) = 0;
};

struct StreamOptions {
  // Bound for connecting and the TLS handshake together; zero: none. Also bounds the handshake of
  // an accepted stream.
  Duration connect_timeout = std::chrono::seconds(20);
  // Largest single read, bytes; at least 32 KiB. The memory is the thread's, not the stream's.
  size_t read_buffer_bytes = 256 * 1024;
  size_t high_watermark_bytes = 1024 * 1024;
  size_t low_watermark_bytes = 256 * 1024;
  // TCP keepalive probes begin after this idle time; zero: the system's default (off).
  Duration tcp_keepalive = {};
  // TCP_USER_TIMEOUT: sent bytes that stay unacknowledged for so long end the connection; zero: the
  // system's default.
  Duration tcp_user_timeout = {};
};

// What a TLS handshake settled.
struct TlsTerms {
  std::string alpn;          // the protocol chosen by ALPN; empty: none
  std::string peer_subject;  // of the peer's verified certificate in RFC 2253 form; empty: none
  bool plain_peer = false;   // the handshake failed, as the peer does not speak TLS
};

class Stream {
 public:
  virtual ~Stream() = default;

  // Begins. `handler` must live until Close() or the destructor. Callbacks start on a later turn.
  virtual void Start(StreamHandler* handler) = 0;

  // Queues bytes; sends what the socket takes at once. Allowed before OnConnected. Ignored once
  // dead.
  virtual void Write(Rope bytes) = 0;
  // Sends the queue, then ends our direction (FIN; TLS close_notify). No Write afterwards.
  virtual void ShutdownWrite() = 0;
  // Stops and restarts OnData and OnEnd. A peer that keeps sending fills its window.
  virtual void PauseRead() = 0;
  virtual void ResumeRead() = 0;
  // Closes now, dropping what is queued. No callback follows. Idempotent.
  virtual void Close() = 0;

  // From when more than high_watermark_bytes wait for the kernel until OnWritable.
  virtual bool above_high_watermark() const = 0;
  // The socket below TLS and proxies.
  virtual Socket& socket() = 0;
  // Null: not TLS. Filled from OnConnected on.
  virtual const TlsTerms* tls() const = 0;
};

// Client side. Never null; failures arrive as OnClosed.
std::unique_ptr<Stream> ConnectPlain(Worker& worker, const SocketAddress& address,
                                     const StreamOptions& options);
// `server_name` is sent as SNI and verified, unless the context overrides it.
std::unique_ptr<Stream> ConnectTls(Worker& worker, const SocketAddress& address,
                                   std::shared_ptr<TlsClientContext> tls,
                                   const std::string& server_name, const StreamOptions& options);
// The same, over a stream that is connected otherwise.
std::unique_ptr<Stream> TlsOver(Worker& worker, std::unique_ptr<Stream> below,
                                std::shared_ptr<TlsClientContext> tls,
                                const std::string& server_name, const StreamOptions& options);

// Server side: adopts a connected socket.
std::unique_ptr<Stream> AcceptPlain(Worker& worker, Fd fd, const StreamOptions& options);
std::unique_ptr<Stream> AcceptTls(Worker& worker, Fd fd, std::shared_ptr<TlsServerContext> tls,
                                  const StreamOptions& options);

}  // namespace gapless::net
