// ServerConnection: the server side of one connection in one protocol. Internal to net.
//
// It sees bytes and a stream to write to; the session in http_server.cc owns both and does
// accepting, protocol choice and the end. Everything on the connection's worker.
#pragma once

#include "base/bytes.h"
#include "net/http/http_handler.h"
#include "net/loop/stream.h"
#include "net/loop/worker.h"

#include <memory>

namespace gapless::net {

struct ServerEnv {
  Worker& worker;
  size_t worker_index;
  Stream& stream;
  HttpHandler& handler;
  std::shared_ptr<BodyBudget> budget;
  size_t max_body_bytes;
  std::shared_ptr<const PeerInfo> peer;
  // The connection has nothing more to do: send what is written, then close. May be called inside
  // any callback; the ServerConnection lives on until a later turn and gets no more calls except
  // its destructor.
  Task finish;
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
};

// Appends a piece of a receive slab, or a copy if it is too small to be worth keeping the slab
// alive.
void AppendToBody(Rope& body, Slice bytes);

// A body whose slices keep far more memory alive than it has bytes becomes one copy; others stay as
// they are.
Rope CompactBody(Rope body);

}  // namespace gapless::net
