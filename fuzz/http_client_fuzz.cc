// Client sessions of HTTP/1.1 and HTTP/2 fed by a hostile peer: every request ends exactly once and
// no limit is passed.
//
// Input: the first byte chooses the protocol, the second the size of the pieces, the rest is what
// the peer sends.
#include "base/check.h"
#include "net/http1/http1_client.h"
#include "net/http2/http2_client.h"

#include <algorithm>
#include <cstdint>
#include <memory>

namespace gapless::net {
namespace {

struct Owner final : ClientSession::Owner {
  void Output(Rope) override {}
  bool CanOutput() const override { return true; }
  void OnReady() override {}
  void OnGoodbye() override {}
  void OnAnswerBytes() override {}
  void OnPingAck() override {}
  void OnUndelivered() override {}
};

void Run(ByteSpan input) {
  if (input.size() < 2) {
    return;
  }
  const bool second = (static_cast<uint8_t>(input[0]) & 1) != 0;
  const size_t piece = 1 + static_cast<uint8_t>(input[1]);
  input = input.subspan(2);
  constexpr ClientLimits kLimits = {.max_response_bytes = 1024, .max_header_bytes = 4096};
  Owner owner;
  auto session =
      second ? NewHttp2ClientSession(kLimits, &owner) : NewHttp1ClientSession(kLimits, &owner);
  session->Start();
  const auto request = std::make_shared<const HttpRequest>(
      HttpRequest{.method = "POST", .scheme = "http", .authority = "h", .target = "/"});
  int sent = 0;
  int ended = 0;
  while (!input.empty()) {
    if (session->capacity() > 0 && sent < 8) {
      session->Send(static_cast<uint64_t>(++sent), request, [&ended](ExchangeResult result) {
        ++ended;
        GAPLESS_CHECK(result.response.body.size() <= kLimits.max_response_bytes);
      });
    }
    const size_t part = std::min(piece, input.size());
    if (!session->Receive(Slice::CopyOf(input.first(part))).ok()) {
      break;
    }
    input = input.subspan(part);
  }
  session->End();
  session->FailAll(Unavailable("over"));
  GAPLESS_CHECK(ended == sent);
}

}  // namespace
}  // namespace gapless::net

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  gapless::net::Run({reinterpret_cast<const std::byte*>(data), size});
  return 0;
}
