// Secret: a string that is never printed by accident.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace gapless::config {

inline constexpr const char* kRedacted = "[REDACTED]";

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}

  // The only way to the value: for the wire and for `print-config --mode unredacted`, never for
  // logs.
  const std::string& Reveal() const { return value_; }
  bool empty() const { return value_.empty(); }

  bool operator==(const Secret&) const = default;

 private:
  std::string value_;
};

struct Header {
  std::string name;
  Secret value;

  bool operator==(const Header&) const = default;
};

// Header-like maps: written as a map or as a list of {name, value}; order as written.
struct HeaderMap {
  std::vector<Header> items;

  // Exact match of the name; null if there is none.
  const Secret* Find(const std::string& name) const {
    for (const Header& header : items) {
      if (header.name == name) {
        return &header.value;
      }
    }
    return nullptr;
  }
  bool operator==(const HeaderMap&) const = default;
};

}  // namespace gapless::config
