// Record: the fields of one protobuf message, looked up by number. For printing, where clearness
// counts more than speed: every lookup walks the message. Reads validated batches; a malformed
// field ends the walk.
#pragma once

#include "base/bytes.h"
#include "wire/proto.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gapless::exporter::debug {

// Views bytes that the caller keeps alive.
class Record {
 public:
  Record() = default;
  explicit Record(ByteSpan bytes) : bytes_(bytes) {}

  // The last occurrence wins, as in protobuf; nothing if the field is absent.
  std::optional<wire::Field> Find(uint32_t number) const;
  std::string_view Text(uint32_t number) const;
  // Varints and fixed integers.
  uint64_t Number(uint32_t number) const;
  std::optional<double> Double(uint32_t number) const;
  Record Child(uint32_t number) const;
  std::vector<Record> Children(uint32_t number) const;
  std::vector<std::string_view> Texts(uint32_t number) const;
  // Repeated numbers, packed or not.
  std::vector<uint64_t> Varints(uint32_t number) const;
  std::vector<uint64_t> Fixed64s(uint32_t number) const;
  std::vector<double> Doubles(uint32_t number) const;
  // Lower-case hex; empty for an absent or all-zero id.
  std::string Hex(uint32_t number) const;

  ByteSpan bytes() const { return bytes_; }

 private:
  ByteSpan bytes_;
};

}  // namespace gapless::exporter::debug
