#include "net/http1/http1_parser.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace gapless::net {
namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kHeadEnd = "\r\n\r\n";
constexpr size_t kMaxMethod = 32;
// A chunk size line: 16 hex digits and some extension.
constexpr size_t kMaxChunkLine = 256;

Status Malformed(std::string_view what) {
  return InvalidArgument("malformed HTTP message: " + std::string(what));
}

bool IsTarget(std::string_view target) {
  return !target.empty() && std::ranges::all_of(target, [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && c != 0x7f;
  });
}

Result<int> MinorVersion(std::string_view version) {
  if (version == "HTTP/1.1") {
    return 1;
  }
  if (version == "HTTP/1.0") {
    return 0;
  }
  return Unimplemented("HTTP version not supported");
}

Result<uint64_t> ParseContentLength(const HttpHeaders& headers) {
  std::optional<uint64_t> length;
  for (const HttpHeader& header : headers) {
    if (header.name != "content-length") {
      continue;
    }
    uint64_t value = 0;
    const char* const end = header.value.data() + header.value.size();
    const auto [stop, error] = std::from_chars(header.value.data(), end, value);
    if (header.value.empty() || error != std::errc() || stop != end ||
        (length && *length != value)) {
      return Malformed("bad Content-Length");
    }
    length = value;
  }
  return length.value_or(0);
}

}  // namespace

Result<size_t> Http1Parser::Feed(const Slice& bytes) {
  size_t consumed = 0;
  completed_ = false;
  while (consumed < bytes.size() && !completed_) {
    Result<size_t> step = Step(bytes.Sub(consumed, bytes.size() - consumed));
    if (!step.ok()) {
      state_ = State::kDead;
      return step.status();
    }
    consumed += *step;
  }
  return consumed;
}

Result<size_t> Http1Parser::Step(const Slice& bytes) {
  switch (state_) {
    case State::kHead:
      return TakeHead(bytes);
    case State::kFixed:
      return TakeData(bytes, State::kHead);
    case State::kChunkData:
      return TakeData(bytes, State::kChunkEnd);
    case State::kUntilClose:
      RETURN_IF_ERROR(sink_->OnBody(bytes));
      return bytes.size();
    case State::kChunkSize:
      return TakeChunkSize(bytes);
    case State::kChunkEnd:
      return TakeChunkEnd(bytes);
    case State::kTrailers:
      return TakeTrailers(bytes);
    case State::kDead:
      break;
  }
  return Malformed("the connection failed before");
}

Status Http1Parser::Finish() {
  if (state_ == State::kUntilClose) {
    Complete();
    return {};
  }
  return idle() ? OkStatus() : DataLoss("connection closed inside an HTTP message");
}

void Http1Parser::Complete() {
  state_ = State::kHead;
  head_.clear();
  completed_ = true;
  sink_->OnComplete();
}

Result<size_t> Http1Parser::TakeHead(const Slice& bytes) {
  // Empty lines before a message are ignored (RFC 9112 section 2.2).
  if (head_.empty() && (bytes.text()[0] == '\r' || bytes.text()[0] == '\n')) {
    return size_t{1};
  }
  const size_t before = head_.size();
  const size_t room = limits_.max_head_bytes + kHeadEnd.size() - before;
  head_ += bytes.text().substr(0, room);
  const size_t end = head_.find(kHeadEnd, before < 3 ? 0 : before - 3);
  if (end == std::string::npos) {
    RETURN_IF_ERROR(mode_ == Mode::kRequest ? CheckBegun() : OkStatus());
    if (head_.size() >= limits_.max_head_bytes + kHeadEnd.size()) {
      return ResourceExhausted("HTTP header is too large");
    }
    return bytes.size();
  }
  checked_ = 0;
  begun_ = Http1Head();
  const size_t consumed = end + kHeadEnd.size() - before;
  const std::string text = std::exchange(head_, {}).substr(0, end + kLineEnd.size());
  RETURN_IF_ERROR(HandleHead(text));
  return consumed;
}

// Whether what has come of a head can still become one.
Status Http1Parser::CheckBegun() {
  const std::string_view head = head_;
  for (size_t end = head.find('\n', checked_); end != std::string_view::npos;
       end = head.find('\n', checked_)) {
    const std::string_view line = head.substr(checked_, end + 1 - checked_);
    if (!line.ends_with(kLineEnd)) {
      return Malformed("a line ends without a carriage return");
    }
    RETURN_IF_ERROR(checked_ == 0
                        ? ParseRequestLine(line.substr(0, line.size() - kLineEnd.size()), begun_)
                        : ParseFields(line, begun_));
    checked_ = end + 1;
  }
  return checked_ == 0 ? CheckRequestLineBegun(head) : OkStatus();
}

