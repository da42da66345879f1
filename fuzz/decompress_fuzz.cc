// Every decompressor on arbitrary bytes: no output beyond the limit, and what comes out survives a
// round trip.
//
// Input: one byte for the codec, one for how the bytes are cut into slices, the compressed bytes.
#include "base/check.h"
#include "wire/compression.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace gapless::wire {
namespace {

constexpr size_t kLimit = size_t{1} << 20;

void Run(Codec codec, size_t piece, std::string_view bytes) {
  Rope input;
  while (!bytes.empty()) {
    input.Append(Slice::CopyOf(bytes.substr(0, piece)));
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
  const Result<Rope> plain = Decompress(codec, input, kLimit);
  if (!plain.ok()) {
    const Code code = plain.status().code();
    GAPLESS_CHECK(code == Code::kInvalidArgument || code == Code::kResourceExhausted);
    return;
  }
  GAPLESS_CHECK(plain->size() <= kLimit);
  const Result<Rope> packed = Compress(codec, kDefaultLevel, *plain);
  GAPLESS_CHECK(packed.ok());
  const Result<Rope> back = Decompress(codec, *packed, plain->size());
  GAPLESS_CHECK(back.ok() && *back == *plain);
}

}  // namespace
}  // namespace gapless::wire

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr unsigned kCodecs = 7;
  if (size >= 2) {
    gapless::wire::Run(static_cast<gapless::wire::Codec>(data[0] % kCodecs),
                       size_t{16} * (1 + data[1]),
                       {reinterpret_cast<const char*>(data) + 2, size - 2});
  }
  return 0;
}
