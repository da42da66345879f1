#include "cli/config/default_config.h"

#include "extension/file_storage/config.h"
#include "io/posix_file_system.h"

#include <cstdlib>

#include <fmt/format.h>

namespace gapless::cli {
namespace {

// {0}: the file that stands in for a second backend. The journals are file_storage's own default
// directory.
constexpr const char* kDefaultConfig = R"(yaml:
receivers:
  otlp:
    protocols:
      grpc:
        endpoint: localhost:4317
      http:
        endpoint: localhost:4318
exporters:
  otlp/primary:
    endpoint: ${{env:GAPLESS_PRIMARY:-localhost:14317}}
    tls:
      insecure: true
  file/secondary:
    path: ${{env:GAPLESS_FILE:-{0}}}
    create_directory: true
    rotation:
      max_megabytes: 100
      max_backups: 10
connectors:
  failover:
    priority_levels:
      - [otlp/primary]
      - [file/secondary]
    retry_interval: 5s
    backfill:
    sending_queue:
      storage: file_storage
extensions:
  file_storage:
service:
  extensions: [file_storage]
  pipelines:
    traces/ingress: {{receivers: [otlp], exporters: [failover]}}
    traces/primary: {{receivers: [failover], exporters: [otlp/primary]}}
    traces/secondary: {{receivers: [failover], exporters: [file/secondary]}}
    metrics/ingress: {{receivers: [otlp], exporters: [failover]}}
    metrics/primary: {{receivers: [failover], exporters: [otlp/primary]}}
    metrics/secondary: {{receivers: [failover], exporters: [file/secondary]}}
    logs/ingress: {{receivers: [otlp], exporters: [failover]}}
    logs/primary: {{receivers: [failover], exporters: [otlp/primary]}}
    logs/secondary: {{receivers: [failover], exporters: [file/secondary]}}
)";

// Beside the journals.
std::string DefaultFile() {
  namespace storage = extension::file_storage;
  const std::string journals =
      storage::DefaultDirectory(io::PosixFileSystem(), storage::SystemSurroundings());
  return journals.substr(0, journals.rfind('/')) + "/otlp.jsonl";
}

std::string FromEnvironment(const char* name, std::string otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr ? std::string(value) : std::move(otherwise);
}

}  // namespace

std::string DefaultConfig() { return fmt::format(fmt::runtime(kDefaultConfig), DefaultFile()); }

void PrintDefaultHint() {
  fmt::print(stderr,
             "gapless listens for OTLP on localhost:4317 (gRPC) and localhost:4318 (HTTP).\n"
             "Data goes to {0}; while that is away it goes to the file {1}, and {0} gets it "
             "afterwards.\n"
             "Next: `./run demo` shows an outage, `./run --config my.yaml` runs your own "
             "configuration.\n",
             FromEnvironment("GAPLESS_PRIMARY", "localhost:14317"),
             FromEnvironment("GAPLESS_FILE", DefaultFile()));
}

}  // namespace gapless::cli
