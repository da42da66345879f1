#include "net/server/http_server.h"

#include "fmt/format.h"
#include "net/http/server_connection.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace gapless::net {
namespace {

constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::string_view kTlsRecord = "\x16";  // of type handshake (RFC 8446 section 5.1)
// After our last byte the peer gets this long to read it and close.
constexpr auto kLinger = std::chrono::seconds(1);
// A client that connects and says nothing is let go after this time, unless idle_timeout is set.
constexpr auto kFirstByteWait = std::chrono::minutes(2);
// The same while the server ends.
constexpr auto kDrainFirstByteWait = std::chrono::milliseconds(500);
// Between two pieces of an HTTP/2 preface.
constexpr auto kPrefaceWait = std::chrono::seconds(20);
// Of connections without a request, when there are too many: those are closed that were silent for
// so long, at once at least so many and this part of all.
constexpr auto kQuietMin = std::chrono::seconds(1);
constexpr size_t kCloseAtOnce = 8;
constexpr size_t kClosePart = 64;

// Of headers a server may hold at least so much.
constexpr size_t kLeastHeads = 4 * 1024 * 1024;

}  // namespace

// One connection: its stream, the choice of protocol, and the end.
class HttpServer::Session final : public StreamHandler {
 public:
  Session(HttpServer& server, Shard& shard, Worker& worker, size_t index,
          std::unique_ptr<Stream> stream, ConnectionSlot slot)
      : server_(server),
        shard_(shard),
        worker_(worker),
        index_(index),
        stream_(std::move(stream)),
        slot_(std::move(slot)),
        last_data_(worker.Now()) {}

  void Start() { stream_->Start(this); }
  void Drain();
  bool idle() const { return !finishing_ && (!connection_ || connection_->idle()); }
  TimePoint last_data() const { return last_data_; }
  void Remove();
  // Ends everything; no callback follows. The session is to be destroyed on a later turn.
  void Silence() {
    removed_ = true;
    finishing_ = true;
    stream_->Close();
    timer_.Cancel();
  }

 private:
  void OnConnected() override;
  void OnData(Slice bytes) override;
  void OnEnd() override;
  void OnHangup() override {
    if (connection_ && !finishing_) {
      connection_->OnHangup();
    }
  }
  void OnWritable() override {
    if (connection_ && !finishing_) {
      connection_->OnWritable();
    }
  }
  void OnClosed(Status reason) override {
    if (!connected_) {
      ++server_.stats_.handshake_failures;
      Tell(RefusedConnection::kHandshake, reason.message());
    }
    Remove();
  }

  void Tell(RefusedConnection reason, std::string_view detail) {
    if (server_.options_.watch) {
      server_.options_.watch->OnRefused(reason, stream_->socket().peer(), detail);
    }
  }
  void Choose();
  void Begin(bool http2);
  // HTTP/1.1 becomes HTTP/2.
  void Upgrade(Http2Upgrade upgrade);
  ServerEnv NewEnv();
  // The connection gets what came before it was there.
  void Continue(const Rope& early);
  void Misdirected(std::string_view why);
  void Finish();

  HttpServer& server_;
  Shard& shard_;
  Worker& worker_;
  const size_t index_;
  std::unique_ptr<Stream> stream_;
  ConnectionSlot slot_;
  std::unique_ptr<ServerConnection> connection_;
  Rope early_;  // bytes that came before the protocol was known
  Timer timer_;
  TimePoint last_data_;
  bool connected_ = false;
  bool draining_ = false;
  bool finishing_ = false;
  bool removed_ = false;
};

struct HttpServer::Shard {
  Worker* worker = nullptr;
  std::unordered_map<Session*, std::unique_ptr<Session>> sessions;
  bool draining = false;
  bool reported_empty = false;
};

void HttpServer::Session::OnConnected() {
  connected_ = true;
  ++server_.stats_.connections;
  timer_ = worker_.RunAfter(kFirstByteWait, [this] { Finish(); });
  const bool h2 = stream_->tls() && stream_->tls()->alpn == "h2";
  if (h2 || (stream_->tls() && server_.options_.http1)) {
    Begin(h2);
  } else if (server_.options_.http1) {
    const Http1ServerOptions& http1 = server_.options_.http1_options;
    const Duration idle =
        http1.idle_timeout > Duration::zero() ? http1.idle_timeout : http1.read_timeout;
    if (idle > Duration::zero()) {
      timer_ = worker_.RunAfter(idle, [this] { Finish(); });
    }
  }
}

void HttpServer::Session::OnData(Slice bytes) {
  if (finishing_) {
    return;  // reads on only so that the peer's unread bytes do not reset the connection
  }
  timer_.Cancel();
  last_data_ = worker_.Now();
  if (connection_) {
    return connection_->OnData(std::move(bytes));
  }
  early_.Append(Slice::CopyOf(bytes.span()));  // a slab would be kept for a few bytes
  Choose();
}

