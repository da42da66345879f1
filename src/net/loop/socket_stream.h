// SocketStream: the Stream over a plain TCP or unix socket. Internal to net.
//
// One edge-triggered watch for the connection's life. Reading fills the thread's slab
// (thread_slab.h); writing gathers the queue with sendmsg.
#pragma once

#include "net/loop/stream.h"
#include "net/loop/worker.h"

#include <deque>
#include <memory>
#include <optional>
#include <string>

namespace gapless::net {

class SocketStream final : public Stream {
 public:
  // Dials `address` when started.
  SocketStream(Worker& worker, const SocketAddress& address, const StreamOptions& options);
  // Adopts a connected socket.
  SocketStream(Worker& worker, Fd fd, const StreamOptions& options);
  ~SocketStream() override;

  void Start(StreamHandler* handler) override;
  void Write(Rope bytes) override;
  void ShutdownWrite() override;
  void PauseRead() override;
  void ResumeRead() override;
  void Close() override;
  size_t pending_bytes() const override { return pending_; }
  bool above_high_watermark() const override { return above_high_; }
  uint64_t queued_bytes() const override { return sent_ + pending_; }
  uint64_t AckedBytes() const override;
  bool ReaderIsFull() override;
  StreamProgress progress() const override { return progress_; }
  Duration RoundTrip() const override;
  const SocketAddress& local_address() const override { return local_; }
  const SocketAddress& peer_address() const override { return peer_; }
  bool is_tls() const override { return false; }
  const std::string& alpn() const override;
  std::string peer_subject() const override { return {}; }

 private:
  enum class State : uint8_t { kNew, kConnecting, kConnected, kDead };

  void BeginConnect();
  void FinishConnect();
  void OnConnected();
  void SetSocketOptions();
  void SetUserTimeout(Duration timeout);
  void OnIo(uint32_t events);
  void ReadSome();
  void Flush();
  void FlushNow();
  bool SendOnce();
  void Advance(size_t sent);
  void ReportWritable();
  void FinishIfBothEnded();
  void ReportHangup();
  // Ends the stream and tells the handler, now.
  void Fail(Status reason);
  // The same on a later turn: for calls that come from the owner.
  void FailLater(Status reason);
  // Runs `method` on a later turn unless the stream is gone.
  void Later(void (SocketStream::*method)());
  void DeliverFailure();

  Worker& worker_;
  const StreamOptions options_;
  StreamHandler* handler_ = nullptr;
  State state_ = State::kNew;
  SocketAddress local_;
  SocketAddress peer_;
  Fd fd_;
  StreamProgress progress_;
  Duration user_timeout_{};
  bool reader_full_ = false;
  IoWatch watch_;
  Timer connect_timer_;
  // Points here until the stream is destroyed.
  std::shared_ptr<SocketStream*> self_ = std::make_shared<SocketStream*>(this);

  bool read_paused_ = false;
  bool readable_ = false;
  bool hangup_ = false;
  bool hangup_reported_ = false;
  bool read_ended_ = false;
  bool read_scheduled_ = false;

  bool writable_ = false;
  bool flush_scheduled_ = false;
  bool write_ending_ = false;
  bool write_ended_ = false;
  bool above_high_ = false;
  std::deque<Slice> queue_;
  size_t pending_ = 0;
  uint64_t sent_ = 0;
  std::optional<Status> failure_;
};

}  // namespace gapless::net
