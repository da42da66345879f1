// Listener: one bound address. Connections are accepted on the first worker and given to the worker
// that has the fewest, so that a handful of long-lived clients spread evenly.
//
// The socket is opened here, or inherited from the process that started this one (socket
// activation): that one keeps its queue of waiting connections open over our end.
//
// A listener outlives the server attached to it: on a reload the next server takes it over with
// SetAcceptor while connections wait in the backlog. Everything here happens on the thread of the
// first worker, unless noted.
#pragma once

#include "base/loop.h"
#include "net/loop/address.h"
#include "net/loop/fd.h"
#include "net/loop/worker.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace gapless::net {

// Counts one connection from accepting to its end. Thread-safe to destroy anywhere.
class ConnectionSlot {
 public:
  ConnectionSlot() = default;
  ConnectionSlot(ConnectionSlot&& other) noexcept = default;
  ConnectionSlot& operator=(ConnectionSlot&& other) noexcept;
  ~ConnectionSlot() { Release(); }

 private:
  friend class Listener;
  ConnectionSlot(std::shared_ptr<std::vector<std::atomic<uint32_t>>> counts, size_t index);
  void Release();
  std::shared_ptr<std::vector<std::atomic<uint32_t>>> counts_;
  size_t index_ = 0;
};

class Acceptor {
 public:
  virtual ~Acceptor() = default;
  // A new connection, on the thread of `worker`, which is the listener's worker number `index`.
  // Called on any of the workers, on several at the same time.
  virtual void OnAccept(Worker& worker, size_t index, Fd fd, ConnectionSlot slot) = 0;
  // A connection waits that the system has no descriptor or no memory for, or that is one too many.
  // It is tried again. On the first worker.
  virtual void OnAcceptFailed(std::string_view) {}
  // Clients wait, as there are too many connections: those that have been idle longest may be
  // closed. On the listener's first worker, every now and then while it lasts.
  virtual void MakeRoom() {}
};

struct ListenerOptions {
  // Further connections wait in the backlog. 0: no limit but that of the process.
  size_t max_connections = 0;
  // Its connections may come although the process has as many as it may have (ConnectionLimit). For
  // our own pages, of which there are few.
  bool reserved = false;
  int backlog = 1024;
};

class Listener {
 public:
  // `transport` is tcp, tcp4, tcp6 or unix; `endpoint` is `host:port` (a name is looked up,
  // blocking, IPv4 first; an empty host means all addresses) or a socket path. A stale unix socket
  // file that nobody listens on is replaced. Port 0 takes a free port. Errors: UNAVAILABLE "listen
  // tcp 127.0.0.1:4317: bind: address already in use".
  static Result<std::unique_ptr<Listener>> Open(std::vector<Worker*> workers,
                                                std::string_view transport,
                                                std::string_view endpoint,
                                                const ListenerOptions& options);
  // An inherited listening socket. Never removes its file, if it has one.
  static std::unique_ptr<Listener> Adopt(std::vector<Worker*> workers, Fd fd,
                                         const ListenerOptions& options);
  // Where Open would listen. Blocking, for names. Errors as for Open.
  static Result<SocketAddress> Resolve(std::string_view transport, std::string_view endpoint);
  // Closes the socket; connections in the backlog are reset unless another process has it open. A
  // unix socket's file is removed if it is still ours.
  ~Listener();

  // Who gets new connections; null: nobody, they wait in the backlog.
  void SetAcceptor(std::shared_ptr<Acceptor> acceptor);
  // SetAcceptor(nullptr) if `acceptor` is the current one.
  void ClearAcceptor(const Acceptor* acceptor);

  // The end in two steps. New clients are turned away: over TCP their first packet is dropped (they
  // repeat it after a second, and find what is there then), a unix socket's file is removed. Those
  // who wait in the backlog can then be accepted to the last one; a moment later, as some are still
  // on their way.
  void TurnAway();
  void AcceptAll();
  // As in ListenerOptions, from now on.
  void SetMaxConnections(size_t connections);
  // Undoes TurnAway; false if it cannot.
  bool TakeIn();
  // Takes an inherited socket out, without closing it.
  Fd Release();
  bool inherited() const { return inherited_; }

  Worker& control_worker() const { return *workers_[0]; }
  // With the real port.
  const SocketAddress& address() const { return address_; }
  // Thread-safe. Connections accepted here and still open.
  size_t connections() const;

 private:
  Listener(std::vector<Worker*> workers, Fd fd, SocketAddress address,
           const ListenerOptions& options);
  void OnReadable();
  bool AcceptOne();
  void RemoveFile();
  bool Full() const;
  void WaitForRoom();
  void RestFor(Duration pause);
  void UpdateWatch();
  size_t LeastLoaded() const;

  const std::vector<Worker*> workers_;
  ListenerOptions options_;
  Fd fd_;
  SocketAddress address_;
  bool inherited_ = false;
  std::string unlink_path_;
  std::pair<uint64_t, uint64_t> unlink_file_;  // device and inode
  IoWatch watch_;
  Timer rest_;
  std::shared_ptr<Acceptor> acceptor_;
  std::shared_ptr<std::vector<std::atomic<uint32_t>>> counts_;
};

}  // namespace gapless::net
