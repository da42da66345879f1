// Puts a running collector into words: the parts of pipeline::ServiceStatus. Pure.
#pragma once

#include "pipeline/status.h"
#include "service/config/config.h"
#include "service/plan/planner.h"

#include <string>
#include <vector>

namespace gapless::service {

// `plan` and `status` are of the same queue at the same time.
pipeline::QueueStatus DescribeQueue(const QueuePlan& plan, const queue::QueueStatus& status,
                                    std::string tier);

std::vector<std::string> IdsOf(const std::vector<Reference>& references);
std::vector<pipeline::PipelineStatus> DescribePipelines(const Config& config);

}  // namespace gapless::service
