// HTTP/1.1 parser: whatever arrives, however it is cut, the outcome is the same and nothing else
// happens.
#include "net/http1/http1_parser.h"

#include <cstdint>
#include <cstdlib>
#include <string>

namespace {

using gapless::Result;
using gapless::Slice;
using gapless::Status;
using gapless::net::Http1Head;
using gapless::net::Http1Parser;

struct Summary final : Http1Parser::Sink {
  Status OnHead(Http1Head head) override {
    text += head.method + " " + head.target + " " + std::to_string(head.status) + "\n";
    for (const auto& [name, value] : head.headers) {
      text += name + ": " + value + "\n";
    }
    return {};
  }
  Status OnBody(Slice bytes) override {
    text += bytes.text();
    return {};
  }
  void OnComplete() override { text += "\n--\n"; }
  std::string text;
};

std::string Run(Http1Parser::Mode mode, std::string_view input, size_t piece) {
  Summary summary;
  Http1Parser parser(mode, {.max_head_bytes = 4096, .max_headers = 50}, &summary);
  while (!input.empty()) {
    const Slice slice = Slice::CopyOf(input.substr(0, piece));
    const Result<size_t> used = parser.Feed(slice);
    if (!used.ok()) {
      return summary.text + "failed";
    }
    if (*used == 0 || *used > slice.size()) {
      std::abort();
    }
    input.remove_prefix(*used);
  }
  return summary.text + (parser.Finish().ok() ? "ok" : "cut");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  for (const Http1Parser::Mode mode : {Http1Parser::Mode::kRequest, Http1Parser::Mode::kResponse}) {
    const std::string whole = Run(mode, input, size + 1);
    if (Run(mode, input, 1) != whole || Run(mode, input, 7) != whole) {
      std::abort();
    }
  }
  return 0;
}
