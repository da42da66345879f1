// StreamHistory: the streams of a client that are over, as far as their frames still matter (RFC
// 9113 section 5.1). Pure.
//
// nghttp2 forgets a stream with its end and takes no notice of what comes for it afterwards, as
// that may have crossed our RST_STREAM on the wire. Of a stream that the client itself has ended
// nothing can have crossed: it breaks the protocol.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <nghttp2/nghttp2.h>

namespace gapless::net {

class StreamHistory {
 public:
  // kByClient: it sent END_STREAM or RST_STREAM. kByUs: it may still have been sending.
  enum class End : uint8_t { kByClient, kByUs };

  void OnBegun(int32_t id) { last_begun_ = std::max(last_begun_, id); }
  void OnEnded(int32_t id, End how) {
    Ended& slot = ended_[next_++ % kKept];
    forgotten_ = std::max(forgotten_, slot.id);
    slot = {.id = id, .how = how};
  }
  // The highest number so far.
  int32_t last_begun() const { return last_begun_; }
  // What is wrong with a frame on a stream that is not open, as a code for the connection; nullopt:
  // nothing, or it is nghttp2's to say.
  std::optional<uint32_t> Judge(const nghttp2_frame_hd& head) const {
    const bool data = head.type == NGHTTP2_DATA;
    const bool headers = head.type == NGHTTP2_HEADERS;
    const int32_t id = head.stream_id;
    if ((!data && !headers) || id <= 0 || id % 2 == 0 || id > last_begun_) {
      return std::nullopt;
    }
    const auto found = std::ranges::find(ended_, id, &Ended::id);
    if (found == ended_.end()) {
      // Never begun: whoever begins a stream closes those below (section 5.1.1).
      return id > forgotten_ ? std::optional<uint32_t>(NGHTTP2_PROTOCOL_ERROR) : std::nullopt;
    }
    if (found->how == End::kByClient) {
      return NGHTTP2_STREAM_CLOSED;
    }
    // Trailers end their stream (section 8.1).
    const bool malformed = headers && (head.flags & NGHTTP2_FLAG_END_STREAM) == 0;
    return malformed ? std::optional<uint32_t>(NGHTTP2_PROTOCOL_ERROR) : std::nullopt;
  }

 private:
  // Of those before nothing is known: what comes for them is let pass.
  static constexpr size_t kKept = 64;

  struct Ended {
    int32_t id = 0;
    End how = End::kByUs;
  };
  std::array<Ended, kKept> ended_ = {};
  size_t next_ = 0;
  int32_t forgotten_ = 0;  // the highest of those that are not kept any more
  int32_t last_begun_ = 0;
};

}  // namespace gapless::net
