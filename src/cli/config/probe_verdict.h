// What the answers to empty exports prove about a destination. Pure; any thread.
#pragma once

#include "sending/transport.h"

#include <optional>
#include <string>

namespace gapless::cli {

// An empty export stores nothing, so it can be sent in any form.
struct ProbeAnswers {
  sending::AttemptResult plain;                      // in the configured encoding, not compressed
  std::optional<sending::AttemptResult> configured;  // compressed as well
  std::optional<sending::AttemptResult> other;       // in the other encoding, not compressed
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
bool WorthConfigured(const sending::AttemptResult& plain);
bool WorthOther(const sending::AttemptResult& plain);

ProbeVerdict JudgeProbe(const sending::Transport::Form& form, const ProbeAnswers& answers);

}  // namespace gapless::cli