void HttpServer::Session::Choose() {
  const HttpServerOptions& options = server_.options_;
  const std::string begin = early_.Sub(0, std::min(early_.size(), kHttp2Preface.size())).ToString();
  if (begin == kHttp2Preface) {
    if (options.http2_plain || !options.http1) {
      Begin(true);
    } else {
      Misdirected("HTTP/2 is not spoken here.");
    }
  } else if (begin.starts_with(kTlsRecord) && !stream_->tls()) {
    Misdirected("This port takes plain connections, and the client began with TLS.");
  } else if (!kHttp2Preface.starts_with(begin)) {
    if (options.http1) {
      Begin(false);
    } else {
      Misdirected("This port takes HTTP/2 only.");
    }
  } else {
    timer_ = worker_.RunAfter(kPrefaceWait, [this] { Finish(); });
  }
}

// HTTP/1.1 is what all who may be here understand, or at least show to their user.
void HttpServer::Session::Misdirected(std::string_view why) {
  Tell(RefusedConnection::kWrongPort, why);
  const std::string& other = server_.options_.other_port;
  const std::string text = fmt::format("{}{}{}\n", why, other.empty() ? "" : " ", other);
  stream_->Write(Rope::CopyOf(
      fmt::format("HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\n"
                  "content-length: {}\r\nconnection: close\r\n\r\n{}",
                  text.size(), text)));
  early_.Clear();
  Finish();
}

ServerEnv HttpServer::Session::NewEnv() {
  auto peer = std::make_shared<PeerInfo>();
  peer->remote = stream_->socket().peer();
  peer->local = stream_->socket().local();
  peer->tls = stream_->tls() != nullptr;
  peer->subject = peer->tls ? stream_->tls()->peer_subject : "";
  return {.worker = worker_,
          .worker_index = index_,
          .stream = *stream_,
          .handler = *server_.handler_,
          .shares = server_.SharesFor(peer->remote),
          .max_body_bytes = server_.options_.max_body_bytes,
          .peer = std::move(peer),
          .finish = [this] { Finish(); },
          .watch = server_.options_.watch};
}

void HttpServer::Session::Begin(bool http2) {
  ServerEnv env = NewEnv();
  if (!http2 && !env.peer->tls && server_.options_.http2_plain) {
    env.upgrade = [this](Http2Upgrade upgrade) { Upgrade(std::move(upgrade)); };
  }
  connection_ = http2 ? NewHttp2ServerConnection(server_.options_.http2_options, std::move(env))
                      : NewHttp1ServerConnection(server_.options_.http1_options, std::move(env));
  Continue(std::exchange(early_, Rope()));
}

void HttpServer::Session::Upgrade(Http2Upgrade upgrade) {
  // It is the one that calls.
  worker_.DeferDelete(std::exchange(connection_, nullptr));
  const Rope rest = std::exchange(upgrade.rest, Rope());
  connection_ = UpgradeToHttp2(server_.options_.http2_options, NewEnv(), std::move(upgrade));
  Continue(rest);
}

void HttpServer::Session::Continue(const Rope& early) {
  for (const Slice& slice : early.slices()) {
    OnData(slice);
  }
  if (draining_ && !finishing_) {
    connection_->Drain();
  }
}

void HttpServer::Session::OnEnd() {
  if (finishing_) {
    return;
  }
  if (connection_) {
    return connection_->OnEnd();
  }
  Finish();
}

void HttpServer::Session::Drain() {
  draining_ = true;
  if (connection_) {
    connection_->Drain();
  } else {
    // A client that has just connected knows of no other server: it gets a moment to say what it
    // speaks, so that it can be told properly to go elsewhere.
    timer_ = worker_.RunAfter(kDrainFirstByteWait, [this] { Finish(); });
  }
}

void HttpServer::Session::Finish() {
  if (finishing_) {
    return;
  }
  finishing_ = true;
  stream_->ResumeRead();
  stream_->ShutdownWrite();
  timer_ = worker_.RunAfter(kLinger, [this] { Remove(); });
}

void HttpServer::Session::Remove() {
  if (removed_) {
    return;
  }
  Silence();
  auto node = shard_.sessions.extract(this);
  GAPLESS_CHECK(!node.empty());
  server_.DeleteLater(shard_, std::move(node.mapped()));
  if (shard_.draining && shard_.sessions.empty() && !std::exchange(shard_.reported_empty, true)) {
    server_.workers_[0]->Post([server = server_.shared_from_this()] { server->ShardEmpty(); });
  }
}

RequestShares HttpServer::SharesFor(const SocketAddress& client) {
  return {.bodies = std::make_shared<BudgetShare>(budget_, body_clients_.Of(client)),
          .heads = std::make_shared<BudgetShare>(heads_, head_clients_.Of(client))};
}

