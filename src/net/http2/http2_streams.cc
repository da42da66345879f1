#include "net/http2/http2_streams.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace gapless::net {
namespace {

nghttp2_nv Field(std::string_view name, std::string_view value) {
  // nghttp2 does not write through these; NO_COPY is kept because the strings live with the stream.
  return {reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
          reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(),
          NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

std::vector<nghttp2_nv> Fields(const HttpHeaders& headers) {
  std::vector<nghttp2_nv> fields;
  fields.reserve(headers.size() + 1);
  for (const HttpHeader& header : headers) {
    if (IsHeaderName(header.name) && IsHeaderValue(header.value)) {
      fields.push_back(Field(header.name, header.value));
    }
  }
  return fields;
}

}  // namespace

void Http2Answer::Submit(nghttp2_session* session, int32_t id, HttpResponse response) {
  response_ = std::move(response);
  status_ = std::to_string(response_.status);
  body_.emplace(&response_.body);
  std::vector<nghttp2_nv> fields = Fields(response_.headers);
  fields.insert(fields.begin(), Field(":status", status_));
  nghttp2_data_provider provider{};
  provider.source.ptr = this;
  provider.read_callback = Read;
  const bool bare = response_.body.empty() && response_.trailers.empty();
  nghttp2_submit_response(session, id, fields.data(), fields.size(), bare ? nullptr : &provider);
}

ssize_t Http2Answer::Read(nghttp2_session* session, int32_t id, uint8_t*, size_t size,
                          uint32_t* flags, nghttp2_data_source* source, void*) {
  const auto& answer = *static_cast<const Http2Answer*>(source->ptr);
  const size_t take = std::min(size, answer.body_->left());
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (take == answer.body_->left()) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!answer.response_.trailers.empty()) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      const std::vector<nghttp2_nv> fields = Fields(answer.response_.trailers);
      nghttp2_submit_trailer(session, id, fields.data(), fields.size());
    }
  }
  return static_cast<ssize_t>(take);
}

void Http2Stream::TakeHeader(std::string_view name, std::string_view value,
                             size_t max_header_bytes) {
  header_bytes += name.size() + value.size() + 32;
  if (header_bytes > max_header_bytes) {
    header_too_large = true;
    return;
  }
  HttpRequest& head = request.head;
  if (name == ":method") {
    head.method = value;
  } else if (name == ":path") {
    head.target = value;
  } else if (name == ":scheme") {
    head.scheme = value;
  } else if (name == ":authority") {
    head.authority = value;
  } else if (name == "host") {
    if (head.authority.empty()) {
      head.authority = value;
    }
  } else {
    head.headers.Add(std::string(name), std::string(value));
  }
}

Http2Streams::~Http2Streams() {
  while (!streams_.empty()) {
    End(streams_.begin()->first);
  }
}

Http2Stream& Http2Streams::Begin(Http2ServerConnection& owner, int32_t id) {
  auto stream = std::make_unique<Http2Stream>(owner, id);
  stream->request.body = bodies_.Begin();
  return *streams_.emplace(id, std::move(stream)).first->second;
}

void Http2Streams::Dispatch(Http2Stream& stream, const ServerEnv& env) {
  ++unanswered_;
  stream.request.Dispatch(env, &stream);
}

void Http2Streams::OnAnswer(Http2Stream& stream) {
  GAPLESS_CHECK(!stream.responded);
  stream.responded = true;
  unanswered_ -= stream.request.responder ? 1 : 0;
  stream.request.body.charge.Release();
}

bool Http2Streams::End(int32_t id) {
  auto node = streams_.extract(id);
  if (node.empty()) {
    return false;
  }
  Http2Stream& stream = *node.mapped();
  if (stream.request.responder && !stream.responded) {
    --unanswered_;
    stream.responded = true;
    stream.request.Abandon();
  }
  return streams_.empty();
}

bool Http2Streams::CheckStalled(std::move_only_function<void(Http2Stream&)> refuse) {
  bool waiting = false;
  for (const auto& [id, stream] : streams_) {
    if (!stream->remote_ended && !stream->responded) {
      if (bodies_.Stalled(stream->request.body)) {
        refuse(*stream);
      } else {
        waiting = true;
      }
    }
  }
  return waiting;
}

}  // namespace gapless::net
