// The nop exporter has no settings.
#pragma once

#include "config/fields.h"

namespace gapless::exporter::nop {

struct Config {
  bool operator==(const Config&) const = default;
};

const config::Table<Config>& ConfigTable();

}  // namespace gapless::exporter::nop
