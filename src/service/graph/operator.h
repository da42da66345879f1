// What an operator may wish of a failover connector, and what came of it.
#pragma once

#include "journal/journal.h"
#include "otlp/signal.h"
#include "routing/router.h"
#include "sending/drill_transport.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gapless::service {

enum class OperatorVerb : uint8_t {
  kSwitch,  // new data goes to this level alone, whatever its state, until `auto`
  kDrain,   // the level is not used
  kForce,   // the level is used, whatever its state; the first of several
  kAuto,    // back to what health says
  kProbe,   // ask the level's destinations now; a good answer ends its hold
  kDrill,   // play an outage of the level's destinations for a while
};
inline constexpr std::string_view kOperatorVerbs[] = {"switch", "drain", "force",
                                                      "auto",   "probe", "drill"};
std::optional<OperatorVerb> ParseOperatorVerb(std::string_view name);

struct OperatorWish {
  OperatorVerb verb = OperatorVerb::kAuto;
  std::string connector;
  std::optional<otlp::Signal> signal;  // none: every signal that the connector has
  // Index or name. None: every level (auto, probe), the active one (drill).
  std::optional<std::string> level;
  // Of a drill: without a level it hits the active one.
  sending::Outage outage = sending::Outage::kNone;
  Duration duration{};
};

struct OperatorAnswer {
  struct Level {
    otlp::Signal signal = otlp::Signal::kTraces;
    size_t index = 0;
    std::string name;
    // Of a probe: its outcome and the error; else what was asked for.
    std::string result;
    std::string error;
  };
  std::vector<Level> levels;
};

// Delivered records that are still retained are sent to this exporter (again).
struct ReplayWish {
  std::string to;  // the ID of an exporter, or the name of a level
  Duration since{};
  std::optional<otlp::Signal> signal;  // none: every signal
};

struct ReplayAnswer {
  Duration asked{};
  struct Queue {
    std::string owner;  // an exporter or a connector
    otlp::Signal signal = otlp::Signal::kTraces;
    std::string level;
    journal::Amount amount;
    // How far back everything is retained; none: nothing is.
    std::optional<Duration> reach;
  };
  std::vector<Queue> queues;
};

// The level that `text` means, or why there is none: INVALID_ARGUMENT.
Result<size_t> FindLevel(const std::vector<std::string>& names, const std::string& text);

}  // namespace gapless::service
