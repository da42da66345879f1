#include "cli/config/components.h"

#include "connector/failover/factory.h"
#include "connector/forward/factory.h"
#include "exporter/debug/factory.h"
#include "exporter/file/factory.h"
#include "exporter/nop/factory.h"
#include "exporter/otlp_grpc/factory.h"
#include "exporter/otlp_http/factory.h"
#include "extension/file_storage/factory.h"
#include "extension/health_check/factory.h"
#include "extension/pprof/factory.h"
#include "extension/zpages/factory.h"
#include "processor/attributes/factory.h"
#include "processor/batch/factory.h"
#include "processor/memory_limiter/factory.h"
#include "processor/queuebatch/factory.h"
#include "receiver/otlp/factory.h"

namespace gapless::cli {

service::Factories Components() {
  return {
      .receivers = {otlp_receiver::Factory()},
      .processors = {processor::batch::Factory(), processor::queuebatch::Factory(),
                     processor::memory_limiter::Factory(), processor::attributes::Factory(),
                     processor::attributes::ResourceFactory()},
      .merging = {processor::batch::Merging(), processor::queuebatch::Merging()},
      .exporters = {exporter::otlp_grpc::Factory(), exporter::otlp_http::Factory(),
                    exporter::debug::Factory(), exporter::nop::Factory(),
                    exporter::file::Factory()},
      .connectors = {connector::failover::Factory(), connector::forward::Factory()},
      .extensions = {extension::health_check::Factory(), extension::zpages::Factory(),
                     extension::pprof::Factory()},
      .storages = {extension::file_storage::Factory()},
  };
}

}  // namespace gapless::cli
