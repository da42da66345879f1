// Server sessions of HTTP/1.1 and HTTP/2 fed by a hostile client: every request that was handed to
// the handler gets its responder, the session ends when it is told to, and nothing stays charged.
//
// Input: the first byte chooses the protocol (1) and whether the answers come late (2), the second
// the size of the pieces, the rest is what the client sends; HTTP/2 behind the preface.
#include "base/check.h"
#include "net/http/server_connection.h"
#include "net/http1/http1_server.h"
#include "net/http2/http2_server.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

namespace gapless::net {
namespace {

constexpr size_t kMaxBody = 4096;
constexpr size_t kBudget = size_t{64} * 1024;

class BlindStream final : public Stream {
 public:
  void Start(StreamHandler* /*handler*/) override {}
  void Write(Rope bytes) override { written += bytes.size(); }
  void ShutdownWrite() override {}
  void PauseRead() override {}
  void ResumeRead() override {}
  void Close() override {}
  bool above_high_watermark() const override { return false; }
  Socket& socket() override { GAPLESS_CHECK(false); }
  const TlsTerms* tls() const override { return nullptr; }

  size_t written = 0;
};

struct Handler final : HttpHandler {
  void Handle(HttpCall call) override {
    GAPLESS_CHECK(call.request.body.size() <= kMaxBody);
    if (late) {
      waiting.push_back(std::move(call.responder));
    } else {
      call.responder.Send(TextResponse(200, call.request.target));
    }
  }
  void AnswerAll() {
    for (HttpResponder& responder : std::exchange(waiting, {})) {
      responder.Send(TextResponse(200, "late"));
    }
  }

  bool late = false;
  std::vector<HttpResponder> waiting;
};

// The part of http_server.cc that a session sees.
class Session {
 public:
  Session(bool second, Handler& handler) {
    ServerEnv env{.worker = TheWorker(),
                  .worker_index = 0,
                  .stream = stream_,
                  .handler = handler,
                  .shares = {.bodies = std::make_shared<BudgetShare>(bodies_),
                             .heads = std::make_shared<BudgetShare>(heads_)},
                  .max_body_bytes = kMaxBody,
                  .peer = std::make_shared<PeerInfo>(),
                  .finish = [this] { finished_ = true; },
                  .watch = nullptr};
    static const Http2ServerOptions http2;
    static const Http1ServerOptions http1;
    connection_ = second ? NewHttp2ServerConnection(http2, std::move(env))
                         : NewHttp1ServerConnection(http1, std::move(env));
  }

  void Feed(ByteSpan bytes) {
    if (!finished_) {
      connection_->OnData(Slice::CopyOf(bytes));
    }
    GAPLESS_CHECK(bodies_->used() <= 2 * kBudget);
  }
  void Turn() {
    TheWorker().RunUntil([] { return true; }, Duration::zero());
  }
  void End(Handler& handler) {
    if (!finished_) {
      connection_->OnEnd();
    }
    handler.AnswerAll();
    Turn();
    if (!finished_) {
      connection_->Drain();
    }
    connection_.reset();
    Turn();
    GAPLESS_CHECK(bodies_->used() == 0 && heads_->used() == 0);
    GAPLESS_CHECK(bodies_->promised() == 0);
  }

 private:
  static Worker& TheWorker() {
    static auto& worker = *new Worker();  // its descriptors last as long as the process
    return worker;
  }

  BlindStream stream_;
  std::shared_ptr<BodyBudget> bodies_ = std::make_shared<BodyBudget>(kBudget);
  std::shared_ptr<BodyBudget> heads_ = std::make_shared<BodyBudget>(kBudget);
  std::unique_ptr<ServerConnection> connection_;
  bool finished_ = false;
};

void Run(ByteSpan input) {
  if (input.size() < 2) {
    return;
  }
  const auto choice = static_cast<uint8_t>(input[0]);
  const bool second = (choice & 1) != 0;
  const size_t piece = size_t{1} + static_cast<uint8_t>(input[1]);
  input = input.subspan(2);
  Handler handler;
  handler.late = (choice & 2) != 0;
  Session session(second, handler);
  if (second) {
    constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    session.Feed(std::as_bytes(std::span(kPreface)));
  }
  for (size_t fed = 1; !input.empty(); ++fed) {
    const size_t part = std::min(piece, input.size());
    session.Feed(input.first(part));
    input = input.subspan(part);
    if (fed % 8 == 0) {
      session.Turn();
      handler.AnswerAll();
    }
  }
  session.End(handler);
}

}  // namespace
}  // namespace gapless::net

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  gapless::net::Run({reinterpret_cast<const std::byte*>(data), size});
  return 0;
}
