// The Stream over a plain TCP or unix socket. One edge-triggered watch for the connection's life.
#include "base/lifetime.h"
#include "fmt/format.h"
#include "net/loop/socket_io.h"
#include "net/loop/stream.h"
#include "net/loop/worker.h"

#include <optional>
#include <utility>

namespace gapless::net {
namespace {

// One turn reads at most this much from one connection, for so long, so that the others get theirs.
constexpr size_t kReadPerTurn = 1024 * 1024;
constexpr auto kReadTime = std::chrono::milliseconds(1);
// So many bytes are not held back for others of the same turn.
constexpr size_t kFlushAt = 128 * 1024;

class SocketStream final : public Stream {
 public:
  // A socket that is not open is connected when the stream is started.
  SocketStream(Worker& worker, Socket socket, const StreamOptions& options)
      : worker_(worker),
        options_(options),
        socket_(std::move(socket)),
        reader_(socket_, options.read_buffer_bytes),
        writer_(socket_, options.high_watermark_bytes, options.low_watermark_bytes) {}
  ~SocketStream() override { Close(); }

  void Start(StreamHandler* handler) override {
    GAPLESS_CHECK(state_ == State::kNew);
    handler_ = handler;
    state_ = State::kConnecting;
    if (socket_.fd().valid()) {
      return Later(&SocketStream::OnConnected);
    }
    BeginConnect();
  }
  void Write(Rope bytes) override {
    if (state_ == State::kDead || writer_.ending() || bytes.empty()) {
      return;
    }
    writer_.Add(bytes);
    if (writer_.pending() >= kFlushAt) {
      Flush();
    } else if (!flush_scheduled_ && state_ == State::kConnected) {
      // Writes of one turn leave with one system call.
      flush_scheduled_ = true;
      Later(&SocketStream::FlushNow);
    }
    writer_.NoteLevel();
  }
  void ShutdownWrite() override {
    if (state_ != State::kDead && !writer_.ending()) {
      writer_.End();
      Flush();
    }
  }
  void PauseRead() override {
    reader_.Pause();
    if (reader_.hung_up()) {
      Later(&SocketStream::ReportHangup);
    }
  }
  void ResumeRead() override {
    if (!reader_.paused()) {
      return;
    }
    reader_.Resume();
    if (reader_.wanted() && !read_scheduled_ && state_ == State::kConnected) {
      ReadLater();
    }
  }
  void Close() override {
    if (state_ == State::kDead) {
      return;
    }
    if (flush_scheduled_) {
      Flush();  // a last word that was written in this turn
    }
    state_ = State::kDead;
    handler_ = nullptr;
    connect_timer_.Cancel();
    watch_.Reset();
    socket_.Close();
    writer_.Clear();
  }
  bool above_high_watermark() const override { return writer_.above_high(); }
  Socket& socket() override { return socket_; }
  const TlsTerms* tls() const override { return nullptr; }

 private:
  enum class State : uint8_t { kNew, kConnecting, kConnected, kDead };

