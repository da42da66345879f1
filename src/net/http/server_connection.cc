#include "net/http/server_connection.h"

#include <utility>

namespace gapless::net {
namespace {

constexpr size_t kCopyBelow = 4 * 1024;
// Larger bodies stay where they are: copying them costs more than the memory that they pin.
constexpr size_t kCompactBelow = 64 * 1024;
constexpr size_t kMaxHeldFactor = 4;

}  // namespace

void AppendToBody(Rope& body, Slice bytes) {
  body.Append(bytes.size() < kCopyBelow ? Slice::CopyOf(bytes.span()) : std::move(bytes));
}

Rope CompactBody(Rope body) {
  if (body.size() >= kCompactBelow || body.held_bytes() <= kMaxHeldFactor * body.size()) {
    return body;
  }
  SlabRef slab(Slab::New(body.size()));
  body.CopyTo(slab->data());
  const std::byte* data = slab->data();
  return Rope(Slice(std::move(slab), data, body.size()));
}

}  // namespace gapless::net
