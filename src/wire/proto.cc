#include "wire/proto.h"

#include <algorithm>

#include <fmt/format.h>

namespace gapless::wire {
namespace {

constexpr size_t kHeaderSlabSize = 512;
constexpr size_t kMaxHeaderSize = 2 * kMaxVarintSize;

}  // namespace

const std::byte* ReadLongVarint(const std::byte* p, const std::byte* end, uint64_t* value) {
  uint64_t result = 0;
  for (unsigned shift = 0; shift < 70 && p < end; shift += 7) {
    const auto byte = static_cast<uint64_t>(*p++);
    result |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      *value = result;
      return p;
    }
  }
  return nullptr;
}

const std::byte* SkipField(const std::byte* p, const std::byte* end, uint64_t tag, uint32_t depth) {
  uint64_t value = 0;
  size_t skip = 0;
  switch (TagType(tag)) {
    case WireType::kVarint:
      return ReadVarint(p, end, &value);
    case WireType::kFixed64:
      skip = 8;
      break;
    case WireType::kFixed32:
      skip = 4;
      break;
    case WireType::kBytes:
      p = ReadVarint(p, end, &value);
      skip = value;
      break;
    case WireType::kGroupStart:
      return SkipGroup(p, end, TagNumber(tag), depth);
    case WireType::kGroupEnd:
      return nullptr;
  }
  return p && skip <= static_cast<size_t>(end - p) ? p + skip : nullptr;
}

const std::byte* SkipGroup(const std::byte* p, const std::byte* end, uint32_t number,
                           uint32_t depth) {
  if (depth >= kMaxGroupDepth) {
    return nullptr;
  }
  while (p && p < end) {
    uint64_t tag = 0;
    p = ReadVarint(p, end, &tag);
    if (!p || !ValidTag(tag)) {
      return nullptr;
    }
    if (TagType(tag) == WireType::kGroupEnd) {
      return TagNumber(tag) == number ? p : nullptr;
    }
    p = SkipField(p, end, tag, depth + 1);
  }
  return nullptr;
}

bool FieldReader::Next(Field* field) {
  if (p_ == end_ || !ok_) {
    return false;
  }
  uint64_t tag = 0;
  const std::byte* p = ReadVarint(p_, end_, &tag);
  if (!p || !ValidTag(tag)) {
    return Fail();
  }
  field->number = TagNumber(tag);
  field->type = TagType(tag);
  field->bytes = {};
  switch (field->type) {
    case WireType::kVarint:
      p = ReadVarint(p, end_, &field->value);
      break;
    case WireType::kFixed64:
      if (end_ - p < 8) {
        return Fail();
      }
      field->value = ReadFixed<uint64_t>(p);
      p += 8;
      break;
    case WireType::kFixed32:
      if (end_ - p < 4) {
        return Fail();
      }
      field->value = ReadFixed<uint32_t>(p);
      p += 4;
      break;
    case WireType::kBytes: {
      uint64_t size = 0;
      p = ReadVarint(p, end_, &size);
      if (!p || size > static_cast<size_t>(end_ - p)) {
        return Fail();
      }
      field->bytes = {p, size};
      p += size;
      break;
    }
    case WireType::kGroupStart: {
      const std::byte* content = p;
      p = SkipGroup(p, end_, field->number);
      if (p) {
        field->bytes = {content, p};
      }
      break;
    }
    case WireType::kGroupEnd:
      return Fail();
  }
  if (!p) {
    return Fail();
  }
  field->raw = {p_, p};
  p_ = p;
  return true;
}

Status FieldReader::status() const {
  return ok_ ? OkStatus()
             : InvalidArgument(fmt::format("malformed protobuf field at byte {}", offset()));
}

RopeReader::RopeReader(const Rope& rope) : rope_(rope), size_(rope.size()) {
  if (!rope.slices().empty()) {
    const Slice& slice = rope.slices().front();
    slice_begin_ = p_ = slice.data();
    slice_end_ = slice_begin_ + slice.size();
  }
}

// Moves on from the end of a slice to the next one, if there is one.
void RopeReader::Settle() {
  while (p_ == slice_end_ && index_ + 1 < rope_.slices().size()) {
    base_ += static_cast<size_t>(slice_end_ - slice_begin_);
    const Slice& slice = rope_.slices()[++index_];
    slice_begin_ = p_ = slice.data();
    slice_end_ = slice_begin_ + slice.size();
  }
}

bool RopeReader::Skip(size_t count) {
  if (count > size_ - offset()) {
    return false;
  }
  while (count > static_cast<size_t>(slice_end_ - p_)) {
    count -= static_cast<size_t>(slice_end_ - p_);
    p_ = slice_end_;
    Settle();
  }
  p_ += count;
  Settle();
  return true;
}

bool RopeReader::Read(std::byte* out, size_t count) {
  if (count > size_ - offset()) {
    return false;
  }
  while (count > 0) {
    const size_t take = std::min(count, static_cast<size_t>(slice_end_ - p_));
    std::memcpy(out, p_, take);
    out += take;
    count -= take;
    p_ += take;
    Settle();
  }
  return true;
}

