// HttpServer: connections of a listener, HTTP/1.1 and HTTP/2, with or without TLS, in front of one
// handler.
//
// Over TLS, ALPN decides (h2 or http/1.1); without it and on plain sockets the HTTP/2 preface does
// (prior knowledge), or a request over HTTP/1.1 that asks for h2c. Whoever speaks what is not
// served here (the other version of HTTP, TLS) gets an HTTP/1.1 answer with status 400 at once.
// Created and drained on the first worker; connections live on the worker that accepted them. Must
// outlive its connections: hold it until Drain has called back, or until the workers have stopped.
#pragma once

#include "net/http/http_handler.h"
#include "net/http/request_bodies.h"
#include "net/http/server_watch.h"
#include "net/http1/http1_server.h"
#include "net/http2/http2_server.h"
#include "net/loop/listener.h"
#include "net/loop/stream.h"
#include "net/tls/tls.h"

#include <memory>
#include <string>
#include <vector>

namespace gapless::net {

struct HttpServerOptions {
  std::shared_ptr<TlsServerContext> tls;  // null: plain
  bool http1 = true;
  // HTTP/2 without TLS: prior knowledge and, with http1, Upgrade: h2c. With TLS, what ALPN offers
  // decides.
  bool http2_plain = true;
  // A sentence for those who speak what is not served here, such as which port does. May be empty.
  std::string other_port;
  StreamOptions stream;
  Http1ServerOptions http1_options;
  Http2ServerOptions http2_options;
  // For those who open the socket of this server. 0: as many as they think right.
  size_t max_connections = 0;
  size_t max_body_bytes = 20 * 1024 * 1024;  // per request
  // For all requests of this server together, see BodyBudget.
  size_t max_inflight_body_bytes = 512 * 1024 * 1024;
  // Headers of requests that are not answered get this part of it, beside the bodies.
  size_t header_share = 8;
  // What the process may hold; its parts for requests and headers are common to all servers that
  // have it. Null: only the limits above.
  std::shared_ptr<MemoryLimit> memory;
  // Hears what is turned away; null: nobody. Thread-safe.
  std::shared_ptr<ServerWatch> watch;
};

// Counters since creation; thread-safe to read.
struct HttpServerStats {
  std::atomic<uint64_t> connections{0};
  std::atomic<uint64_t> handshake_failures{0};
};

class HttpServer final : public Acceptor, public std::enable_shared_from_this<HttpServer> {
 public:
  // `workers` as given to the listener. Attach with listener.SetAcceptor(server).
  static std::shared_ptr<HttpServer> Create(std::vector<Worker*> workers, HttpServerOptions options,
                                            std::shared_ptr<HttpHandler> handler);
  ~HttpServer() override;

  void OnAccept(Worker& worker, size_t index, Fd fd, ConnectionSlot slot) override;
  void OnAcceptFailed(std::string_view why) override;
  // Closes some of the connections without a request, those first that were silent longest.
  void MakeRoom() override;

  // On the first worker. Ends keep-alive, sends GOAWAY, waits until requests in flight are
  // answered, at most until `deadline`, when the rest is cut off; then calls `done` on the first
  // worker. Detach from the listener first.
  void Drain(TimePoint deadline, Task done);

  bool speaks_http1() const { return options_.http1; }
  const HttpServerStats& stats() const { return stats_; }
  const BodyBudget& budget() const { return *budget_; }

 private:
  class Session;
  struct Shard;
  HttpServer(std::vector<Worker*> workers, HttpServerOptions options,
             std::shared_ptr<HttpHandler> handler);
  RequestShares SharesFor(const SocketAddress& client);
  void DeleteLater(Shard& shard, std::unique_ptr<Session> session);
  void DrainShard(Shard& shard);
  void CloseIdle(Shard& shard);
  void CutShard(Shard& shard);
  void ShardEmpty();

  const std::vector<Worker*> workers_;
  const HttpServerOptions options_;
  const std::shared_ptr<HttpHandler> handler_;
  const std::shared_ptr<BodyBudget> budget_;
  const std::shared_ptr<BodyBudget> heads_;
  // By client address, for bodies and headers.
  ClientShares body_clients_;
  ClientShares head_clients_;
  HttpServerStats stats_;
  std::vector<std::unique_ptr<Shard>> shards_;  // one per worker, touched on that worker only

  // First worker only.
  size_t shards_left_ = 0;
  Task drained_;
  Timer drain_timer_;
};

}  // namespace gapless::net
