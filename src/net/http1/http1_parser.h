// HTTP/1.1 message parser (RFC 9112), incremental, for requests and responses. Pure: no I/O, no
// clock.
//
// A request is checked as it comes, so that what can never become one (TLS, rubbish) fails with its
// first wrong byte. Strict where leniency smuggles: no obs-fold, no bare CR, no space before the
// colon, no Content-Length beside Transfer-Encoding, no repeated differing Content-Length,
// `chunked` only as the sole transfer coding. Body bytes are handed out as slices of the input, not
// copied.
#pragma once

#include "base/bytes.h"
#include "base/status.h"
#include "net/http/http.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace gapless::net {

struct Http1Limits {
  size_t max_head_bytes = 64 * 1024;  // start line and all header fields; likewise for trailers
  size_t max_headers = 200;
  size_t max_request_line = 16 * 1024;  // bytes; checked while the line is incomplete
};

// Start line and header fields of one message.
struct Http1Head {
  // Request.
  std::string method;
  std::string target;
  // Response.
  int status = 0;
  // Both.
  int minor_version = 1;  // HTTP/1.x
  HttpHeaders headers;    // lower-case names, includes host
  bool keep_alive = true;
  bool expect_continue = false;
  bool chunked = false;
  std::optional<uint64_t> content_length;
  // A response that ends when the connection does.
  bool until_close = false;
};

class Http1Parser {
 public:
  enum class Mode : uint8_t { kRequest, kResponse };

  class Sink {
   public:
    virtual ~Sink() = default;
    // A failure stops the parser and is returned by Feed.
    virtual Status OnHead(Http1Head head) = 0;
    virtual Status OnBody(Slice bytes) = 0;
    // The message is complete; Feed returns after this call. Interim responses (1xx) come as OnHead
    // and OnComplete.
    virtual void OnComplete() = 0;
  };

  Http1Parser(Mode mode, Http1Limits limits, Sink* sink)
      : mode_(mode), limits_(limits), sink_(sink) {}

  // Consumes bytes up to the end of the current message; the number consumed. Call again with the
  // rest for the next message. Failures are INVALID_ARGUMENT, or RESOURCE_EXHAUSTED when a limit
  // was passed; the parser is dead then.
  Result<size_t> Feed(const Slice& bytes);
  // The peer closed. OK between messages and at the end of an until-close body; DATA_LOSS inside a
  // message.
  Status Finish();
  // The response that comes next answers a HEAD request: it has no body whatever its fields say.
  void ExpectNoBody() { no_body_ = true; }

  // True if no byte of a message has been seen since the last one.
  bool idle() const { return state_ == State::kHead && head_.empty(); }

 private:
  enum class State : uint8_t {
    kHead,
    kFixed,
    kUntilClose,
    kChunkSize,
    kChunkData,
    kChunkEnd,
    kTrailers,
    kDead
  };

  Result<size_t> Step(const Slice& bytes);
  Result<size_t> TakeHead(const Slice& bytes);
  Status HandleHead(std::string_view text);
  Status CheckBegun();
  Status CheckRequestLineBegun(std::string_view line) const;
  Status ParseRequestLine(std::string_view line, Http1Head& head) const;
  Status ParseStatusLine(std::string_view line, Http1Head& head) const;
  Status ParseFields(std::string_view text, Http1Head& head) const;
  Status DecideFraming(Http1Head& head);
  Result<size_t> TakeData(const Slice& bytes, State after);
  Result<size_t> TakeChunkSize(const Slice& bytes);
  Result<size_t> TakeChunkEnd(const Slice& bytes);
  Result<size_t> TakeTrailers(const Slice& bytes);
  Status ParseChunkSize(std::string_view line);
  void Complete();

  const Mode mode_;
  const Http1Limits limits_;
  Sink* const sink_;
  State state_ = State::kHead;
  bool no_body_ = false;
  bool completed_ = false;
  std::string head_;  // a head, chunk size line or trailer that arrived in pieces
  // Of a request's head that arrives in pieces: the bytes in whole lines that have been checked,
  // and what stands in them.
  size_t checked_ = 0;
  Http1Head begun_;
  uint64_t remaining_ = 0;
};

}  // namespace gapless::net