  void BeginConnect() {
    const Result<bool> connected = socket_.Connect();
    if (!connected.ok()) {
      return FailLater(connected.status());
    }
    if (*connected) {
      return Later(&SocketStream::OnConnected);
    }
    Watch();
    if (options_.connect_timeout > Duration::zero()) {
      connect_timer_ = worker_.RunAfter(options_.connect_timeout, [this] {
        Fail(Unavailable(fmt::format("dial {}: timed out", socket_.peer().ToString())));
      });
    }
  }
  void OnConnected() {
    if (state_ != State::kConnecting) {
      return;
    }
    connect_timer_.Cancel();
    state_ = State::kConnected;
    socket_.OnConnected(options_.tcp_keepalive, options_.tcp_user_timeout, worker_.Now());
    writer_.OnWritable();
    if (!watch_.active()) {
      Watch();
    }
    handler_->OnConnected();
    Flush();
  }
  void Watch() {
    watch_ = worker_.Watch(socket_.fd().get(), kIoRead | kIoWrite | kIoEdge,
                           [this](uint32_t events) { OnIo(events); });
  }
  void OnIo(uint32_t events);
  void ReadSome();
  // With others that have much to read, in the order of their coming.
  void ReadLater() {
    read_scheduled_ = true;
    worker_.RunNextTurn(lifetime_.Guard([this] { ReadSome(); }));
  }
  void Flush() {
    if (state_ != State::kConnected || failure_) {
      return;
    }
    if (Status status = writer_.Flush(); !status.ok()) {
      FailLater(std::move(status));
    } else if (writer_.ended() && reader_.ended()) {
      Later(&SocketStream::FinishIfBothEnded);
    }
  }
  void FlushNow() {
    flush_scheduled_ = false;
    Flush();
  }
  void FinishIfBothEnded() {
    if (state_ == State::kConnected && reader_.ended() && writer_.ended()) {
      Fail(Unavailable("connection closed"));
    }
  }
  // A reader that waits for something else hears that its peer has left.
  void ReportHangup() {
    if (state_ == State::kConnected && reader_.TakeHangup()) {
      handler_->OnHangup();
    }
  }
  // Ends the stream and tells the handler, now.
  void Fail(Status reason) {
    StreamHandler* handler = handler_;
    Close();
    if (handler) {
      handler->OnClosed(std::move(reason));
    }
  }
  // The same on a later turn: for calls that come from the owner.
  void FailLater(Status reason) {
    if (!failure_) {
      failure_ = std::move(reason);
      Later(&SocketStream::DeliverFailure);
    }
  }
  void DeliverFailure() {
    if (state_ != State::kDead && failure_) {
      Fail(*failure_);
    }
  }
  // Runs `method` on a later turn unless the stream is gone.
  void Later(void (SocketStream::*method)()) {
    worker_.Post(lifetime_.Guard([this, method] { (this->*method)(); }));
  }

  Worker& worker_;
  const StreamOptions options_;
  StreamHandler* handler_ = nullptr;
  State state_ = State::kNew;
  Socket socket_;
  SocketReader reader_;
  SocketWriter writer_;
  bool read_scheduled_ = false;
  bool flush_scheduled_ = false;
  std::optional<Status> failure_;
  IoWatch watch_;
  Timer connect_timer_;
  Lifetime lifetime_;
};

void SocketStream::OnIo(uint32_t events) {
  if (state_ == State::kConnecting && (events & (kIoWrite | kIoError))) {
    if (const int error = socket_.TakeError()) {
      return Fail(socket_.DialFailed(error));
    }
    OnConnected();
  }
  if (state_ != State::kConnected) {
    return;
  }
  if (events & kIoWrite) {
    writer_.OnWritable();
    Flush();
    if (writer_.TakeRelief()) {
      handler_->OnWritable();
    }
  }
  if (state_ == State::kConnected && (events & (kIoRead | kIoError | kIoHangup))) {
    reader_.OnReadable((events & kIoHangup) != 0);
    if (reader_.paused() && (events & kIoError)) {
      if (const int error = socket_.TakeError()) {
        return Fail(ConnectionLost(error));
      }
    }
    if (!read_scheduled_) {  // or it has its place among those that read later
      ReadSome();
    }
    ReportHangup();
  }
}

void SocketStream::ReadSome() {
  read_scheduled_ = false;
  size_t total = 0;
  const auto begin = std::chrono::steady_clock::now();
  while (state_ == State::kConnected && reader_.wanted()) {
    if (total >= kReadPerTurn ||
        (total > 0 && std::chrono::steady_clock::now() - begin >= kReadTime)) {
      return ReadLater();
    }
    Result<Slice> bytes = reader_.Read(worker_.Now());
    if (!bytes.ok()) {
      return Fail(bytes.status());
    }
    total += bytes->size();
    if (!bytes->empty()) {
      handler_->OnData(*std::move(bytes));
    } else if (reader_.ended()) {
      handler_->OnEnd();
      return FinishIfBothEnded();
    }
  }
}

}  // namespace

std::unique_ptr<Stream> ConnectPlain(Worker& worker, const SocketAddress& address,
                                     const StreamOptions& options) {
  return std::make_unique<SocketStream>(worker, Socket(address), options);
}

std::unique_ptr<Stream> AcceptPlain(Worker& worker, Fd fd, const StreamOptions& options) {
  return std::make_unique<SocketStream>(worker, Socket(std::move(fd)), options);
}

}  // namespace gapless::net
