// OTLP/JSON on arbitrary text: what decodes is a valid request, and writing and reading it again
// changes nothing.
//
// Input: one byte for the signal, the text.
#include "base/check.h"
#include "otlp/json_decode.h"
#include "otlp/json_encode.h"
#include "otlp/scan.h"
#include "otlp/service.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace gapless::otlp {
namespace {

void Run(Signal signal, std::string_view text) {
  const Rope input = Rope::CopyOf(text);
  const Result<PartialSuccess> response = DecodeResponseJson(input, signal);
  GAPLESS_CHECK(response.ok() || response.status().code() == Code::kInvalidArgument);
  const Result<Rope> request = DecodeJson(input, signal);
  if (!request.ok()) {
    GAPLESS_CHECK(request.status().code() == Code::kInvalidArgument);
    return;
  }
  GAPLESS_CHECK(Scan(*request, signal).ok());
  std::string json;
  GAPLESS_CHECK(EncodeJson(*request, signal, &json).ok());
  const Result<Rope> again = DecodeJson(Rope::CopyOf(json), signal);
  GAPLESS_CHECK(again.ok());
  std::string second;
  GAPLESS_CHECK(EncodeJson(*again, signal, &second).ok() && second == json);
}

}  // namespace
}  // namespace gapless::otlp

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size >= 1) {
    gapless::otlp::Run(gapless::otlp::kSignals[data[0] % 3],
                       {reinterpret_cast<const char*>(data) + 1, size - 1});
  }
  return 0;
}
