// What the answers to empty exports prove about a destination. Pure; any thread.
#pragma once

#include "delivery/transport.h"

#include <optional>
#include <string>

namespace gapless::cli {

// An empty export stores nothing, so it can be sent in any form.
struct ProbeAnswers {
  delivery::AttemptResult plain;                      // in the configured encoding, not compressed
  std::optional<delivery::AttemptResult> configured;  // compressed as well
  std::optional<delivery::AttemptResult> other;       // in the other encoding, not compressed
};

enum class Proof : uint8_t { kYes, kNo, kUnknown };

struct ProbeVerdict {
  // kAlive: it answers and nothing speaks against it, but an empty export does not prove the rest.
  enum class Kind : uint8_t { kOk, kAlive, kFailed };
  Kind kind = Kind::kFailed;
  Proof reachable = Proof::kUnknown;
  Proof authenticated = Proof::kUnknown;
  Proof encoding = Proof::kUnknown;
  Proof codec = Proof::kUnknown;
  std::string says;
};

// Which forms are worth asking for after `plain`.
bool WorthConfigured(const delivery::AttemptResult& plain);
bool WorthOther(const delivery::AttemptResult& plain);

ProbeVerdict JudgeProbe(const delivery::Transport::Form& form, const ProbeAnswers& answers);

}  // namespace gapless::cli
