#include "net/http/request_bodies.h"

namespace gapless::net {
namespace {

constexpr size_t kCopyBelow = 4 * 1024;
// Larger bodies stay where they are: copying them costs more than the memory that they pin.
constexpr size_t kCompactBelow = 64 * 1024;
constexpr size_t kMaxHeldFactor = 4;

}  // namespace

bool RequestBodies::Take(RequestBody& body, Slice bytes) {
  if (bytes.size() > body.max_bytes - body.bytes.size()) {
    body.charge.Release();
    body.bytes.Clear();
    return false;
  }
  body.last_progress = worker_.Now();
  body.charge.Add(budget_, bytes.size());
  body.bytes.Append(bytes.size() < kCopyBelow ? Slice::CopyOf(bytes.span()) : std::move(bytes));
  return true;
}

Rope RequestBodies::Complete(RequestBody& body) {
  Rope bytes = std::move(body.bytes);
  if (bytes.size() >= kCompactBelow || bytes.held_bytes() <= kMaxHeldFactor * bytes.size()) {
    return bytes;
  }
  SlabRef slab(Slab::New(bytes.size()));
  bytes.CopyTo(slab->data());
  const std::byte* data = slab->data();
  return Rope(Slice(std::move(slab), data, bytes.size()));
}

}  // namespace gapless::net
