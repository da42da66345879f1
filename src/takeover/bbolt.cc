#include "takeover/bbolt.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <set>
#include <span>

namespace gapless::takeover {
namespace {

static_assert(std::endian::native == std::endian::little, "bbolt files have the machine's order");

constexpr uint32_t kMagic = 0xED0CDAED;
constexpr uint32_t kVersion = 2;
constexpr size_t kMinPageSize = 512;
constexpr size_t kMaxPageSize = 64 * 1024;
constexpr size_t kMaxDepth = 64;
constexpr uint16_t kBranchPage = 1;
constexpr uint16_t kLeafPage = 2;
constexpr uint32_t kBucketElement = 1;

struct PageHeader {
  uint64_t id;
  uint16_t flags;
  uint16_t count;
  uint32_t overflow;  // so many pages follow that belong to it
};
static_assert(sizeof(PageHeader) == 16);

struct Meta {
  uint32_t magic;
  uint32_t version;
  uint32_t page_size;
  uint32_t flags;
  uint64_t root;
  uint64_t root_sequence;
  uint64_t freelist;
  uint64_t high_water;  // pages at and above it are not used
  uint64_t transaction;
  uint64_t checksum;  // of what comes before it
};
static_assert(sizeof(Meta) == 64);

// Positions count from the element's own beginning.
struct BranchElement {
  uint32_t position;
  uint32_t key_size;
  uint64_t child;
};
struct LeafElement {
  uint32_t flags;
  uint32_t position;
  uint32_t key_size;
  uint32_t value_size;
};
static_assert(sizeof(BranchElement) == 16 && sizeof(LeafElement) == 16);

// The value of a bucket's element. Root 0: a whole leaf page follows.
struct BucketHeader {
  uint64_t root;
  uint64_t sequence;
};

uint64_t Fnv1a(std::span<const std::byte> bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const std::byte byte : bytes) {
    hash = (hash ^ static_cast<uint64_t>(byte)) * 0x100000001b3;
  }
  return hash;
}

// Where a page lies, and how far its elements may point.
struct Extent {
  uint64_t begin = 0;
  uint64_t end = 0;
};

class Reader {
 public:
  Reader(io::File& file, uint64_t size) : file_(file), size_(size) {}

  Result<BboltBucket> Read(std::string_view name) {
    ASSIGN_OR_RETURN(const std::vector<Meta> metas, FindMetas());
    bucket_.transaction = metas.front().transaction;
    RETURN_IF_ERROR(Walk(metas.front(), name, bucket_.entries));
    if (bucket_.damaged_pages > 0) {
      RETURN_IF_ERROR(Salvage(metas, name));
    }
    return std::move(bucket_);
  }

 private:
  template <typename T>
  Status ReadObject(uint64_t offset, T& out) {
    return ReadBytes(offset, std::as_writable_bytes(std::span(&out, 1)));
  }

  // DATA_LOSS: the file ends before.
  Status ReadBytes(uint64_t offset, std::span<std::byte> out) {
    if (offset > size_ || out.size() > size_ - offset) {
      return DataLoss("beyond the end");
    }
    if (out.empty()) {
      return OkStatus();
    }
    ASSIGN_OR_RETURN(const size_t got, file_.ReadAt(offset, out));
    return got == out.size() ? OkStatus() : DataLoss("beyond the end");
  }

  std::optional<Meta> MetaAt(uint64_t offset) {
    PageHeader header{};
    Meta meta{};
    if (!ReadObject(offset, header).ok() || !ReadObject(offset + sizeof(header), meta).ok()) {
      return std::nullopt;
    }
    const auto bytes = std::as_bytes(std::span(&meta, 1));
    const bool whole = meta.magic == kMagic && meta.version == kVersion &&
                       meta.checksum == Fnv1a(bytes.first(offsetof(Meta, checksum))) &&
                       std::has_single_bit(meta.page_size) && meta.page_size >= kMinPageSize &&
                       meta.page_size <= kMaxPageSize;
    return whole ? std::optional(meta) : std::nullopt;
  }

  // Those that are whole, the last transaction first. The second is at the second page, whose size
  // only a meta tells.
  Result<std::vector<Meta>> FindMetas() {
    std::vector<Meta> metas;
    if (const auto meta = MetaAt(0)) {
      metas.push_back(*meta);
    }
    for (uint64_t page = kMinPageSize; page <= kMaxPageSize; page *= 2) {
      const auto meta = MetaAt(page);
      if (meta && meta->page_size == page) {
        metas.push_back(*meta);
        break;
      }
    }
    if (metas.empty()) {
      return InvalidArgument("this is no bbolt file, or its first pages are damaged");
    }
    std::ranges::sort(metas, std::greater(), &Meta::transaction);
    page_size_ = metas.front().page_size;
    return metas;
  }