Status Http1Parser::CheckRequestLineBegun(std::string_view line) const {
  const bool too_long = line.size() > limits_.max_request_line;
  line = line.substr(0, limits_.max_request_line);
  const size_t space = line.find(' ');
  std::string_view method = line.substr(0, space);
  if (method.ends_with('\r')) {
    method.remove_suffix(1);  // perhaps the line's end
  }
  if (method.size() > kMaxMethod || !IsHeaderName(method)) {
    return Malformed("bad request line");
  }
  const std::string_view rest = line.substr(std::min(space, line.size()));
  const bool visible = std::ranges::all_of(rest, [](char c) {
    return (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) || c == '\r';
  });
  if (!visible) {
    return Malformed("bad request line");
  }
  return too_long ? ResourceExhausted("HTTP request line is too long") : OkStatus();
}

Status Http1Parser::HandleHead(std::string_view text) {
  Http1Head head;
  const size_t line_end = text.find(kLineEnd);
  const std::string_view line = text.substr(0, line_end);
  RETURN_IF_ERROR(mode_ == Mode::kRequest ? ParseRequestLine(line, head)
                                          : ParseStatusLine(line, head));
  RETURN_IF_ERROR(ParseFields(text.substr(line_end + kLineEnd.size()), head));
  if (mode_ == Mode::kRequest) {
    const auto hosts = std::ranges::count(head.headers, "host", &HttpHeader::name);
    if (hosts > 1 || (hosts == 0 && head.minor_version == 1)) {
      return Malformed("a request needs exactly one Host field");
    }
  }
  const std::string connection = head.headers.Joined("connection");
  head.keep_alive =
      head.minor_version == 1 ? !HasToken(connection, "close") : HasToken(connection, "keep-alive");
  head.expect_continue =
      head.minor_version == 1 &&
      AsciiEqualsIgnoreCase(head.headers.Find("expect").value_or(""), "100-continue");
  RETURN_IF_ERROR(DecideFraming(head));
  if (head.until_close) {
    head.keep_alive = false;
  }
  const bool interim = mode_ == Mode::kResponse && head.status < 200;
  const bool done = state_ == State::kHead;
  RETURN_IF_ERROR(sink_->OnHead(std::move(head)));
  if (done) {
    Complete();
  }
  no_body_ = no_body_ && interim;
  return {};
}

Status Http1Parser::ParseRequestLine(std::string_view line, Http1Head& head) const {
  RETURN_IF_ERROR(CheckRequestLineBegun(line));
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) {
    return Malformed("bad request line");
  }
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  if (!IsHeaderName(method) || method.size() > kMaxMethod || !IsTarget(target)) {
    return Malformed("bad request line");
  }
  ASSIGN_OR_RETURN(head.minor_version, MinorVersion(line.substr(last + 1)));
  head.method = method;
  head.target = target;
  return {};
}

Status Http1Parser::ParseStatusLine(std::string_view line, Http1Head& head) const {
  // "HTTP/1.1 200" and an optional reason.
  if (line.size() < 12 || line[8] != ' ' || (line.size() > 12 && line[12] != ' ') ||
      !IsHeaderValue(line.substr(12))) {
    return Malformed("bad status line");
  }
  ASSIGN_OR_RETURN(head.minor_version, MinorVersion(line.substr(0, 8)));
  const auto [stop, error] = std::from_chars(line.data() + 9, line.data() + 12, head.status);
  if (error != std::errc() || stop != line.data() + 12 || head.status < 100) {
    return Malformed("bad status code");
  }
  return {};
}

Status Http1Parser::ParseFields(std::string_view text, Http1Head& head) const {
  while (!text.empty()) {
    const size_t end = text.find(kLineEnd);
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + kLineEnd.size());
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || !IsHeaderName(line.substr(0, colon))) {
      return Malformed("bad header field name");
    }
    const std::string_view value = TrimBlanks(line.substr(colon + 1));
    if (!IsHeaderValue(value)) {
      return Malformed("bad header field value");
    }
    if (head.headers.size() >= limits_.max_headers) {
      return ResourceExhausted("too many HTTP header fields");
    }
    std::string name(line.substr(0, colon));
    AsciiLower(name);
    head.headers.Add(std::move(name), std::string(value));
  }
  return {};
}

