// zstd (RFC 8878).
#include "wire/codecs.h"
#include "wire/output_buffer.h"

#include <algorithm>
#include <memory>

#include <zstd.h>

namespace gapless::wire {
namespace {

constexpr size_t kGuessedRatio = 4;
// 8 MiB: what RFC 8878 section 3.1.1.1.2 tells decoders to support; more would let a small body
// take much memory.
constexpr int kMaxWindowLog = 23;

struct ContextDeleter {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

// How much output to expect: the frame's own claim if there is one, never more than the limit.
size_t Hint(ByteSpan input, size_t limit) {
  const unsigned long long claim = ZSTD_getFrameContentSize(input.data(), input.size());
  const bool known = claim != ZSTD_CONTENTSIZE_UNKNOWN && claim != ZSTD_CONTENTSIZE_ERROR;
  return std::min<size_t>(limit, known ? claim : input.size() * kGuessedRatio);
}

}  // namespace

std::optional<size_t> ZstdClaim(ByteSpan begin) {
  const unsigned long long claim = ZSTD_getFrameContentSize(begin.data(), begin.size());
  return claim == ZSTD_CONTENTSIZE_UNKNOWN || claim == ZSTD_CONTENTSIZE_ERROR
             ? std::nullopt
             : std::optional<size_t>(claim);
}

Result<Rope> ZstdCompress(int level, const Rope& input) {
  thread_local const std::unique_ptr<ZSTD_CCtx, ContextDeleter> context(ZSTD_createCCtx());
  ZSTD_CCtx_reset(context.get(), ZSTD_reset_session_and_parameters);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setPledgedSrcSize(context.get(), input.size());
  OutputBuffer out(input.size() / kGuessedRatio, SIZE_MAX);
  const auto run = [&](ByteSpan bytes, ZSTD_EndDirective end) -> Status {
    ZSTD_inBuffer in = {bytes.data(), bytes.size(), 0};
    while (true) {
      const std::span<std::byte> space = out.Space();
      ZSTD_outBuffer to = {space.data(), space.size(), 0};
      const size_t left = ZSTD_compressStream2(context.get(), &to, &in, end);
      if (ZSTD_isError(left)) {
        return Internal(ZSTD_getErrorName(left));
      }
      out.Commit(to.pos);
      if (end == ZSTD_e_end ? left == 0 : in.pos == in.size) {
        return OkStatus();
      }
    }
  };
  for (const Slice& slice : input.slices()) {
    RETURN_IF_ERROR(run(slice.span(), ZSTD_e_continue));
  }
  RETURN_IF_ERROR(run({}, ZSTD_e_end));
  return out.Take();
}

Result<Rope> ZstdDecompress(const Rope& input, size_t limit) {
  if (input.empty()) {
    return Corrupt("zstd", "unexpected end");
  }
  thread_local const std::unique_ptr<ZSTD_DCtx, ContextDeleter> context(ZSTD_createDCtx());
  ZSTD_DCtx_reset(context.get(), ZSTD_reset_session_and_parameters);
  ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, kMaxWindowLog);
  OutputBuffer out(Hint(input.slices().front().span(), limit), limit);
  size_t left = 0;
  for (const Slice& slice : input.slices()) {
    ZSTD_inBuffer in = {slice.data(), slice.size(), 0};
    bool full = false;
    while (in.pos < in.size || full) {
      const std::span<std::byte> space = out.Space();
      ZSTD_outBuffer to = {space.data(), space.size(), 0};
      left = ZSTD_decompressStream(context.get(), &to, &in);
      if (ZSTD_isError(left)) {
        return Corrupt("zstd", ZSTD_getErrorName(left));
      }
      out.Commit(to.pos);
      if (out.over_limit()) {
        return OverLimit(limit);
      }
      full = to.pos == to.size && left != 0;
    }
  }
  if (left != 0) {
    return Corrupt("zstd", "unexpected end");
  }
  return out.Take();
}

}  // namespace gapless::wire
