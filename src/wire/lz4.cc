// The LZ4 frame format (https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md).
#include "wire/codecs.h"
#include "wire/output_buffer.h"

#include <algorithm>
#include <memory>

#include <lz4frame.h>

namespace gapless::wire {
namespace {

constexpr size_t kGuessedRatio = 4;

struct ContextDeleter {
  void operator()(LZ4F_dctx* context) const { LZ4F_freeDecompressionContext(context); }
};

std::unique_ptr<LZ4F_dctx, ContextDeleter> MakeContext() {
  LZ4F_dctx* context = nullptr;
  LZ4F_createDecompressionContext(&context, LZ4F_VERSION);
  return std::unique_ptr<LZ4F_dctx, ContextDeleter>(context);
}

}  // namespace

Result<Rope> Lz4Compress(const Rope& input) {
  const Slice flat = input.Flatten();
  LZ4F_preferences_t preferences = LZ4F_INIT_PREFERENCES;
  preferences.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
  preferences.frameInfo.contentSize = flat.size();
  SlabRef slab(Slab::New(LZ4F_compressFrameBound(flat.size(), &preferences)));
  const size_t size =
      LZ4F_compressFrame(slab->data(), slab->capacity(), flat.data(), flat.size(), &preferences);
  if (LZ4F_isError(size)) {
    return Internal(LZ4F_getErrorName(size));
  }
  return Rope(Slice::CopyOf(ByteSpan(slab->data(), size)));
}

Result<Rope> Lz4Decompress(const Rope& input, size_t limit) {
  thread_local const std::unique_ptr<LZ4F_dctx, ContextDeleter> context = MakeContext();
  if (!context) {
    return ResourceExhausted("out of memory");
  }
  LZ4F_resetDecompressionContext(context.get());
  OutputBuffer out(std::min(limit, input.size() * kGuessedRatio), limit);
  size_t left = 1;  // an empty input is not a frame
  for (const Slice& slice : input.slices()) {
    ByteSpan rest = slice.span();
    bool full = false;
    while (!rest.empty() || full) {
      const std::span<std::byte> space = out.Space();
      size_t produced = space.size();
      size_t consumed = rest.size();
      left =
          LZ4F_decompress(context.get(), space.data(), &produced, rest.data(), &consumed, nullptr);
      if (LZ4F_isError(left)) {
        return Corrupt("lz4", LZ4F_getErrorName(left));
      }
      out.Commit(produced);
      rest = rest.subspan(consumed);
      if (out.over_limit()) {
        return OverLimit(limit);
      }
      full = produced == space.size() && left != 0;
    }
  }
  if (left != 0) {
    return Corrupt("lz4", "unexpected end");
  }
  return out.Take();
}

}  // namespace gapless::wire
