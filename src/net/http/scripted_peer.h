// ScriptedPeer: a badly behaved HTTP/2 or HTTP/1.1 server for tests, on the test's own worker.
// Header-only, tests only.
//
// It shares nothing with our servers: HTTP/2 is nghttp2 used plainly, HTTP/1.1 is string matching.
#pragma once

#include "net/http/http.h"
#include "net/loop/listener.h"
#include "net/loop/stream.h"
#include "net/loop/worker.h"
#include "net/tls/tls.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <nghttp2/nghttp2.h>

namespace gapless::net {

class ScriptedPeer;

struct PeerRequest {
  HttpHeaders headers;  // with pseudo headers
  std::string body;
  bool complete = false;
};

// One accepted connection.
class PeerConnection : public StreamHandler {
 public:
  PeerConnection(ScriptedPeer& peer, std::unique_ptr<Stream> stream, bool http2);
  ~PeerConnection() override {
    stream_->Close();
    if (session_ != nullptr) {
      nghttp2_session_del(session_);
    }
  }

  std::map<int32_t, PeerRequest> requests;
  int pings = 0;
  bool mute = false;  // neither reads nor answers from now on, like a stopped process
  bool ended = false;
  std::string http1_in;

  void Respond(int32_t id, const HttpHeaders& headers, std::string body, HttpHeaders trailers) {
    Answer& answer = answers_[id] = {std::move(body), 0, std::move(trailers)};
    std::vector<nghttp2_nv> fields = Fields(headers);
    const bool only_headers = answer.body.empty() && answer.trailers.empty();
    nghttp2_data_provider provider{};
    provider.source.ptr = &answer;
    provider.read_callback = &ReadAnswer;
    nghttp2_submit_response(session_, id, fields.data(), fields.size(),
                            only_headers ? nullptr : &provider);
    Flush();
  }
  void RespondGrpc(int32_t id, std::string body = std::string(5, '\0')) {
    Respond(id, {{":status", "200"}, {"content-type", "application/grpc"}}, std::move(body),
            {{"grpc-status", "0"}});
  }
  void Reset(int32_t id, uint32_t error) {
    nghttp2_submit_rst_stream(session_, 0, id, error);
    Flush();
  }
  void LimitStreams(uint32_t most) {
    const nghttp2_settings_entry entry{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, most};
    nghttp2_submit_settings(session_, 0, &entry, 1);
    Flush();
  }
  void Goaway(int32_t last, uint32_t error = NGHTTP2_NO_ERROR) {
    nghttp2_submit_goaway(session_, 0, last, error, nullptr, 0);
    Flush();
  }
  void WriteRaw(std::string text) { stream_->Write(Rope::CopyOf(text)); }
  void Close() {
    ended = true;
    stream_->Close();
  }
  // Sends RST where the kernel would send FIN: unread bytes remain.
  Stream& stream() { return *stream_; }
  void Flush() {
    const uint8_t* data = nullptr;
    for (ssize_t n = nghttp2_session_mem_send(session_, &data); n > 0;
         n = nghttp2_session_mem_send(session_, &data)) {
      stream_->Write(
          Rope::CopyOf(std::string_view(reinterpret_cast<const char*>(data), size_t(n))));
    }
  }

 private:
  friend class ScriptedPeer;
  struct Answer {
    std::string body;
    size_t sent = 0;
    HttpHeaders trailers;
  };
  static std::vector<nghttp2_nv> Fields(const HttpHeaders& headers) {
    std::vector<nghttp2_nv> fields;
    for (const HttpHeader& h : headers) {
      auto bytes = [](const std::string& s) {
        return reinterpret_cast<uint8_t*>(const_cast<char*>(s.data()));
      };
      fields.push_back({bytes(h.name), bytes(h.value), h.name.size(), h.value.size(), 0});
    }
    return fields;
  }
  static ssize_t ReadAnswer(nghttp2_session* session, int32_t id, uint8_t* out, size_t size,
                            uint32_t* flags, nghttp2_data_source* source, void*) {
    auto& answer = *static_cast<Answer*>(source->ptr);
    const size_t part = std::min(size, answer.body.size() - answer.sent);
    answer.body.copy(reinterpret_cast<char*>(out), part, answer.sent);
    answer.sent += part;
    if (answer.sent == answer.body.size()) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
      if (!answer.trailers.empty()) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        std::vector<nghttp2_nv> fields = Fields(answer.trailers);
        nghttp2_submit_trailer(session, id, fields.data(), fields.size());
      }
    }
    return static_cast<ssize_t>(part);
  }

  void OnConnected() override;
  void OnData(Slice bytes) override;
  void OnEnd() override { ended = true; }
  void OnClosed(Status) override { ended = true; }
  void ServeHttp1();

  ScriptedPeer& peer_;
  std::unique_ptr<Stream> stream_;
  nghttp2_session* session_ = nullptr;
  std::map<int32_t, Answer> answers_;
};

class ScriptedPeer {
 public:
  explicit ScriptedPeer(Worker& worker, bool http2 = true) : worker_(worker), http2_(http2) {}
  ~ScriptedPeer() { StopListening(); }

