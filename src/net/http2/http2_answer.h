// Http2Answer: an answer while nghttp2 sends it. Internal to net.
#pragma once

#include "net/http/http.h"
#include "net/http/rope_cursor.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nghttp2/nghttp2.h>

namespace gapless::net {

// nghttp2 hands text out, and takes it, as bytes.
inline std::string_view Http2Text(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

inline nghttp2_nv Http2Field(std::string_view name, std::string_view value) {
  // nghttp2 does not write through these; NO_COPY is kept because the strings live with the stream.
  return {reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
          reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(),
          NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

inline std::vector<nghttp2_nv> Http2Fields(const HttpHeaders& headers) {
  std::vector<nghttp2_nv> fields;
  fields.reserve(headers.size() + 1);
  for (const HttpHeader& header : headers) {
    if (IsHeaderName(header.name) && IsHeaderValue(header.value) && !IsConnectionField(header)) {
      fields.push_back(Http2Field(header.name, header.value));
    }
  }
  return fields;
}

// An answer while nghttp2 sends it. Stays where it is from Submit to the end of its stream.
class Http2Answer {
 public:
  // The whole of it, or, with `more`, its beginning. The body's frames are sent by the callback for
  // NGHTTP2_DATA_FLAG_NO_COPY, with this as source.
  void Submit(nghttp2_session* session, int32_t id, HttpResponse response, bool more = false) {
    response_ = std::move(response);
    more_ = more;
    status_ = std::to_string(response_.status);
    body_.emplace(&response_.body);
    std::vector<nghttp2_nv> fields = Http2Fields(response_.headers);
    fields.insert(fields.begin(), Http2Field(":status", status_));
    nghttp2_data_provider provider{};
    provider.source.ptr = this;
    provider.read_callback = Read;
    const bool bare = !more && response_.body.empty() && response_.trailers.empty();
    nghttp2_submit_response(session, id, fields.data(), fields.size(), bare ? nullptr : &provider);
  }
  // What follows; `trailers`: it is the end.
  void Append(nghttp2_session* session, int32_t id, Rope bytes,
              std::optional<HttpHeaders> trailers = {}) {
    next_.Append(std::move(bytes));
    if (trailers) {
      response_.trailers = *std::move(trailers);
      more_ = false;
    }
    if (std::exchange(deferred_, false)) {
      nghttp2_session_resume_data(session, id);
    }
  }
  // Bytes that were appended and are not sent.
  size_t waiting() const { return next_.size() + (body_ ? body_->left() : 0); }
  RopeCursor& body() { return *body_; }

 private:
  static ssize_t Read(nghttp2_session* session, int32_t id, uint8_t*, size_t size, uint32_t* flags,
                      nghttp2_data_source* source, void*) {
    auto& answer = *static_cast<Http2Answer*>(source->ptr);
    if (answer.body_->left() == 0 && !answer.next_.empty()) {
      answer.response_.body = std::exchange(answer.next_, Rope());
      answer.body_.emplace(&answer.response_.body);
    }
    const size_t take = std::min(size, answer.body_->left());
    const bool last = take == answer.body_->left() && answer.next_.empty();
    if (last && take == 0 && answer.more_) {
      answer.deferred_ = true;
      return NGHTTP2_ERR_DEFERRED;
    }
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (last && !answer.more_) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
      if (!answer.response_.trailers.empty()) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        const std::vector<nghttp2_nv> fields = Http2Fields(answer.response_.trailers);
        nghttp2_submit_trailer(session, id, fields.data(), fields.size());
      }
    }
    return static_cast<ssize_t>(take);
  }

  HttpResponse response_;
  std::string status_;
  std::optional<RopeCursor> body_;
  Rope next_;              // comes after the body
  bool more_ = false;      // and more will
  bool deferred_ = false;  // nghttp2 waits for Append
};

}  // namespace gapless::net
