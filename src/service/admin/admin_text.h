// Answers of the admin API: as JSON for programs and as text for people. Pure.
#pragma once

#include "pipeline/status.h"
#include "service/graph/context.h"
#include "service/graph/operator.h"

#include <string>

namespace gapless::service {

std::string StatusJson(const pipeline::ServiceStatus& status);

// `connector`: only that one; empty: every failover connector.
std::string FailoverJson(const pipeline::ServiceStatus& status, std::string_view connector);
std::string FailoverText(const pipeline::ServiceStatus& status, std::string_view connector);

std::string ReloadJson(const ReloadReport& report);
std::string ReloadText(const ReloadReport& report);

std::string AnswerJson(const OperatorAnswer& answer);
std::string AnswerText(const OperatorAnswer& answer);

std::string ReplayJson(const ReplayAnswer& answer);
std::string ReplayText(const ReplayAnswer& answer);

// The lines of a message that names several problems, each an entry of `errors`.
std::string ErrorJson(const Status& error);

}  // namespace gapless::service