  // What to do with a complete request; the default answers gRPC OK or an empty 200.
  std::function<void(PeerConnection&, int32_t id)> on_request;
  std::function<void(PeerConnection&)> on_accept;
  // Takes the bytes of a connection instead of HTTP.
  std::function<void(PeerConnection&, Slice)> on_raw;
  std::shared_ptr<TlsServerContext> tls;
  bool send_settings = true;
  bool answer_pings = true;
  uint32_t max_streams = 100;
  // New connections stay mute.
  bool mute = false;
  std::vector<std::unique_ptr<PeerConnection>> connections;
  int accepted = 0;

  void Listen(uint16_t port = 0, const std::string& host = "127.0.0.1") {
    auto listener = Listener::Open({&worker_}, "tcp", host + ":" + std::to_string(port), {});
    ASSERT_TRUE(listener.ok()) << listener.status().ToString();
    listener_ = std::move(*listener);
    port_ = listener_->address().port();
    acceptor_ = std::make_shared<Door>(this);
    listener_->SetAcceptor(acceptor_);
  }
  void StopListening() {
    if (listener_) {
      listener_->SetAcceptor(nullptr);
      listener_.reset();
    }
  }
  uint16_t port() const { return port_; }
  size_t requests() const {
    size_t count = 0;
    for (const auto& connection : connections) {
      for (const auto& [id, request] : connection->requests) {
        count += request.complete ? 1 : 0;
      }
    }
    return count;
  }
  bool http2() const { return http2_; }

 private:
  struct Door final : Acceptor {
    explicit Door(ScriptedPeer* p) : peer(p) {}
    void OnAccept(Worker& worker, size_t, Fd fd, ConnectionSlot slot) override {
      ++peer->accepted;
      auto stream = peer->tls ? AcceptTls(worker, std::move(fd), peer->tls, {})
                              : AcceptPlain(worker, std::move(fd), {});
      slots.push_back(std::move(slot));
      peer->connections.push_back(
          std::make_unique<PeerConnection>(*peer, std::move(stream), peer->http2_));
    }
    ScriptedPeer* peer;
    std::vector<ConnectionSlot> slots;
  };

  Worker& worker_;
  const bool http2_;
  uint16_t port_ = 0;
  std::unique_ptr<Listener> listener_;
  std::shared_ptr<Door> acceptor_;
};

inline PeerConnection::PeerConnection(ScriptedPeer& peer, std::unique_ptr<Stream> stream,
                                      bool http2)
    : mute(peer.mute), peer_(peer), stream_(std::move(stream)) {
  if (http2) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t n,
                      const uint8_t* value, size_t v, uint8_t, void* user) {
          static_cast<PeerConnection*>(user)->requests[frame->hd.stream_id].headers.Add(
              {reinterpret_cast<const char*>(name), n}, {reinterpret_cast<const char*>(value), v});
          return 0;
        });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        callbacks,
        [](nghttp2_session*, uint8_t, int32_t id, const uint8_t* data, size_t size, void* user) {
          static_cast<PeerConnection*>(user)->requests[id].body.append(
              reinterpret_cast<const char*>(data), size);
          return 0;
        });
    nghttp2_session_callbacks_set_on_frame_recv_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
          auto& self = *static_cast<PeerConnection*>(user);
          if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) == 0) {
            ++self.pings;
          }
          const bool message = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
          if (message && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
            self.requests[frame->hd.stream_id].complete = true;
            if (self.peer_.on_request) {
              self.peer_.on_request(self, frame->hd.stream_id);
            } else {
              self.RespondGrpc(frame->hd.stream_id);
            }
          }
          return 0;
        });
    nghttp2_option* option = nullptr;
    nghttp2_option_new(&option);
    nghttp2_option_set_no_auto_ping_ack(option, peer.answer_pings ? 0 : 1);
    nghttp2_session_server_new2(&session_, callbacks, this, option);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
  }
  stream_->Start(this);
}

inline void PeerConnection::OnConnected() {
  if (session_ != nullptr && peer_.send_settings && !mute) {
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, peer_.max_streams},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 20}};
    nghttp2_submit_settings(session_, 0, settings, 2);
    Flush();
  }
  if (peer_.on_accept) {
    peer_.on_accept(*this);
  }
}

inline void PeerConnection::OnData(Slice bytes) {
  if (mute || ended) {
    return;
  }
  if (session_ != nullptr) {
    nghttp2_session_mem_recv(session_, reinterpret_cast<const uint8_t*>(bytes.data()),
                             bytes.size());
    if (!ended) {
      Flush();
    }
    return;
  }
  if (peer_.on_raw) {
    peer_.on_raw(*this, std::move(bytes));
    return;
  }
  http1_in += bytes.text();
  ServeHttp1();
}

inline void PeerConnection::ServeHttp1() {
  while (!ended) {
    const size_t end = http1_in.find("\r\n\r\n");
    if (end == std::string::npos) {
      return;
    }
    const size_t at = http1_in.find("content-length: ");
    const size_t length = at < end ? std::stoul(http1_in.substr(at + 16)) : 0;
    if (http1_in.size() < end + 4 + length) {
      return;
    }
    const int32_t id = static_cast<int32_t>(requests.size()) + 1;
    PeerRequest& request = requests[id];
    request.headers.Add("head", http1_in.substr(0, end));
    request.body = http1_in.substr(end + 4, length);
    request.complete = true;
    http1_in.erase(0, end + 4 + length);
    if (peer_.on_request) {
      peer_.on_request(*this, id);
    } else {
      WriteRaw("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    }
  }
}

}  // namespace gapless::net
