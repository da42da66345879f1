// Queue files for tests, written by rules of their own: no code is shared with the reader.
#pragma once

#include "io/file_system.h"

#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace gapless::takeover {

// A bbolt file with one bucket: `keys_per_leaf` keys to a leaf, all leaves below one branch.
class TestQueueFile {
 public:
  static constexpr size_t kPage = 4096;

  std::map<std::string, std::string> pairs;
  std::string bucket = "default";
  size_t keys_per_leaf = 10;
  uint64_t transaction = 7;

  // The number of the page that holds the key.
  std::map<std::string, uint64_t> page_of;
  uint64_t branch = 0;

  std::string Bytes() {
    pages_.assign(4 * kPage, '\0');  // two metas, the freelist, the root leaf
    uint64_t root = 0;
    if (!pairs.empty()) {
      root = WriteTree();
    }
    std::string value;
    Put<uint64_t>(value, root);
    Put<uint64_t>(value, 0);
    if (root == 0) {
      value += Leaf(0, {});
    }
    Place(3, Leaf(3, {{bucket, value}}, 1));
    Place(0, Meta(0, transaction - transaction % 2));
    Place(1, Meta(1, transaction - 1 + transaction % 2));
    return pages_;
  }

  // A queue of these values as a Collector since 0.130 leaves it.
  static TestQueueFile Of(const std::vector<std::string>& values, size_t dispatched = 0,
                          uint64_t first = 98) {
    TestQueueFile file;
    std::string indexes;
    indexes += '\x19';
    Put<uint64_t>(indexes, first + dispatched);
    indexes += '\x21';
    Put<uint64_t>(indexes, first + values.size());
    for (size_t i = 0; i < values.size(); ++i) {
      file.pairs[std::to_string(first + i)] = values[i];
      if (i < dispatched) {
        indexes += '\x29';
        Put<uint64_t>(indexes, first + i);
      }
    }
    file.pairs["qmv0"] = indexes;
    return file;
  }

  template <typename T>
  static void Put(std::string& out, T value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }

 private:
  using Pairs = std::vector<std::pair<std::string, std::string>>;

  static std::string Header(uint64_t id, uint16_t flags, size_t count, size_t size) {
    std::string out;
    Put<uint64_t>(out, id);
    Put<uint16_t>(out, flags);
    Put<uint16_t>(out, static_cast<uint16_t>(count));
    Put<uint32_t>(out, static_cast<uint32_t>((size + kPage - 1) / kPage - 1));
    return out;
  }

  static std::string Leaf(uint64_t id, const Pairs& entries, uint32_t flags = 0) {
    std::string elements;
    std::string data;
    for (size_t i = 0; i < entries.size(); ++i) {
      const auto& [key, value] = entries[i];
      Put<uint32_t>(elements, flags);
      Put<uint32_t>(elements, static_cast<uint32_t>((entries.size() - i) * 16 + data.size()));
      Put<uint32_t>(elements, static_cast<uint32_t>(key.size()));
      Put<uint32_t>(elements, static_cast<uint32_t>(value.size()));
      data += key + value;
    }
    return Header(id, 2, entries.size(), 16 + elements.size() + data.size()) + elements + data;
  }

  void Place(uint64_t id, const std::string& bytes) {
    if (pages_.size() < id * kPage + bytes.size()) {
      pages_.resize((id * kPage + bytes.size() + kPage - 1) / kPage * kPage, '\0');
    }
    pages_.replace(id * kPage, bytes.size(), bytes);
  }

  uint64_t Add(std::string bytes) {
    const uint64_t id = pages_.size() / kPage;
    std::memcpy(bytes.data(), &id, sizeof(id));
    Place(id, bytes);
    return id;
  }

  uint64_t WriteTree() {
    std::vector<std::pair<std::string, uint64_t>> children;
    Pairs leaf;
    const auto flush = [&] {
      const uint64_t id = Add(Leaf(0, leaf));
      for (const auto& [key, value] : leaf) {
        page_of[key] = id;
      }
      children.emplace_back(leaf.front().first, id);
      leaf.clear();
    };
    for (const auto& pair : pairs) {
      leaf.push_back(pair);
      if (leaf.size() == keys_per_leaf) {
        flush();
      }
    }
    if (!leaf.empty()) {
      flush();
    }
    std::string elements;
    std::string data;
    for (size_t i = 0; i < children.size(); ++i) {
      Put<uint32_t>(elements, static_cast<uint32_t>((children.size() - i) * 16 + data.size()));
      Put<uint32_t>(elements, static_cast<uint32_t>(children[i].first.size()));
      Put<uint64_t>(elements, children[i].second);
      data += children[i].first;
    }
    branch =
        Add(Header(0, 1, children.size(), 16 + elements.size() + data.size()) + elements + data);
    return branch;
  }

  std::string Meta(uint64_t page, uint64_t of_transaction) const {
    std::string meta;
    Put<uint32_t>(meta, 0xED0CDAED);
    Put<uint32_t>(meta, 2);
    Put<uint32_t>(meta, kPage);
    Put<uint32_t>(meta, 0);
    Put<uint64_t>(meta, 3);
    Put<uint64_t>(meta, 0);
    Put<uint64_t>(meta, ~uint64_t{0});
    Put<uint64_t>(meta, pages_.size() / kPage);
    Put<uint64_t>(meta, of_transaction);
    uint64_t hash = 14695981039346656037U;
    for (const char c : meta) {
      hash = (hash ^ static_cast<uint8_t>(c)) * 1099511628211U;
    }
    Put<uint64_t>(meta, hash);
    return Header(page, 4, 0, 1) + meta;
  }

  std::string pages_;
};

inline void WriteTestFile(io::FileSystem& fs, const std::string& path, const std::string& bytes) {
  auto file = fs.Open(path, io::OpenMode::kCreate);
  if (!file.ok() || !(*file)->Truncate(0).ok() || !(*file)->WriteAt(0, AsBytes(bytes)).ok() ||
      !(*file)->Sync().ok() || !fs.SyncDirectory(io::ParentPath(path)).ok()) {
    std::abort();
  }
}

}  // namespace gapless::takeover
