// StreamHistory: the streams of a client that are over, as far as their frames still matter (RFC
// 9113 section 5.1). Pure.
//
// nghttp2 forgets a stream with its end and takes no notice of what comes for it afterwards, as
// that may have crossed our RST_STREAM on the wire. Of a stream that the client itself has ended
// nothing can have crossed: it breaks the protocol.
#pragma once

#include "base/bytes.h"
#include "net/http2/frame_meter.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include <nghttp2/nghttp2.h>

namespace gapless::net {

class StreamHistory {
 public:
  // kByClient: it sent END_STREAM or RST_STREAM. kByUs: it may still have been sending.
  enum class End : uint8_t { kByClient, kByUs };

  void OnBegun(int32_t id) { last_begun_ = std::max(last_begun_, id); }
  // `left`: so many bytes of its body should still come, if that was told.
  void OnEnded(int32_t id, End how, std::optional<size_t> left = {}) {
    Ended& slot = ended_[next_++ % kKept];
    forgotten_ = std::max(forgotten_, slot.id);
    slot = {.id = id, .how = how, .left = left};
  }
  bool Knows(int32_t id) const { return std::ranges::find(ended_, id, &Ended::id) != ended_.end(); }
  // Whether it is clear that the stream was never begun: whoever begins one closes those below
  // (section 5.1.1). Precondition: it is not open.
  bool NeverBegun(int32_t id) const {
    return id > 0 && id < last_begun_ && id > forgotten_ && !Knows(id);
  }
  // The highest number so far.
  int32_t last_begun() const { return last_begun_; }
  // What is wrong with a frame on a stream that is not open, as a code for the connection; nullopt:
  // nothing, or it is nghttp2's to say. `payload`: what is there of it.
  std::optional<uint32_t> Judge(const FrameHead& frame, ByteSpan payload) {
    const bool data = frame.type == NGHTTP2_DATA;
    const bool headers = frame.type == NGHTTP2_HEADERS;
    const bool reset = frame.type == NGHTTP2_RST_STREAM;
    const int32_t id = frame.stream;
    if (id <= 0 || id % 2 == 0 || id > last_begun_) {
      return std::nullopt;
    }
    if (frame.type == NGHTTP2_WINDOW_UPDATE && IsZero(payload)) {
      return NGHTTP2_PROTOCOL_ERROR;  // section 6.9, in whatever state
    }
    if (!data && !headers && !reset) {
      return std::nullopt;
    }
    const auto found = std::ranges::find(ended_, id, &Ended::id);
    if (found == ended_.end()) {
      const bool wrong = !reset && NeverBegun(id);
      return wrong ? std::optional<uint32_t>(NGHTTP2_PROTOCOL_ERROR) : std::nullopt;
    }
    if (found->how == End::kByClient) {
      return reset ? std::nullopt : std::optional<uint32_t>(NGHTTP2_STREAM_CLOSED);
    }
    const bool last = (frame.flags & NGHTTP2_FLAG_END_STREAM) != 0 && !reset;
    if (last || reset) {
      found->how = End::kByClient;
    }
    // Trailers end their stream, and a body has the length that was told (section 8.1).
    const bool malformed = (headers && !last) || (data && !Fits(*found, frame, last));
    return malformed ? std::optional<uint32_t>(NGHTTP2_PROTOCOL_ERROR) : std::nullopt;
  }

 private:
  // Of those before nothing is known: what comes for them is let pass.
  static constexpr size_t kKept = 32;

  static bool IsZero(ByteSpan payload) {
    constexpr size_t kSize = 4;
    return payload.size() == kSize &&
           std::ranges::all_of(payload, [](std::byte byte) { return byte == std::byte{0}; });
  }

  struct Ended {
    int32_t id = 0;
    End how = End::kByUs;
    std::optional<size_t> left = {};
  };
  // DATA of a body whose length was told.
  static bool Fits(Ended& stream, const FrameHead& frame, bool last) {
    if (!stream.left || (frame.flags & NGHTTP2_FLAG_PADDED) != 0) {
      stream.left.reset();
      return true;
    }
    const bool fits = frame.length <= *stream.left && (!last || frame.length == *stream.left);
    *stream.left -= std::min(*stream.left, frame.length);
    return fits;
  }
  std::array<Ended, kKept> ended_ = {};
  size_t next_ = 0;
  int32_t forgotten_ = 0;  // the highest of those that are not kept any more
  int32_t last_begun_ = 0;
};

// What the frames of one read do to each other, as they are looked at before nghttp2 gets them.
class FramesOfRead {
 public:
  // STREAM_CLOSED: it comes behind a RST_STREAM.
  std::optional<uint32_t> OnFrame(const FrameHead& frame) {
    const bool data = frame.type == NGHTTP2_DATA;
    const bool headers = frame.type == NGHTTP2_HEADERS;
    if (frame.type == NGHTTP2_RST_STREAM) {
      reset_[resets_++ % reset_.size()] = frame.stream;
    } else if ((data || headers) && resets_ > 0 &&
               std::ranges::find(reset_, frame.stream) != reset_.end()) {
      return NGHTTP2_STREAM_CLOSED;
    }
    if (headers && frame.stream < last_) {
      fallen_ = frame.stream;
    } else if (headers) {
      last_ = frame.stream;
    }
    return std::nullopt;
  }
  // nghttp2 has them. The number of a stream that came behind a higher one, which may have been
  // begun before; 0: none.
  int32_t Finish() {
    if (resets_ > 0) {
      reset_ = {};
      resets_ = 0;
    }
    return std::exchange(fallen_, 0);
  }

 private:
  std::array<int32_t, 8> reset_ = {};
  size_t resets_ = 0;
  int32_t last_ = 0;
  int32_t fallen_ = 0;
};

// What is wrong with a PRIORITY frame. Its content is of no interest, so nghttp2 does not look at
// it (SETTINGS_NO_RFC7540_PRIORITIES), but its form is not free (RFC 9113 section 6.3, RFC 7540
// section 5.3.1).
inline std::optional<uint32_t> JudgePriority(const FrameHead& frame, ByteSpan payload) {
  constexpr size_t kSize = 5;
  if (frame.length != kSize) {
    return NGHTTP2_FRAME_SIZE_ERROR;
  }
  uint32_t parent = 0;
  for (const std::byte byte : payload.first(std::min<size_t>(payload.size(), 4))) {
    parent = parent << 8 | std::to_integer<uint32_t>(byte);
  }
  const bool own =
      payload.size() == kSize && (parent & 0x7fffffffU) == static_cast<uint32_t>(frame.stream);
  return frame.stream == 0 || own ? std::optional<uint32_t>(NGHTTP2_PROTOCOL_ERROR) : std::nullopt;
}

}  // namespace gapless::net
