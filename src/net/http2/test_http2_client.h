// A small HTTP/2 client for tests of the server, on nghttp2 directly: it can misbehave.
#pragma once

#include "net/loop/stream.h"
#include "net/loop/worker.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

namespace gapless::net {

class TestHttp2Client final : public StreamHandler {
 public:
  struct Response {
    std::map<std::string, std::string> headers;  // trailers included
    std::string body;
    bool ended = false;
    std::optional<uint32_t> reset;  // RST_STREAM error code
  };

  TestHttp2Client(Worker& worker, std::unique_ptr<Stream> stream)
      : worker_(worker), stream_(std::move(stream)) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_send_callback(callbacks, Send);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, OnHeader);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, OnChunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, OnFrame);
    nghttp2_option* option = nullptr;
    nghttp2_option_new(&option);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_session_client_new2(&session_, callbacks, this, option);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session_, 0, nullptr, 0);
    stream_->Start(this);
  }
  ~TestHttp2Client() override { nghttp2_session_del(session_); }

  struct Body {
    std::string bytes;
    size_t sent = 0;
    bool hold_end = false;  // END_STREAM is never sent
  };

  int32_t Request(std::vector<std::pair<std::string, std::string>> headers, std::string body,
                  bool hold_end = false) {
    std::vector<nghttp2_nv> fields;
    for (auto& [name, value] : headers) {
      fields.push_back({reinterpret_cast<uint8_t*>(name.data()),
                        reinterpret_cast<uint8_t*>(value.data()), name.size(), value.size(), 0});
    }
    bodies_.push_back(std::make_unique<Body>(Body{std::move(body), 0, hold_end}));
    nghttp2_data_provider provider{};
    provider.source.ptr = bodies_.back().get();
    provider.read_callback = ReadBody;
    const int32_t id =
        nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(), &provider, nullptr);
    Flush();
    return id;
  }
  int32_t Post(const std::string& path, std::string body,
               std::vector<std::pair<std::string, std::string>> more = {}, bool hold_end = false) {
    std::vector<std::pair<std::string, std::string>> headers = {
        {":method", "POST"}, {":scheme", "http"}, {":path", path}, {":authority", "test"}};
    headers.insert(headers.end(), more.begin(), more.end());
    return Request(std::move(headers), std::move(body), hold_end);
  }
  void Ping() {
    nghttp2_submit_ping(session_, 0, nullptr);
    Flush();
  }
  void Reset(int32_t id) {
    nghttp2_submit_rst_stream(session_, 0, id, NGHTTP2_CANCEL);
    Flush();
  }

  bool Until(std::move_only_function<bool()> done) {
    return worker_.RunUntil(std::move(done), std::chrono::seconds(10));
  }
  Response& Await(int32_t id) {
    EXPECT_TRUE(Until([&] { return responses[id].ended || responses[id].reset || closed; }));
    return responses[id];
  }

  std::map<int32_t, Response> responses;
  int goaways = 0;
  uint32_t goaway_error = 0;
  std::string goaway_text;
  bool closed = false;
  bool hold_window = false;  // answers stop once they have filled the windows

 private:
  static TestHttp2Client& Self(void* user) { return *static_cast<TestHttp2Client*>(user); }
  static ssize_t Send(nghttp2_session*, const uint8_t* data, size_t size, int, void* user) {
    Self(user).stream_->Write(
        Rope::CopyOf(ByteSpan(reinterpret_cast<const std::byte*>(data), size)));
    return static_cast<ssize_t>(size);
  }
  static int OnHeader(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name,
                      size_t name_size, const uint8_t* value, size_t value_size, uint8_t,
                      void* user) {
    Self(user)
        .responses[frame->hd.stream_id]
        .headers[std::string(reinterpret_cast<const char*>(name), name_size)] =
        std::string(reinterpret_cast<const char*>(value), value_size);
    return 0;
  }
  static int OnChunk(nghttp2_session* session, uint8_t, int32_t id, const uint8_t* data,
                     size_t size, void* user) {
    if (!Self(user).hold_window) {
      nghttp2_session_consume(session, id, size);
    }
    Self(user).responses[id].body.append(reinterpret_cast<const char*>(data), size);
    return 0;
  }
  static int OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    TestHttp2Client& self = Self(user);
    Response& response = self.responses[frame->hd.stream_id];
    if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) {
      response.ended = true;
    } else if (frame->hd.type == NGHTTP2_RST_STREAM) {
      response.reset = frame->rst_stream.error_code;
    } else if (frame->hd.type == NGHTTP2_GOAWAY) {
      ++self.goaways;
      self.goaway_error = frame->goaway.error_code;
      self.goaway_text.append(reinterpret_cast<const char*>(frame->goaway.opaque_data),
                              frame->goaway.opaque_data_len);
    }
    return 0;
  }
  static ssize_t ReadBody(nghttp2_session*, int32_t, uint8_t* buffer, size_t size, uint32_t* flags,
                          nghttp2_data_source* source, void*) {
    auto& body = *static_cast<Body*>(source->ptr);
    const size_t take = std::min(size, body.bytes.size() - body.sent);
    std::copy_n(body.bytes.data() + body.sent, take, reinterpret_cast<char*>(buffer));
    body.sent += take;
    if (body.sent == body.bytes.size()) {
      if (body.hold_end && take == 0) {
        return NGHTTP2_ERR_DEFERRED;
      }
      if (!body.hold_end) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
      }
    }
    return static_cast<ssize_t>(take);
  }

  void Flush() { nghttp2_session_send(session_); }

  void OnConnected() override { Flush(); }
  void OnData(Slice bytes) override {
    nghttp2_session_mem_recv(session_, reinterpret_cast<const uint8_t*>(bytes.data()),
                             bytes.size());
    Flush();
  }
  void OnEnd() override { closed = true; }
  void OnClosed(Status) override { closed = true; }

  Worker& worker_;
  std::unique_ptr<Stream> stream_;
  nghttp2_session* session_ = nullptr;
  std::vector<std::unique_ptr<Body>> bodies_;
};

}  // namespace gapless::net
