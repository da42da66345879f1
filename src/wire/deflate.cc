// gzip and zlib. Compressing: ISA-L by default (0.9 ns per byte), zlib where a level is asked for.
// Inflating: libdeflate for the usual gzip body (one member whose trailer tells the size), zlib's
// stream for the rest.
#include "wire/codecs.h"
#include "wire/output_buffer.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include <isa-l/igzip_lib.h>
#include <libdeflate.h>
#include <zlib.h>

namespace gapless::wire {
namespace {

constexpr size_t kGzipOverhead = 18;
// The format's best ratio is 1032; see zlib's technical notes.
constexpr size_t kMaxRatio = 1032;
constexpr size_t kGuessedRatio = 4;
// Lengths in the C interfaces are 32 bits.
constexpr size_t kMaxPiece = size_t{1} << 30;

std::string_view Name(DeflateFormat format) {
  return format == DeflateFormat::kGzip ? "gzip" : "zlib";
}

struct IsalState {
  isal_zstream stream;
  std::array<uint8_t, ISAL_DEF_LVL1_DEFAULT> level_buffer;
};

uint8_t* ToByte(const std::byte* p) {
  // The C interfaces lack const; they only read.
  return reinterpret_cast<uint8_t*>(const_cast<std::byte*>(p));
}

// Compresses what the stream has been given; with end_of_stream set, to the end.
Status RunIsal(isal_zstream& stream, OutputBuffer& out) {
  do {
    const std::span<std::byte> space = out.Space();
    const auto room = static_cast<uint32_t>(std::min(space.size(), kMaxPiece));
    stream.next_out = ToByte(space.data());
    stream.avail_out = room;
    if (isal_deflate(&stream) != COMP_OK) {
      return Internal("deflate failed");
    }
    out.Commit(room - stream.avail_out);
  } while (stream.avail_out == 0 ||
           (stream.end_of_stream != 0 && stream.internal_state.state != ZSTATE_END));
  return OkStatus();
}

// Calls `piece` with each run of input that fits 32 bits, at least once, and whether it is the
// last.
template <typename F>
Status ForEachPiece(const Rope& input, F piece) {
  size_t left = input.size();
  if (left == 0) {
    return piece(ByteSpan(), true);
  }
  for (const Slice& slice : input.slices()) {
    for (ByteSpan rest = slice.span(); !rest.empty();) {
      const ByteSpan now = rest.first(std::min(rest.size(), kMaxPiece));
      rest = rest.subspan(now.size());
      left -= now.size();
      RETURN_IF_ERROR(piece(now, left == 0));
    }
  }
  return OkStatus();
}

struct DecompressorDeleter {
  void operator()(libdeflate_decompressor* d) const { libdeflate_free_decompressor(d); }
};

uint32_t ReadTrailerSize(ByteSpan gzip) {
  uint32_t size = 0;
  std::memcpy(&size, gzip.data() + gzip.size() - sizeof size, sizeof size);
  return size;
}

// Succeeds only for exactly one valid member whose size is within the limit; everything else is
// left to the stream.
bool InflateOneMember(ByteSpan input, size_t limit, Rope* output) {
  if (input.size() < kGzipOverhead) {
    return false;
  }
  const size_t size = ReadTrailerSize(input);
  if (size > limit || size / kMaxRatio > input.size()) {
    return false;
  }
  thread_local std::unique_ptr<libdeflate_decompressor, DecompressorDeleter> decompressor(
      libdeflate_alloc_decompressor());
  SlabRef slab(Slab::New(size));
  size_t consumed = 0;
  size_t produced = 0;
  const libdeflate_result result = libdeflate_gzip_decompress_ex(
      decompressor.get(), input.data(), input.size(), slab->data(), size, &consumed, &produced);
  if (result != LIBDEFLATE_SUCCESS || consumed != input.size() || produced != size) {
    return false;
  }
  const std::byte* data = slab->data();
  *output = Rope(Slice(std::move(slab), data, size));
  return true;
}

class InflateStream {
 public:
  explicit InflateStream(DeflateFormat format) {
    ok_ = inflateInit2(&z_, format == DeflateFormat::kGzip ? 15 + 16 : 15) == Z_OK;
  }
  ~InflateStream() { inflateEnd(&z_); }
  InflateStream(const InflateStream&) = delete;
  InflateStream& operator=(const InflateStream&) = delete;
  bool ok() const { return ok_; }
  z_stream& z() { return z_; }

