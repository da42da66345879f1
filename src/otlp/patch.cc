#include "otlp/patch.h"

#include "wire/proto.h"

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

size_t HeaderSize(uint32_t number, size_t body_size) {
  return VarintSize(MakeTag(number, WireType::kBytes)) + VarintSize(body_size);
}

}  // namespace

void Patch::Add(Kind kind, ByteSpan bytes) {
  if (bytes.empty()) {
    return;
  }
  size_ += bytes.size();
  if (!pieces_.empty() && kind == Kind::kOriginal && pieces_.back().kind == kind &&
      pieces_.back().data + pieces_.back().size == bytes.data()) {
    pieces_.back().size += bytes.size();
    return;
  }
  pieces_.push_back({.kind = kind, .data = bytes.data(), .size = bytes.size()});
}

void Patch::Keep(ByteSpan range) {
  const ByteSpan all = original_.span();
  const bool inside = !std::less<>()(range.data(), all.data()) &&
                      !std::less<>()(all.data() + all.size(), range.data() + range.size());
  Add(inside ? Kind::kOriginal : Kind::kNew, range);
}

void Patch::Put(ByteSpan bytes) { Add(Kind::kNew, bytes); }

void Patch::Header(uint32_t number, size_t body_size) {
  size_ += HeaderSize(number, body_size);
  pieces_.push_back({.kind = Kind::kHeader, .number = number, .size = body_size});
}

Patch::Mark Patch::Begin(uint32_t number) {
  const Mark mark{.piece = pieces_.size(), .size = size_};
  pieces_.push_back({.kind = Kind::kHeader, .number = number});
  return mark;
}

void Patch::End(const Mark& mark) {
  Piece& header = pieces_[mark.piece];
  header.size = size_ - mark.size;
  size_ += HeaderSize(header.number, header.size);
}

void Patch::Cancel(const Mark& mark) {
  pieces_.resize(mark.piece);
  size_ = mark.size;
}

size_t Patch::CopiedSize() const {
  size_t size = 0;
  for (const Piece& piece : pieces_) {
    if (piece.kind == Kind::kHeader) {
      size += HeaderSize(piece.number, piece.size);
    } else if (piece.kind == Kind::kNew || piece.size < kShareMin) {
      size += piece.size;
    }
  }
  return size;
}

Rope Patch::Finish() const {
  Rope rope;
  const SlabRef slab(Slab::New(CopiedSize()));
  std::byte* const begin = slab->data();
  std::byte* out = begin;
  std::byte* run = begin;
  for (const Piece& piece : pieces_) {
    if (piece.kind == Kind::kHeader) {
      out = wire::WriteVarint(out, MakeTag(piece.number, WireType::kBytes));
      out = wire::WriteVarint(out, piece.size);
    } else if (piece.kind == Kind::kNew || piece.size < kShareMin) {
      std::memcpy(out, piece.data, piece.size);
      out += piece.size;
    } else {
      rope.Append(Slice(slab, run, static_cast<size_t>(out - run)));
      run = out;
      rope.Append(original_.Sub(static_cast<size_t>(piece.data - original_.data()), piece.size));
    }
  }
  rope.Append(Slice(slab, run, static_cast<size_t>(out - run)));
  return rope;
}

}  // namespace gapless::otlp