bool RopeReader::ReadVarintSlow(size_t limit, uint64_t* value) {
  const size_t available = std::min(limit - offset(), kMaxVarintSize);
  uint64_t result = 0;
  for (unsigned i = 0; i < available; ++i) {
    const auto byte = static_cast<uint64_t>(*p_++);
    Settle();
    result |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      *value = result;
      return true;
    }
  }
  return false;
}

bool RopeReader::ReadVarintTo(size_t limit, uint64_t* value) {
  if (static_cast<size_t>(slice_end_ - p_) > kMaxVarintSize && limit - offset() >= kMaxVarintSize) {
    const std::byte* next = ReadVarint(p_, slice_end_, value);
    if (!next) {
      return false;
    }
    p_ = next;  // more bytes follow in this slice: no need to settle
    return true;
  }
  return ReadVarintSlow(limit, value);
}

bool RopeReader::ReadPlace(size_t limit, FieldPlace* place) {
  GAPLESS_DCHECK(offset() < limit && limit <= size_);
  uint64_t tag = 0;
  place->start = offset();
  if (!ReadVarintTo(limit, &tag) || !ValidTag(tag)) {
    return false;
  }
  place->number = TagNumber(tag);
  place->type = TagType(tag);
  switch (place->type) {
    case WireType::kVarint:
      if (!ReadVarintTo(limit, &place->value)) {
        return false;
      }
      break;
    case WireType::kFixed64:
    case WireType::kFixed32: {
      const size_t size = place->type == WireType::kFixed64 ? 8 : 4;
      place->value = 0;
      if (limit - offset() < size || !Read(reinterpret_cast<std::byte*>(&place->value), size)) {
        return false;
      }
      break;
    }
    case WireType::kBytes: {
      uint64_t size = 0;
      if (!ReadVarintTo(limit, &size) || size > limit - offset()) {
        return false;
      }
      place->body = offset();
      place->end = place->body + size;
      return true;
    }
    case WireType::kGroupStart:
      if (!SkipGroupContent(limit, place->number, 0)) {
        return false;
      }
      break;
    case WireType::kGroupEnd:
      return false;
  }
  place->body = place->end = offset();
  return true;
}

bool RopeReader::SkipGroupContent(size_t limit, uint32_t number, uint32_t depth) {
  if (depth >= kMaxGroupDepth) {
    return false;
  }
  while (offset() < limit) {
    uint64_t tag = 0;
    uint64_t value = 0;
    if (!ReadVarintTo(limit, &tag) || !ValidTag(tag)) {
      return false;
    }
    size_t skip = 0;
    switch (TagType(tag)) {
      case WireType::kVarint:
      case WireType::kBytes:
        if (!ReadVarintTo(limit, &value)) {
          return false;
        }
        skip = TagType(tag) == WireType::kBytes ? value : 0;
        break;
      case WireType::kFixed64:
        skip = 8;
        break;
      case WireType::kFixed32:
        skip = 4;
        break;
      case WireType::kGroupStart:
        if (!SkipGroupContent(limit, TagNumber(tag), depth + 1)) {
          return false;
        }
        break;
      case WireType::kGroupEnd:
        return TagNumber(tag) == number;
    }
    if (skip > limit - offset() || !Skip(skip)) {
      return false;
    }
  }
  return false;
}

std::byte* WriteVarint(std::byte* out, uint64_t value) {
  while (value >= 0x80) {
    *out++ = static_cast<std::byte>(value | 0x80);
    value >>= 7;
  }
  *out++ = static_cast<std::byte>(value);
  return out;
}

void Writer::RawVarint(uint64_t value) {
  std::byte buffer[kMaxVarintSize];
  const std::byte* end = WriteVarint(buffer, value);
  out_.append(reinterpret_cast<const char*>(buffer), static_cast<size_t>(end - buffer));
}

void Writer::Varint(uint32_t number, uint64_t value) {
  Tag(number, WireType::kVarint);
  RawVarint(value);
}

void Writer::Fixed64(uint32_t number, uint64_t value) {
  Tag(number, WireType::kFixed64);
  out_.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void Writer::Fixed32(uint32_t number, uint32_t value) {
  Tag(number, WireType::kFixed32);
  out_.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void Writer::Bytes(uint32_t number, std::string_view bytes) {
  Tag(number, WireType::kBytes);
  RawVarint(bytes.size());
  out_.append(bytes);
}

size_t Writer::Begin(uint32_t number) {
  Tag(number, WireType::kBytes);
  out_.push_back('\0');  // most submessages are shorter than 128 bytes
  return out_.size();
}

void Writer::End(size_t mark) {
  const size_t size = out_.size() - mark;
  const size_t extra = VarintSize(size) - 1;
  if (extra > 0) {
    out_.insert(mark, extra, '\0');
  }
  WriteVarint(std::as_writable_bytes(std::span(out_)).data() + mark - 1, size);
}

Slice HeaderMaker::Make(uint32_t number, size_t body_size) {
  if (!slab_ || slab_->capacity() - used_ < kMaxHeaderSize) {
    slab_ = SlabRef(Slab::New(kHeaderSlabSize));
    used_ = 0;
  }
  std::byte* begin = slab_->data() + used_;
  std::byte* end = WriteVarint(WriteVarint(begin, MakeTag(number, WireType::kBytes)), body_size);
  used_ += static_cast<size_t>(end - begin);
  return {slab_, begin, static_cast<size_t>(end - begin)};
}

}  // namespace gapless::wire
