#include "otlp/patch.h"

#include "base/check.h"
#include "wire/proto.h"

#include <array>
#include <cstring>
#include <functional>
#include <utility>

namespace gapless::otlp {
namespace {

using wire::MakeTag;
using wire::VarintSize;
using wire::WireType;

// A slice costs about as much as copying this many bytes, and an iovec when it is sent.
constexpr size_t kShareMin = 512;

std::byte* WriteHeader(std::byte* out, uint32_t number, size_t body_size) {
  return wire::WriteVarint(wire::WriteVarint(out, MakeTag(number, WireType::kBytes)), body_size);
}

}  // namespace

size_t Patch::HeaderSize(uint32_t number, size_t body_size) {
  return VarintSize(MakeTag(number, WireType::kBytes)) + VarintSize(body_size);
}

void Patch::Keep(ByteSpan range) {
  const ByteSpan all = original_.span();
  const bool inside = !std::less<>()(range.data(), all.data()) &&
                      !std::less<>()(all.data() + all.size(), range.data() + range.size());
  if (!inside || range.empty()) {
    Put(range);
    return;
  }
  size_ += range.size();
  if (!run_.empty() && run_.data() + run_.size() == range.data()) {
    run_ = {run_.data(), run_.size() + range.size()};
    return;
  }
  FlushRun();
  run_ = range;
}

void Patch::Put(ByteSpan bytes) {
  FlushRun();
  size_ += bytes.size();
  Copy(bytes);
}

void Patch::Copy(ByteSpan bytes) {
  if (bytes.empty()) {
    return;
  }
  if (pieces_.empty() || pieces_.back().kind != Kind::kCopied) {
    pieces_.push_back({.kind = Kind::kCopied, .offset = copied_.size()});
  }
  pieces_.back().size += bytes.size();
  copied_.append(AsText(bytes));
}

void Patch::FlushRun() {
  const ByteSpan run = std::exchange(run_, {});
  if (run.size() < kShareMin) {
    Copy(run);
    return;
  }
  pieces_.push_back({.kind = Kind::kOriginal,
                     .offset = static_cast<size_t>(run.data() - original_.data()),
                     .size = run.size()});
}

void Patch::Header(uint32_t number, size_t body_size) {
  std::array<std::byte, 2 * wire::kMaxVarintSize> header;
  const std::byte* end = WriteHeader(header.data(), number, body_size);
  Put(ByteSpan(header.data(), end));
}

Patch::Mark Patch::Begin(uint32_t number) {
  Mark mark{.pieces = pieces_.size(),
            .last_size = pieces_.empty() ? 0 : pieces_.back().size,
            .copied = copied_.size(),
            .size = size_,
            .run = run_};
  FlushRun();
  mark.header = pieces_.size();
  pieces_.push_back({.kind = Kind::kHeader, .number = number});
  return mark;
}

void Patch::End(const Mark& mark) {
  FlushRun();
  Piece& header = pieces_[mark.header];
  header.size = size_ - mark.size;
  size_ += HeaderSize(header.number, header.size);
}

void Patch::Cancel(const Mark& mark) {
  pieces_.resize(mark.pieces);
  if (!pieces_.empty()) {
    pieces_.back().size = mark.last_size;
  }
  copied_.resize(mark.copied);
  size_ = mark.size;
  run_ = mark.run;
}

size_t Patch::CopiedSize() const {
  size_t size = copied_.size();
  for (const Piece& piece : pieces_) {
    size += piece.kind == Kind::kHeader ? HeaderSize(piece.number, piece.size) : 0;
  }
  return size;
}

Rope Patch::Finish() {
  FlushRun();
  Rope rope;
  const SlabRef slab(Slab::New(CopiedSize()));
  std::byte* out = slab->data();
  std::byte* run = out;
  for (const Piece& piece : pieces_) {
    switch (piece.kind) {
      case Kind::kHeader:
        out = WriteHeader(out, piece.number, piece.size);
        break;
      case Kind::kCopied:
        std::memcpy(out, copied_.data() + piece.offset, piece.size);
        out += piece.size;
        break;
      case Kind::kOriginal:
        rope.Append(Slice(slab, run, static_cast<size_t>(out - run)));
        run = out;
        rope.Append(original_.Sub(piece.offset, piece.size));
        break;
    }
  }
  rope.Append(Slice(slab, run, static_cast<size_t>(out - run)));
  return rope;
}

}  // namespace gapless::otlp