 private:
  z_stream z_ = {};
  bool ok_ = false;
};

// One member (gzip) or the stream (zlib); moves `input` past it.
Status InflateMember(DeflateFormat format, z_stream& z, ByteSpan& input, OutputBuffer& out,
                     size_t limit) {
  while (true) {
    const std::span<std::byte> space = out.Space();
    const auto room = static_cast<uInt>(std::min(space.size(), kMaxPiece));
    const auto given = static_cast<uInt>(std::min(input.size(), kMaxPiece));
    z.next_in = ToByte(input.data());
    z.avail_in = given;
    z.next_out = ToByte(space.data());
    z.avail_out = room;
    const int result = inflate(&z, Z_NO_FLUSH);
    const bool progress = z.avail_out != room || z.avail_in != given;
    out.Commit(room - z.avail_out);
    input = input.subspan(given - z.avail_in);
    if (out.over_limit()) {
      return OverLimit(limit);
    }
    if (result == Z_STREAM_END) {
      return OkStatus();
    }
    if (result == Z_MEM_ERROR) {
      return ResourceExhausted("out of memory");
    }
    if (result != Z_OK && result != Z_BUF_ERROR) {
      return Corrupt(Name(format), z.msg ? z.msg : "invalid stream");
    }
    if (!progress) {
      return Corrupt(Name(format), "unexpected end");
    }
  }
}

}  // namespace

size_t GzipClaim(ByteSpan end) { return ReadTrailerSize(end); }

Result<Rope> DeflateFast(DeflateFormat format, const Rope& input) {
  thread_local const std::unique_ptr<IsalState> state = std::make_unique<IsalState>();
  isal_zstream& stream = state->stream;
  isal_deflate_init(&stream);
  stream.level = 1;
  stream.level_buf = state->level_buffer.data();
  stream.level_buf_size = static_cast<uint32_t>(state->level_buffer.size());
  stream.gzip_flag = format == DeflateFormat::kGzip ? IGZIP_GZIP : IGZIP_ZLIB;
  OutputBuffer out(input.size() / kGuessedRatio, SIZE_MAX);
  RETURN_IF_ERROR(ForEachPiece(input, [&](ByteSpan piece, bool last) {
    stream.next_in = ToByte(piece.data());
    stream.avail_in = static_cast<uint32_t>(piece.size());
    stream.end_of_stream = last ? 1 : 0;
    return RunIsal(stream, out);
  }));
  return out.Take();
}

Result<Rope> DeflateSmall(DeflateFormat format, int level, const Rope& input) {
  z_stream z = {};
  const int window = format == DeflateFormat::kGzip ? 15 + 16 : 15;
  const bool huffman = level == -2;
  if (deflateInit2(&z, huffman ? Z_DEFAULT_COMPRESSION : level, Z_DEFLATED, window, 8,
                   huffman ? Z_HUFFMAN_ONLY : Z_DEFAULT_STRATEGY) != Z_OK) {
    return ResourceExhausted("out of memory");
  }
  OutputBuffer out(input.size() / kGuessedRatio, SIZE_MAX);
  const Status status = ForEachPiece(input, [&](ByteSpan piece, bool last) {
    z.next_in = ToByte(piece.data());
    z.avail_in = static_cast<uInt>(piece.size());
    int result = Z_OK;
    do {
      const std::span<std::byte> space = out.Space();
      const auto room = static_cast<uInt>(std::min(space.size(), kMaxPiece));
      z.next_out = ToByte(space.data());
      z.avail_out = room;
      result = deflate(&z, last ? Z_FINISH : Z_NO_FLUSH);
      out.Commit(room - z.avail_out);
    } while (z.avail_out == 0 || (last && result == Z_OK));
    return result == Z_STREAM_ERROR ? Internal("deflate failed") : OkStatus();
  });
  deflateEnd(&z);
  RETURN_IF_ERROR(status);
  return out.Take();
}

Result<Rope> Inflate(DeflateFormat format, const Rope& input, size_t limit) {
  const Slice flat = input.Flatten();
  Rope output;
  if (format == DeflateFormat::kGzip && InflateOneMember(flat.span(), limit, &output)) {
    return output;
  }
  InflateStream stream(format);
  if (!stream.ok()) {
    return ResourceExhausted("out of memory");
  }
  OutputBuffer out(std::min(limit, flat.size() * kGuessedRatio), limit);
  ByteSpan rest = flat.span();
  RETURN_IF_ERROR(InflateMember(format, stream.z(), rest, out, limit));
  // RFC 1952 section 2.2: members follow each other, and their contents are one.
  while (!rest.empty() && format == DeflateFormat::kGzip) {
    inflateReset(&stream.z());
    RETURN_IF_ERROR(InflateMember(format, stream.z(), rest, out, limit));
  }
  if (!rest.empty()) {
    return Corrupt(Name(format), "bytes after the end");
  }
  return out.Take();
}

}  // namespace gapless::wire
