// A Collector's queue file of whatever bytes: what is pending lies in the file, once, and every
// value is a batch or an error.
//
// Input: the file.
#include "base/check.h"
#include "io/memory_file_system.h"
#include "takeover/queue_content.h"
#include "takeover/queue_item.h"

#include <cstdint>
#include <set>

namespace gapless::takeover {
namespace {

void Run(ByteSpan bytes) {
  io::MemoryFileSystem fs;
  const auto file = fs.Open("/file", io::OpenMode::kCreate);
  GAPLESS_CHECK(file.ok() && (*file)->WriteAt(0, bytes).ok());
  const Result<QueueContent> content = ReadQueueContent(**file);
  if (!content.ok()) {
    return;
  }
  std::set<uint64_t> indexes;
  for (const QueueItem& item : content->pending) {
    GAPLESS_CHECK(item.offset <= bytes.size() && item.size <= bytes.size() - item.offset);
    GAPLESS_CHECK(indexes.insert(item.index).second);
    Result<Slice> value = ReadQueueItem(**file, item);
    GAPLESS_CHECK(value.ok());
    const auto batch = DecodeQueueItem(*std::move(value), otlp::Signal::kTraces);
    GAPLESS_CHECK(!batch.ok() || batch->raw_size == batch->body.size());
  }
}

}  // namespace
}  // namespace gapless::takeover

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  gapless::takeover::Run({reinterpret_cast<const std::byte*>(data), size});
  return 0;
}
