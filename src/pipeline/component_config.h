// ComponentConfig: the decoded configuration of one component, type-erased; and how a type of
// component reads its own.
#pragma once

#include "config/errors.h"
#include "config/fields.h"
#include "config/node.h"

#include <memory>
#include <string_view>

namespace gapless::pipeline {

// Immutable after decoding.
class ComponentConfig {
 public:
  virtual ~ComponentConfig() = default;
  // Every key with its value, defaults included.
  virtual config::Node Print(config::Secrets secrets) const = 0;
};
using ComponentConfigPtr = std::shared_ptr<const ComponentConfig>;

template <typename T>
class TypedConfig final : public ComponentConfig {
 public:
  TypedConfig(const config::Table<T>& table, T config_value)
      : value(std::move(config_value)), table_(table) {}
  config::Node Print(config::Secrets secrets) const override {
    return config::Print(table_, value, secrets);
  }

  const T value;

 private:
  const config::Table<T>& table_;
};

// Precondition: `config` was decoded by SpecOf<T>.
template <typename T>
const T& ValueOf(const ComponentConfig& config) {
  return static_cast<const TypedConfig<T>&>(config).value;
}

// A factory's row on configuration: plain functions, so that the table of factories is constant.
struct ConfigSpec {
  const config::TableBase& (*table)() = nullptr;
  // Decodes and validates; problems go to `errors`, and the result is then not fit for use.
  ComponentConfigPtr (*decode)(const config::Node& node, std::string_view path,
                               config::Errors& errors) = nullptr;
};

template <typename T, const config::Table<T>& (*kTable)()>
constexpr ConfigSpec SpecOf() {
  return {.table = []() -> const config::TableBase& { return kTable(); },
          .decode = [](const config::Node& node, std::string_view path,
                       config::Errors& errors) -> ComponentConfigPtr {
            T value;
            config::Errors own;
            config::Decode(kTable(), node, path, value, own);
            if (own.ok()) {
              config::Validate(kTable(), value, node, path, own);
            }
            errors.Append(own);
            return std::make_shared<TypedConfig<T>>(kTable(), std::move(value));
          }};
}

}  // namespace gapless::pipeline
