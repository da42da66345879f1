#include "takeover/queue_content.h"

#include "wire/proto.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <string>

namespace gapless::takeover {
namespace {

constexpr std::string_view kBucket = "default";
// More indexes than this are no metadata that a Collector wrote.
constexpr uint64_t kMaxIndexBytes = uint64_t{64} << 20;

struct Indexes {
  uint64_t read = 0;
  uint64_t write = 0;
  std::set<uint64_t> dispatched;

  bool Covers(uint64_t index) const {
    return (index >= read && index < write) || dispatched.contains(index);
  }
};

using Items = std::map<uint64_t, QueueItem>;
using Named = std::map<std::string, QueueItem, std::less<>>;

std::optional<uint64_t> IndexOf(std::string_view key) {
  uint64_t index = 0;
  const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), index);
  return error == std::errc() && end == key.data() + key.size() ? std::optional(index)
                                                                : std::nullopt;
}

uint64_t LoadU64(const std::byte* bytes) {
  uint64_t value = 0;
  std::memcpy(&value, bytes, sizeof(value));
  return value;
}

// 8 bytes, little-endian; 0 where there is none.
std::optional<uint64_t> Number(ByteSpan bytes) {
  return bytes.size() == sizeof(uint64_t) ? std::optional(LoadU64(bytes.data())) : std::nullopt;
}

class Interpreter {
 public:
  Interpreter(io::File& file, const BboltBucket& bucket) : file_(file) {
    Sort(bucket.entries, items_, named_);
    Sort(bucket.salvaged, salvaged_, named_);
    content_.damaged_pages = bucket.damaged_pages;
    content_.transaction = bucket.transaction;
  }

  Result<QueueContent> Run() {
    ASSIGN_OR_RETURN(const std::optional<Indexes> indexes, FindIndexes());
    content_.without_indexes = !indexes && !(items_.empty() && salvaged_.empty());
    items_.insert(salvaged_.begin(), salvaged_.end());
    for (const auto& [index, item] : items_) {
      if (!indexes || indexes->Covers(index)) {
        content_.pending.push_back(item);
        content_.dispatched += indexes && indexes->dispatched.contains(index) ? 1 : 0;
      } else {
        ++content_.strays;
      }
    }
    if (indexes) {
      CountMissing(*indexes);
    }
    return std::move(content_);
  }

 private:
  static void Sort(const std::vector<BboltEntry>& entries, Items& items, Named& named) {
    for (const BboltEntry& entry : entries) {
      const QueueItem item{
          .index = IndexOf(entry.key).value_or(0), .offset = entry.offset, .size = entry.size};
      if (IndexOf(entry.key)) {
        items.emplace(item.index, item);
      } else {
        named.emplace(entry.key, item);
      }
    }
  }

  Result<Slice> ValueOf(std::string_view key) {
    const auto found = named_.find(key);
    if (found == named_.end() || found->second.size > kMaxIndexBytes) {
      return Slice();
    }
    return ReadQueueItem(file_, found->second);
  }

  // After a downgrade the file holds both forms, of which one is out of date: it covers less.
  Result<std::optional<Indexes>> FindIndexes() {
    ASSIGN_OR_RETURN(const std::optional<Indexes> newer, ReadNewer());
    ASSIGN_OR_RETURN(const std::optional<Indexes> older, ReadOlder());
    if (!newer || !older) {
      return newer ? newer : older;
    }
    const auto covered = [this](const Indexes& indexes) {
      return std::ranges::count_if(items_,
                                   [&](const auto& entry) { return indexes.Covers(entry.first); });
    };
    return covered(*older) > covered(*newer) ? older : newer;
  }

  // qmv0: 3 read index, 4 write index, 5 dispatched, all fixed64.
  Result<std::optional<Indexes>> ReadNewer() {
    ASSIGN_OR_RETURN(const Slice value, ValueOf("qmv0"));
    if (value.empty()) {
      return std::optional<Indexes>();
    }
    Indexes indexes;
    wire::FieldReader fields(value.span());
    wire::Field field;
    while (fields.Next(&field)) {
      const bool fixed = field.type == wire::WireType::kFixed64;
      if (field.number == 3 && fixed) {
        indexes.read = field.value;
      } else if (field.number == 4 && fixed) {
        indexes.write = field.value;
      } else if (field.number == 5 && fixed) {
        indexes.dispatched.insert(field.value);
      } else if (field.number == 5 && field.type == wire::WireType::kBytes) {
        for (size_t at = 0; at + sizeof(uint64_t) <= field.bytes.size(); at += sizeof(uint64_t)) {
          indexes.dispatched.insert(LoadU64(field.bytes.data() + at));
        }
      }
    }
    return fields.ok() ? std::optional(indexes) : std::nullopt;
  }

  Result<std::optional<Indexes>> ReadOlder() {
    ASSIGN_OR_RETURN(const Slice read, ValueOf("ri"));
    ASSIGN_OR_RETURN(const Slice write, ValueOf("wi"));
    ASSIGN_OR_RETURN(const Slice dispatched, ValueOf("di"));
    if (read.empty() && write.empty()) {
      return std::optional<Indexes>();
    }
    Indexes indexes{.read = Number(read.span()).value_or(0),
                    .write = Number(write.span()).value_or(0),
                    .dispatched = {}};
    // A count of 4 bytes, then the indexes.
    for (size_t at = 4; at + sizeof(uint64_t) <= dispatched.size(); at += sizeof(uint64_t)) {
      indexes.dispatched.insert(LoadU64(dispatched.span().data() + at));
    }
    return std::optional(indexes);
  }

  void CountMissing(const Indexes& indexes) {
    const uint64_t waiting = indexes.write - std::min(indexes.read, indexes.write);
    const uint64_t there = content_.pending.size() - content_.dispatched;
    content_.missing =
        waiting - std::min(waiting, there) + (indexes.dispatched.size() - content_.dispatched);
  }

  io::File& file_;
  Items items_;
  Items salvaged_;
  Named named_;
  QueueContent content_;
};

}  // namespace

Result<QueueContent> ReadQueueContent(io::File& file) {
  ASSIGN_OR_RETURN(const BboltBucket bucket, ReadBbolt(file, kBucket));
  return Interpreter(file, bucket).Run();
}

Result<Slice> ReadQueueItem(io::File& file, const QueueItem& item) {
  SlabRef slab(Slab::New(item.size));
  ASSIGN_OR_RETURN(const size_t got, file.ReadAt(item.offset, std::span(slab->data(), item.size)));
  if (got != item.size) {
    return DataLoss("the file ends inside an item");
  }
  const std::byte* const begin = slab->data();
  return Slice(std::move(slab), begin, item.size);
}

}  // namespace gapless::takeover