std::shared_ptr<HttpServer> HttpServer::Create(std::vector<Worker*> workers,
                                               HttpServerOptions options,
                                               std::shared_ptr<HttpHandler> handler) {
  return std::shared_ptr<HttpServer>(
      new HttpServer(std::move(workers), std::move(options), std::move(handler)));
}

HttpServer::HttpServer(std::vector<Worker*> workers, HttpServerOptions options,
                       std::shared_ptr<HttpHandler> handler)
    : workers_(std::move(workers)),
      options_(std::move(options)),
      handler_(std::move(handler)),
      budget_(std::make_shared<BodyBudget>(options_.max_inflight_body_bytes, options_.memory)),
      heads_(std::make_shared<BodyBudget>(
          std::max(kLeastHeads, options_.max_inflight_body_bytes / options_.header_share),
          options_.memory, MemoryUse::kHeaders)) {
  for (Worker* worker : workers_) {
    shards_.push_back(std::make_unique<Shard>());
    shards_.back()->worker = worker;
  }
}

HttpServer::~HttpServer() = default;

void HttpServer::OnAccept(Worker& worker, size_t index, Fd fd, ConnectionSlot slot) {
  Shard& shard = *shards_[index];
  if (shard.draining) {
    return;  // accepted for us at the last moment: closing it unread lets the client try again
  }
  std::unique_ptr<Stream> stream =
      options_.tls ? AcceptTls(worker, std::move(fd), options_.tls, options_.stream)
                   : AcceptPlain(worker, std::move(fd), options_.stream);
  auto session =
      std::make_unique<Session>(*this, shard, worker, index, std::move(stream), std::move(slot));
  Session* started = session.get();
  shard.sessions.emplace(started, std::move(session));
  started->Start();
}

void HttpServer::OnAcceptFailed(std::string_view why) {
  if (options_.watch) {
    options_.watch->OnRefused(RefusedConnection::kAccept, SocketAddress(), why);
  }
}

void HttpServer::MakeRoom() {
  for (const std::unique_ptr<Shard>& shard : shards_) {
    shard->worker->Post([self = shared_from_this(), &shard] { self->CloseIdle(*shard); });
  }
}

void HttpServer::CloseIdle(Shard& shard) {
  const TimePoint before = shard.worker->Now() - kQuietMin;
  std::vector<Session*> idle;
  for (const auto& [session, owner] : shard.sessions) {
    if (session->idle() && session->last_data() <= before) {
      idle.push_back(session);
    }
  }
  const size_t count =
      std::min(idle.size(), std::max(kCloseAtOnce, shard.sessions.size() / kClosePart));
  std::ranges::partial_sort(idle, idle.begin() + static_cast<std::ptrdiff_t>(count), {},
                            &Session::last_data);
  idle.resize(count);
  for (Session* session : idle) {
    session->Remove();
  }
}

void HttpServer::DeleteLater(Shard& shard, std::unique_ptr<Session> session) {
  // The session looks back at the server while it dies; the captures die last to first.
  shard.worker->Post([self = shared_from_this(), session = std::move(session)] {});
}

void HttpServer::Drain(TimePoint deadline, Task done) {
  GAPLESS_CHECK(workers_[0]->InThread() && !drained_);
  drained_ = std::move(done);
  shards_left_ = shards_.size();
  for (const std::unique_ptr<Shard>& shard : shards_) {
    shard->worker->Post([self = shared_from_this(), &shard] { self->DrainShard(*shard); });
  }
  drain_timer_ = workers_[0]->RunAt(deadline, [this] {
    for (const std::unique_ptr<Shard>& shard : shards_) {
      shard->worker->Post([self = shared_from_this(), &shard] { self->CutShard(*shard); });
    }
  });
}

void HttpServer::DrainShard(Shard& shard) {
  shard.draining = true;
  std::vector<Session*> sessions;
  for (const auto& [session, owner] : shard.sessions) {
    sessions.push_back(session);
  }
  for (Session* session : sessions) {
    session->Drain();
  }
  if (shard.sessions.empty() && !std::exchange(shard.reported_empty, true)) {
    workers_[0]->Post([self = shared_from_this()] { self->ShardEmpty(); });
  }
}

void HttpServer::CutShard(Shard& shard) {
  auto sessions = std::exchange(shard.sessions, {});
  for (auto& [session, owner] : sessions) {
    session->Silence();
    DeleteLater(shard, std::move(owner));
  }
  if (!std::exchange(shard.reported_empty, true)) {
    workers_[0]->Post([self = shared_from_this()] { self->ShardEmpty(); });
  }
}

void HttpServer::ShardEmpty() {
  if (--shards_left_ == 0) {
    drain_timer_.Cancel();
    std::exchange(drained_, Task())();
  }
}

}  // namespace gapless::net
