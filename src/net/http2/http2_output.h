// Http2Output: frames on their way to the stream. Heads are packed into the slab of the thread,
// bodies stay slices. Internal to net.
#pragma once

#include "net/http2/http2_streams.h"
#include "net/loop/stream.h"
#include "net/loop/thread_slab.h"

#include <utility>

#include <nghttp2/nghttp2.h>

namespace gapless::net {

class Http2Output {
 public:
  explicit Http2Output(Stream& stream) : stream_(stream) {}

  // nghttp2's callbacks for sending frames and DATA frames.
  ssize_t Send(ByteSpan bytes) {
    if (stream_.above_high_watermark()) {
      return NGHTTP2_ERR_WOULDBLOCK;
    }
    Append(bytes);
    return static_cast<ssize_t>(bytes.size());
  }
  int SendBody(Http2Answer& answer, const uint8_t* head, size_t size) {
    if (stream_.above_high_watermark()) {
      return NGHTTP2_ERR_WOULDBLOCK;
    }
    Append(AsBytes(Http2Text(head, kFrameHead)));
    answer.body().Take(size, frames_);
    return 0;
  }
  // So long the peer has not read what was sent; zero: it does.
  Duration UnreadFor(TimePoint now) { return unread_.Look(stream_.above_high_watermark(), now); }
  // Whether a Flush is on its way; what it was before.
  bool SetScheduled(bool on) { return std::exchange(scheduled_, on); }
  // Gives what was sent to the stream.
  void Flush() {
    if (!frames_.empty()) {
      stream_.Write(std::exchange(frames_, Rope()));
    }
  }

 private:
  // For frame headers and HEADERS frames that wait to be sent.
  static constexpr size_t kFrameSlab = 64 * 1024;
  static constexpr size_t kFrameHead = 9;

  void Append(ByteSpan bytes) {
    thread_local ThreadSlab memory(kFrameSlab);
    frames_.Append(memory.Copy(bytes));
  }

  Stream& stream_;
  Rope frames_;
  UnreadClock unread_;
  bool scheduled_ = false;
};

}  // namespace gapless::net
