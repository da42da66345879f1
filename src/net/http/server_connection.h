// ServerConnection: the server side of one connection in one protocol. Internal to net.
//
// It sees bytes and a stream to write to; the session in http_server.cc owns both and does
// accepting, protocol choice and the end. Everything on the connection's worker.
#pragma once

#include "base/bytes.h"
#include "net/http/http_handler.h"
#include "net/http/request_bodies.h"
#include "net/http/server_watch.h"
#include "net/loop/stream.h"
#include "net/loop/worker.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace gapless::net {

struct ServerEnv;

// A request on a connection, from its first byte to the answer.
struct ServerRequest {
  HttpRequest head;
  RequestBody body;
  std::shared_ptr<ResponderState> responder;  // from Dispatch to the answer

  // Gives it to the handler, whose answer goes to `sink`.
  void Dispatch(const ServerEnv& env, RequestBodies& bodies, ResponseSink* sink);
  // The size of the body, if the head tells.
  std::optional<size_t> ToldSize() const;
  // Notes the size of the body, once it is known. False: it is larger than it may be.
  bool LearnSize(const ServerEnv& env);
  // The client has gone. Whoever works on an answer hears it, and still holds the body.
  void Abandon();
};

// A complete request over HTTP/1.1 whose client wants to go on with HTTP/2 (RFC 7540 section 3.2).
struct Http2Upgrade {
  std::string settings;  // payload of a SETTINGS frame
  ServerRequest request;
  std::optional<HttpResponse> refusal;  // the answer, if the server has one already
  Rope rest;                            // what came after it
};

struct ServerEnv {
  Worker& worker;
  size_t worker_index;
  Stream& stream;
  HttpHandler& handler;
  RequestShares shares;
  size_t max_body_bytes;
  std::shared_ptr<const PeerInfo> peer;
  // The connection has nothing more to do: send what is written, then close. May be called inside
  // any callback; the ServerConnection lives on until a later turn and gets no more calls except
  // its destructor.
  Task finish;
  // Null: nobody wants to hear it.
  std::shared_ptr<ServerWatch> watch;
  // For HTTP/1.1: the connection goes on with HTTP/2, 101 is sent. Null: not offered. Called once,
  // with the same rules as `finish`.
  std::move_only_function<void(Http2Upgrade)> upgrade = {};

  void Tell(RefusedRequest reason) const;
  void Tell(RefusedConnection reason, std::string_view detail) const {
    if (watch) {
      watch->OnRefused(reason, peer->remote, detail);
    }
  }
};

class ServerConnection {
 public:
  virtual ~ServerConnection() = default;
  virtual void OnData(Slice bytes) = 0;
  virtual void OnEnd() = 0;
  // The peer has ended its direction while reading is paused, so bytes of it may still be unread.
  virtual void OnHangup() {}
  virtual void OnWritable() = 0;
  // Takes no more requests, answers those in flight, then finishes.
  virtual void Drain() = 0;
  // No request is being read or answered.
  virtual bool idle() const = 0;
};

// What a refusal is called by those who count it.
RefusedRequest NameOf(HttpRefusal reason);

// How long a peer has not read what was sent to it.
class UnreadClock {
 public:
  // `full`: more waits than may. Zero: it reads.
  Duration Look(bool full, TimePoint now) {
    if (!full) {
      since_.reset();
    } else if (!since_) {
      since_ = now;
    }
    return since_ ? now - *since_ : Duration::zero();
  }

 private:
  std::optional<TimePoint> since_;
};

// Whether a connection reads. While it does not, `ask` is called every 20 ms, to Set again.
class ReadGate {
 public:
  ReadGate(Worker& worker, Stream& stream, Task ask)
      : worker_(worker), stream_(stream), ask_(std::move(ask)) {}

  void Set(bool pause);
  // Zero: it reads.
  Duration paused_for() const { return paused_ ? worker_.Now() - paused_at_ : Duration::zero(); }

 private:
  Worker& worker_;
  Stream& stream_;
  Task ask_;
  bool paused_ = false;
  TimePoint paused_at_;
  Timer timer_;
};

}  // namespace gapless::net
