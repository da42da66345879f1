// FrameMeter: follows the frames of an HTTP/2 client, so that one connection neither takes the
// worker for long nor sends frames without end that carry nothing (RFC 9113 section 10.5). Pure.
//
// Frames that carry no request cost points; answered requests and time earn them back. Whoever has
// none left floods.
#pragma once

#include "base/bytes.h"
#include "base/loop.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gapless::net {

// RFC 9113 section 4.1.
struct FrameHead {
  size_t length = 0;  // of the payload
  uint8_t type = 0;
  uint8_t flags = 0;
  int32_t stream = 0;
};

class FrameMeter {
 public:
  explicit FrameMeter(TimePoint now) : earned_until_(now) {}

  // Takes note of the next bytes up to the end of the frame in which `max_frames` are reached, or
  // of all: how many that were. HEADERS count for several, as a request follows. `now`: any time
  // that never falls. `see` is called for each frame that begins, with what is there of its
  // payload.
  template <typename See>
  size_t Follow(ByteSpan bytes, size_t max_frames, TimePoint now, See see) {
    Earn(now);
    size_t at = 0;
    for (size_t frames = 0; at < bytes.size();) {
      if (payload_left_ > 0) {
        const size_t part = std::min(payload_left_, bytes.size() - at);
        payload_left_ -= part;
        at += part;
        continue;
      }
      if (frames >= max_frames) {
        break;
      }
      while (head_bytes_ < kHead && at < bytes.size()) {
        head_[head_bytes_++] = std::to_integer<uint8_t>(bytes[at++]);
      }
      if (head_bytes_ == kHead) {
        head_bytes_ = 0;
        frames += head_[3] == kHeaders ? kPerRequest : 1;
        const FrameHead head = OnFrame();
        see(head, bytes.subspan(at, std::min(head.length, bytes.size() - at)));
      }
    }
    return at;
  }
  size_t Follow(ByteSpan bytes, size_t max_frames, TimePoint now) {
    return Follow(bytes, max_frames, now, [](const FrameHead&, ByteSpan) {});
  }

  // An answer went out.
  void OnAnswer() { points_ = std::min(points_ + kPerAnswer, kMost); }
  // A stream that the client could have known to be too many.
  void OnRefusedStream() { Spend(5, "streams above the limit"); }
  void OnHeaderTooLarge() { Spend(100, "headers above the limit"); }
  // A header that became larger by so many bytes than its frames can account for: it repeats
  // entries of the table (RFC 7541 section 7.3).
  void OnExpansion(size_t bytes) {
    Spend(static_cast<int64_t>(bytes / kExpansionPoint), "headers that expand");
  }
  // Bytes of a decoded header, names and values.
  void OnHeaderBytes(size_t bytes) {
    header_bytes_ += bytes;
    Spend(static_cast<int64_t>(header_bytes_ / kHeaderPoint), "headers");
    header_bytes_ %= kHeaderPoint;
  }

  // Somebody else has seen a flood.
  void OnFlood() { points_ = std::min<int64_t>(points_, -1); }
  bool flooded() const { return points_ < 0; }
  // The kind of frame that was the last drop.
  std::string_view last_drop() const { return last_drop_; }

 private:
  static constexpr size_t kHead = 9;
  static constexpr size_t kPreface = 24;
  static constexpr int64_t kMost = 10'000;
  static constexpr int64_t kPerSecond = 1000;
  static constexpr int64_t kPerAnswer = 20;
  static constexpr size_t kTinyData = 256;
  static constexpr size_t kHeaderPoint = 1024;
  static constexpr size_t kExpansionPoint = 32;
  static constexpr uint8_t kHeaders = 1;
  static constexpr size_t kPerRequest = 4;

  struct Kind {
    std::string_view name;
    int64_t cost;
  };
  // By the number of the type. DATA: of a small frame that does not end its stream. RST_STREAM: a
  // burst of 2,000 and 200 a second is what deadlines in an outage cause.
  static constexpr std::array<Kind, 10> kKinds = {{{"DATA", 3},
                                                   {"HEADERS", 0},
                                                   {"PRIORITY", 2},
                                                   {"RST_STREAM", 5},
                                                   {"SETTINGS", 20},
                                                   {"PUSH_PROMISE", 20},
                                                   {"PING", 5},
                                                   {"GOAWAY", 20},
                                                   {"WINDOW_UPDATE", 2},
                                                   {"CONTINUATION", 5}}};
  static constexpr Kind kUnknown = {"unknown", 3};

  FrameHead OnFrame() {
    FrameHead head{.type = head_[3], .flags = head_[4]};
    for (size_t i = 0; i < 3; ++i) {
      head.length = head.length << 8 | head_[i];
    }
    uint32_t stream = head_[5] & 0x7fU;  // a bit is reserved
    for (size_t i = 6; i < kHead; ++i) {
      stream = stream << 8 | head_[i];
    }
    head.stream = static_cast<int32_t>(stream);
    payload_left_ = head.length;
    constexpr uint8_t kEndStream = 1;
    if (head.type != 0 || (head.length < kTinyData && !(head.flags & kEndStream))) {
      const Kind& kind = head.type < kKinds.size() ? kKinds[head.type] : kUnknown;
      Spend(kind.cost, kind.name);
    }
    return head;
  }
  void Spend(int64_t points, std::string_view what) {
    points_ -= points;
    if (points > 0) {
      last_drop_ = what;
    }
  }
  void Earn(TimePoint now) {
    constexpr auto kPoint = Duration(std::chrono::seconds(1)) / kPerSecond;
    const int64_t earned = (now - earned_until_) / kPoint;
    earned_until_ += earned * kPoint;
    // A flood is not forgotten before it was seen.
    points_ = flooded() ? points_ : std::min(points_ + earned, kMost);
  }

  int64_t points_ = kMost;
  TimePoint earned_until_;
  std::string_view last_drop_;
  size_t header_bytes_ = 0;
  size_t payload_left_ = kPreface;
  std::array<uint8_t, kHead> head_ = {};
  size_t head_bytes_ = 0;
};

}  // namespace gapless::net
