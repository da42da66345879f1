#include "net/dial/proxy_stream.h"

#include "fmt/format.h"
#include "net/http1/http1_parser.h"
#include "net/loop/stream.h"
#include "net/loop/worker.h"

#include <utility>

namespace gapless::net {
namespace {

// A plain stream that shows itself connected once the proxy has said 200.
class ProxyStream final : public Stream, private StreamHandler, private Http1Parser::Sink {
 public:
  ProxyStream(Worker& worker, const SocketAddress& proxy, const ProxyRoute& route,
              const StreamOptions& options)
      : socket_(ConnectPlain(worker, proxy, options)),
        parser_(Http1Parser::Mode::kResponse, {.max_head_bytes = 16 * 1024}, this) {
    connect_ = fmt::format("CONNECT {0} HTTP/1.1\r\nhost: {0}\r\n", route.target);
    if (!route.authorization.empty()) {
      connect_ += fmt::format("proxy-authorization: {}\r\n", route.authorization);
    }
    connect_ += "\r\n";
    // Whatever the fields of a response to CONNECT say, the tunnel begins after its head.
    parser_.ExpectNoBody();
    deadline_ = worker.RunAfter(options.connect_timeout, [this] {
      Fail(Unavailable("the proxy did not open the tunnel in time"));
    });
  }

  void Start(StreamHandler* handler) override {
    handler_ = handler;
    socket_->Start(this);
  }
  void Write(Rope bytes) override {
    if (open_) {
      socket_->Write(std::move(bytes));
    } else {
      early_.Append(std::move(bytes));
    }
  }
  void ShutdownWrite() override { socket_->ShutdownWrite(); }
  void PauseRead() override { socket_->PauseRead(); }
  void ResumeRead() override { socket_->ResumeRead(); }
  void Close() override {
    handler_ = nullptr;
    deadline_.Cancel();
    socket_->Close();
  }
  bool above_high_watermark() const override { return socket_->above_high_watermark(); }
  Socket& socket() override { return socket_->socket(); }
  const TlsTerms* tls() const override { return nullptr; }

 private:
  void OnConnected() override { socket_->Write(Rope::CopyOf(connect_)); }
  void OnData(Slice bytes) override;
  void OnEnd() override {
    if (open_) {
      handler_->OnEnd();
    } else {
      Fail(Unavailable("the proxy closed the connection"));
    }
  }
  void OnWritable() override {
    if (open_) {
      handler_->OnWritable();
    }
  }
  void OnClosed(Status reason) override {
    Fail(open_ ? std::move(reason) : reason.Annotate("proxy"));
  }

  Status OnHead(Http1Head head) override {
    status_ = head.status;
    return OkStatus();
  }
  Status OnBody(Slice) override { return OkStatus(); }
  void OnComplete() override { answered_ = status_ >= 200; }

  void Fail(Status reason) {
    StreamHandler* handler = handler_;
    Close();
    if (handler != nullptr) {
      handler->OnClosed(std::move(reason));
    }
  }

  std::unique_ptr<Stream> socket_;
  Http1Parser parser_;
  StreamHandler* handler_ = nullptr;
  std::string connect_;
  Rope early_;  // written before the tunnel was open
  int status_ = 0;
  bool answered_ = false;
  bool open_ = false;
  Timer deadline_;
};

void ProxyStream::OnData(Slice bytes) {
  if (open_) {
    handler_->OnData(std::move(bytes));
    return;
  }
  size_t used = 0;
  while (!answered_ && used < bytes.size()) {
    const Result<size_t> taken = parser_.Feed(bytes.Sub(used, bytes.size() - used));
    if (!taken.ok()) {
      Fail(Unavailable(taken.status().Annotate("proxy").message()));
      return;
    }
    used += *taken;
  }
  if (!answered_) {
    return;
  }
  if (status_ > 299) {
    Fail(Unavailable(fmt::format("the proxy answered CONNECT with status {}", status_)));
    return;
  }
  open_ = true;
  deadline_.Cancel();
  socket_->Write(std::exchange(early_, Rope()));
  handler_->OnConnected();
  if (handler_ != nullptr && used < bytes.size()) {
    handler_->OnData(bytes.Sub(used, bytes.size() - used));
  }
}

}  // namespace

std::unique_ptr<Stream> ConnectViaProxy(Worker& worker, const SocketAddress& proxy,
                                        const ProxyRoute& route,
                                        std::shared_ptr<TlsClientContext> tls,
                                        const std::string& server_name,
                                        const StreamOptions& options) {
  auto tunnel = std::make_unique<ProxyStream>(worker, proxy, route, options);
  return tls ? TlsOver(worker, std::move(tunnel), std::move(tls), server_name, options)
             : std::move(tunnel);
}

}  // namespace gapless::net
