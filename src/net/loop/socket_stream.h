// SocketStream: the Stream over a plain TCP or unix socket. Internal to net.
//
// One edge-triggered watch for the connection's life.
#pragma once

#include "base/lifetime.h"
#include "net/loop/socket_reader.h"
#include "net/loop/socket_writer.h"
#include "net/loop/stream.h"
#include "net/loop/worker.h"

#include <memory>
#include <optional>

namespace gapless::net {

class SocketStream final : public Stream {
 public:
  // A socket that is not open is connected when the stream is started.
  SocketStream(Worker& worker, Socket socket, const StreamOptions& options);
  ~SocketStream() override { Close(); }

  void Start(StreamHandler* handler) override;
  void Write(Rope bytes) override;
  void ShutdownWrite() override;
  void PauseRead() override;
  void ResumeRead() override;
  void Close() override;
  bool above_high_watermark() const override { return writer_.above_high(); }
  Socket& socket() override { return socket_; }
  const TlsTerms* tls() const override { return nullptr; }

 private:
  enum class State : uint8_t { kNew, kConnecting, kConnected, kDead };

  void BeginConnect();
  void OnConnected();
  void Watch();
  void OnIo(uint32_t events);
  void ReadSome();
  void Flush();
  void FlushNow();
  void FinishIfBothEnded();
  void ReportHangup();
  // Ends the stream and tells the handler, now.
  void Fail(Status reason);
  // The same on a later turn: for calls that come from the owner.
  void FailLater(Status reason);
  void DeliverFailure();
  // Runs `method` on a later turn unless the stream is gone.
  void Later(void (SocketStream::*method)());

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

}  // namespace gapless::net