Status Http1Parser::DecideFraming(Http1Head& head) {
  const bool has_length = head.headers.Has("content-length");
  const bool has_coding = head.headers.Has("transfer-encoding");
  if (has_coding) {
    if (has_length || head.minor_version == 0) {
      return Malformed("Transfer-Encoding must not stand here");
    }
    if (!AsciiEqualsIgnoreCase(head.headers.Joined("transfer-encoding"), "chunked")) {
      return Unimplemented("transfer coding not supported");
    }
    head.chunked = true;
  }
  if (has_length) {
    ASSIGN_OR_RETURN(head.content_length, ParseContentLength(head.headers));
  }
  const bool bodyless = mode_ == Mode::kResponse &&
                        (no_body_ || head.status < 200 || head.status == 204 || head.status == 304);
  if (bodyless) {
    return {};
  }
  if (head.chunked) {
    state_ = State::kChunkSize;
  } else if (head.content_length.value_or(0) > 0) {
    remaining_ = *head.content_length;
    state_ = State::kFixed;
  } else if (mode_ == Mode::kResponse && !head.content_length) {
    head.until_close = true;
    state_ = State::kUntilClose;
  }
  return {};
}

Result<size_t> Http1Parser::TakeData(const Slice& bytes, State after) {
  const size_t size = static_cast<size_t>(std::min<uint64_t>(remaining_, bytes.size()));
  RETURN_IF_ERROR(sink_->OnBody(bytes.Sub(0, size)));
  remaining_ -= size;
  if (remaining_ == 0) {
    if (after == State::kHead) {
      Complete();
    } else {
      state_ = after;
    }
  }
  return size;
}

Result<size_t> Http1Parser::TakeChunkSize(const Slice& bytes) {
  const size_t before = head_.size();
  head_ += bytes.text().substr(0, kMaxChunkLine - before);
  const size_t end = head_.find(kLineEnd, before < 1 ? 0 : before - 1);
  if (end == std::string::npos) {
    if (head_.size() >= kMaxChunkLine) {
      return Malformed("bad chunk size");
    }
    return bytes.size();
  }
  const size_t consumed = end + kLineEnd.size() - before;
  const std::string line = std::exchange(head_, {}).substr(0, end);
  RETURN_IF_ERROR(ParseChunkSize(line));
  return consumed;
}

Status Http1Parser::ParseChunkSize(std::string_view line) {
  uint64_t size = 0;
  const auto [stop, error] = std::from_chars(line.data(), line.data() + line.size(), size, 16);
  const std::string_view rest(stop, static_cast<size_t>(line.data() + line.size() - stop));
  const std::string_view extension = TrimBlanks(rest);
  if (error != std::errc() || stop == line.data() ||
      !(extension.empty() || extension.starts_with(';')) || !IsHeaderValue(rest)) {
    return Malformed("bad chunk size");
  }
  remaining_ = size;
  state_ = size == 0 ? State::kTrailers : State::kChunkData;
  return {};
}

Result<size_t> Http1Parser::TakeChunkEnd(const Slice& bytes) {
  head_ += bytes.text()[0];
  if (!kLineEnd.starts_with(head_)) {
    return Malformed("a chunk is longer than its size");
  }
  if (head_.size() == kLineEnd.size()) {
    head_.clear();
    state_ = State::kChunkSize;
  }
  return size_t{1};
}

Result<size_t> Http1Parser::TakeTrailers(const Slice& bytes) {
  const size_t before = head_.size();
  head_ += bytes.text().substr(0, limits_.max_head_bytes + kHeadEnd.size() - before);
  size_t end = 0;
  if (!head_.starts_with(kLineEnd)) {
    end = head_.find(kHeadEnd, before < 3 ? 0 : before - 3);
    if (end == std::string::npos) {
      if (head_.size() >= limits_.max_head_bytes + kHeadEnd.size()) {
        return ResourceExhausted("HTTP trailers are too large");
      }
      return bytes.size();
    }
    end += kLineEnd.size();
  }
  const size_t consumed = end + kLineEnd.size() - before;
  const std::string text = std::exchange(head_, {}).substr(0, end);
  // Trailers are checked and dropped: nothing here uses them.
  Http1Head ignored;
  RETURN_IF_ERROR(ParseFields(text, ignored));
  Complete();
  return consumed;
}

}  // namespace gapless::net