  Status Walk(const Meta& meta, std::string_view name, std::vector<BboltEntry>& entries) {
    visited_.clear();
    high_water_ = std::min(meta.high_water, size_ / page_size_ + 1);
    std::optional<BboltEntry> found;
    RETURN_IF_ERROR(WalkPage(meta.root, 0, [&](const LeafElement& element, BboltEntry entry) {
      if ((element.flags & kBucketElement) != 0 && entry.key == name) {
        found = std::move(entry);
      }
    }));
    if (!found) {
      return OkStatus();
    }
    const auto keep = [&](const LeafElement& element, BboltEntry entry) {
      if ((element.flags & kBucketElement) == 0) {
        entries.push_back(std::move(entry));
      }
    };
    BucketHeader header{};
    if (found->size < sizeof(header) || !ReadObject(found->offset, header).ok()) {
      ++bucket_.damaged_pages;
      return OkStatus();
    }
    if (header.root != 0) {
      return WalkPage(header.root, 0, keep);
    }
    const Extent inside{.begin = found->offset + sizeof(header),
                        .end = found->offset + found->size};
    PageHeader page{};
    if (inside.end - inside.begin < sizeof(page) || !ReadObject(inside.begin, page).ok() ||
        page.flags != kLeafPage || !WalkLeaf(inside, page.count, keep).ok()) {
      ++bucket_.damaged_pages;
    }
    return OkStatus();
  }

  // A damaged page is counted and passed over. Errors: those of the disk.
  template <typename Visit>
  Status WalkPage(uint64_t id, size_t depth, const Visit& visit) {
    PageHeader page{};
    const Status status = OpenPage(id, depth, page);
    const Extent extent{.begin = id * page_size_,
                        .end = std::min(size_, (id + 1 + page.overflow) * page_size_)};
    const Status walked = !status.ok()              ? status
                          : page.flags == kLeafPage ? WalkLeaf(extent, page.count, visit)
                                                    : WalkBranch(extent, page.count, depth, visit);
    if (walked.code() == Code::kDataLoss) {
      ++bucket_.damaged_pages;
      return OkStatus();
    }
    return walked;
  }

  Status OpenPage(uint64_t id, size_t depth, PageHeader& page) {
    if (id < 2 || id >= high_water_ || depth > kMaxDepth || !visited_.insert(id).second) {
      return DataLoss("no page of this tree");
    }
    RETURN_IF_ERROR(ReadObject(id * page_size_, page));
    const bool good = page.id == id && (page.flags == kLeafPage || page.flags == kBranchPage) &&
                      page.overflow < high_water_ - id;
    return good ? OkStatus() : DataLoss("not the page that it should be");
  }

  template <typename Visit>
  Status WalkBranch(const Extent& extent, uint16_t count, size_t depth, const Visit& visit) {
    std::vector<BranchElement> elements(count);
    RETURN_IF_ERROR(
        ReadBytes(extent.begin + sizeof(PageHeader), std::as_writable_bytes(std::span(elements))));
    for (const BranchElement& element : elements) {
      RETURN_IF_ERROR(WalkPage(element.child, depth + 1, visit));
    }
    return OkStatus();
  }

  template <typename Visit>
  Status WalkLeaf(const Extent& extent, uint16_t count, const Visit& visit) {
    std::vector<LeafElement> elements(count);
    const uint64_t first = extent.begin + sizeof(PageHeader);
    RETURN_IF_ERROR(ReadBytes(first, std::as_writable_bytes(std::span(elements))));
    Status status;
    for (size_t i = 0; i < elements.size(); ++i) {
      const LeafElement& element = elements[i];
      const uint64_t key = first + i * sizeof(LeafElement) + element.position;
      const uint64_t size = uint64_t{element.key_size} + element.value_size;
      if (key > extent.end || size > extent.end - key) {
        status = DataLoss("an element outside of its page");
        continue;
      }
      if (element.key_size > kMaxKey) {
        continue;
      }
      BboltEntry entry{.key = std::string(element.key_size, '\0'),
                       .offset = key + element.key_size,
                       .size = element.value_size};
      RETURN_IF_ERROR(ReadBytes(key, std::as_writable_bytes(std::span(entry.key))));
      visit(element, std::move(entry));
    }
    return status;
  }

  // What the transaction before leads to, then whatever pages look like leaves of queues.
  Status Salvage(const std::vector<Meta>& metas, std::string_view name) {
    const uint64_t damaged = bucket_.damaged_pages;
    if (metas.size() > 1) {
      RETURN_IF_ERROR(Walk(metas[1], name, bucket_.salvaged));
    }
    const auto keep = [this](const LeafElement& element, BboltEntry entry) {
      if ((element.flags & kBucketElement) == 0) {
        bucket_.salvaged.push_back(std::move(entry));
      }
    };
    high_water_ = size_ / page_size_ + 1;
    for (uint64_t id = 2; id * page_size_ < size_; ++id) {
      PageHeader page{};
      visited_.clear();
      const Status status = OpenPage(id, 0, page);
      if (status.ok() && page.flags == kLeafPage) {
        const Extent extent{.begin = id * page_size_,
                            .end = std::min(size_, (id + 1 + page.overflow) * page_size_)};
        const Status walked = WalkLeaf(extent, page.count, keep);
        if (!walked.ok() && walked.code() != Code::kDataLoss) {
          return walked;
        }
      } else if (!status.ok() && status.code() != Code::kDataLoss) {
        return status;
      }
    }
    bucket_.damaged_pages = damaged;
    return OkStatus();
  }

  io::File& file_;
  const uint64_t size_;
  uint64_t page_size_ = 0;
  uint64_t high_water_ = 0;
  std::set<uint64_t> visited_;
  BboltBucket bucket_;
};

}  // namespace

Result<BboltBucket> ReadBbolt(io::File& file, std::string_view bucket) {
  ASSIGN_OR_RETURN(const uint64_t size, file.Size());
  return Reader(file, size).Read(bucket);
}

}  // namespace gapless::takeover
