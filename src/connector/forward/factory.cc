#include "connector/forward/factory.h"

namespace gapless::connector::forward {
namespace {

struct Config {};

const config::Table<Config>& ConfigTable() {
  static const config::Table<Config> table({});
  return table;
}

}  // namespace

queue::ConnectorFactory Factory() {
  return {.info = {.type = "forward", .config = pipeline::SpecOf<Config, ConfigTable>()}};
}

}  // namespace gapless::connector::forward
