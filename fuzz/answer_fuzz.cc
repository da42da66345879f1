// What the exporters make of the answer of a hostile backend: an outcome, and words that are safe
// to log.
//
// Input: a line with the number of the status, lines of headers, name: value, an empty line, the
// body. Header names that begin with grpc- are trailers.
#include "base/check.h"
#include "exporter/otlp_grpc/protocol.h"
#include "exporter/otlp_http/protocol.h"
#include "otlp/service.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace gapless {
namespace {

std::string_view TakeLine(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(text.size(), line.size() + 1));
  return line;
}

net::HttpResponse ReadAnswer(std::string_view text) {
  net::HttpResponse response;
  response.status = 100 + std::abs(std::atoi(std::string(TakeLine(text)).c_str()) % 500);
  for (std::string_view line = TakeLine(text); !line.empty(); line = TakeLine(text)) {
    const size_t colon = std::min(line.find(':'), line.size());
    std::string name(line.substr(0, colon));
    net::AsciiLower(name);
    std::string value(net::TrimBlanks(line.substr(std::min(colon + 1, line.size()))));
    auto& fields = name.starts_with("grpc-") ? response.trailers : response.headers;
    fields.Add(std::move(name), std::move(value));
  }
  response.body = Rope::CopyOf(text);
  return response;
}

void CheckResult(const sending::AttemptResult& result) {
  GAPLESS_CHECK((result.outcome == sending::OutcomeClass::kOk) == result.status.ok());
  for (const std::string_view words :
       {std::string_view(result.status.message()), std::string_view(result.warning)}) {
    GAPLESS_CHECK(std::ranges::none_of(words, [](char c) { return c >= 0 && c < ' '; }));
    GAPLESS_CHECK(words.size() < 8192);
  }
  GAPLESS_CHECK(!result.status.retry_after() || *result.status.retry_after() >= Duration::zero());
}

void Run(std::string_view text) {
  const net::HttpResponse response = ReadAnswer(text);
  const WallTime now{std::chrono::hours(24 * 365 * 50)};
  for (const otlp::Signal signal : otlp::kSignals) {
    endpoint::GrpcClientConfig grpc;
    grpc.endpoint = "backend:4317";
    CheckResult(exporter::otlp_grpc::GrpcProtocol(grpc, signal).Read(response, now));
    exporter::otlp_http::Config http;
    const auto target = endpoint::ParseUrl("http://backend:4318/v1/traces");
    CheckResult(exporter::otlp_http::HttpProtocol(http, *target, {}, signal).Read(response, now));
  }
}

}  // namespace
}  // namespace gapless

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  gapless::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}
