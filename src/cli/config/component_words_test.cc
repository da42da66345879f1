// What a Collector of the same components says to the same mistakes: the words of its validation,
// for each component with its whole way from the text to the report. The words were taken from
// v0.159 itself.
#include "cli/config/components.h"
#include "service/plan/load.h"

#include <fmt/format.h>

namespace gapless::cli {
namespace {

// The report on a configuration; empty: it is good.
std::string ReportOn(const std::string& text) {
  const config::Sources sources{
      .read_file = [&](const std::string&) -> Result<std::string> { return text; },
      .get_env = [](const std::string&) -> std::optional<std::string> { return std::nullopt; },
      .fetch = nullptr};
  const auto loaded = service::Load({.configs = {"c"}, .sets = {}}, sources, Components());
  return loaded.ok() ? "" : loaded.status().message();
}

struct Case {
  const char* situation;
  const char* keys;  // of the component
  const char* words;
};

// `frame`: a configuration with {} where the keys go.
template <size_t kSize>
void Check(fmt::string_view frame, const Case (&cases)[kSize]) {
  EXPECT_EQ(ReportOn(fmt::format(fmt::runtime(frame), "")).find("decoding failed"),
            std::string::npos);
  for (const Case& c : cases) {
    EXPECT_THAT(ReportOn(fmt::format(fmt::runtime(frame), c.keys)), testing::HasSubstr(c.words))
        << c.situation;
  }
}

TEST(ComponentWordsTest, OtlpReceiver) {
  const Case cases[] = {
      {"no protocol", "", "must specify at least one protocol when using the OTLP receiver"},
      {"protocols without any", "protocols: {}",
       "must specify at least one protocol when using the OTLP receiver"},
      {"an unknown protocol", "protocols: {htttp: }", "'protocols' has invalid keys: htttp"},
      {"enabled that is a word", "protocols: {grpc: {enabled: maybe}}",
       "unexpected type string for 'enabled': got 'maybe' value expected 'true' or 'false'"},
      {"an unknown transport", "protocols: {grpc: {transport: foo}}",
       "unsupported transport type \"foo\""},
      {"TLS without certificate and key", "protocols: {grpc: {tls: {}}}",
       "TLS configuration must include both certificate and key for server connections"},
      {"TLS with a certificate only", "protocols: {http: {tls: {cert_file: x}}}",
       "TLS configuration must include both certificate and key (CertFile/CertPem and "
       "KeyFile/KeyPem)"},
      {"a negative buffer", "protocols: {grpc: {read_buffer_size: -1}}",
       "invalid read_buffer_size value: -1"},
      {"the path of profiles is no key", "protocols: {http: {profiles_url_path: /x}}",
       "has invalid keys: profiles_url_path"},
      {"a path that is none", "protocols: {http: {traces_url_path: '%zz'}}",
       "invalid HTTP URL path set for signal: "},
  };
  Check(R"(receivers: {{otlp: {{{}}}}}
exporters: {{debug: }}
service: {{pipelines: {{traces: {{receivers: [otlp], exporters: [debug]}}}}}}
)",
        cases);
}

constexpr fmt::string_view kExporterFrame = R"(receivers: {{otlp: {{protocols: {{grpc: }}}}}}
exporters: {{otlp: {{endpoint: 'a:1', {}}}}}
service: {{pipelines: {{traces: {{receivers: [otlp], exporters: [otlp]}}}}}}
)";

TEST(ComponentWordsTest, TimeoutAndRetry) {
  const Case cases[] = {
      {"a negative timeout", "timeout: -1s", "'timeout' must be non-negative"},
      {"a duration without a unit", "timeout: '5'", "'timeout' time: missing unit in duration"},
      {"a negative interval", "retry_on_failure: {initial_interval: -1s}",
       "initial_interval value must be greater than or equal to 0"},
      {"a negative factor", "retry_on_failure: {randomization_factor: -1}",
       "randomization_factor value must be greater than or equal to 0"},
      {"a factor above one", "retry_on_failure: {randomization_factor: 2}",
       "randomization_factor value must be less than or equal to 1"},
      {"a negative multiplier", "retry_on_failure: {multiplier: -1}",
       "multiplier value must be greater than or equal to 0"},
      {"a negative longest interval", "retry_on_failure: {max_interval: -1s}",
       "max_interval value must be greater than or equal to 0"},
      {"a negative end", "retry_on_failure: {max_elapsed_time: -1s}",
       "max_elapsed_time value must be greater than or equal to 0"},
      {"an end before the first interval", "retry_on_failure: {max_elapsed_time: 1s}",
       "'max_elapsed_time' must not be less than 'initial_interval'"},
      {"an end before the longest interval", "retry_on_failure: {max_interval: 1h}",
       "'max_elapsed_time' must not be less than 'max_interval'"},
  };
  Check(kExporterFrame, cases);
}

TEST(ComponentWordsTest, SendingQueue) {
  const Case cases[] = {
      {"no consumer", "sending_queue: {num_consumers: 0}", "`num_consumers` must be positive"},
      {"negative consumers", "sending_queue: {num_consumers: -1}",
       "`num_consumers` must be positive"},
      {"no size", "sending_queue: {queue_size: 0}", "`queue_size` must be positive"},
      {"a negative size", "sending_queue: {queue_size: -1}", "`queue_size` must be positive"},
      {"an unknown sizer", "sending_queue: {sizer: foo}",
       "'sending_queue.sizer' invalid sizer: \"foo\""},
      {"a result and a storage", "sending_queue: {wait_for_result: true, storage: file_storage}",
       "`wait_for_result` is not supported with a persistent queue configured with `storage`"},
      {"the old key", "sending_queue: {blocking: true}", "has invalid keys: blocking"},
      {"a storage without a name", "sending_queue: {storage: file_storage/}",
       "in \"file_storage/\" id: the part after / should not be empty"},
      {"enabled that is a word", "sending_queue: {enabled: x}",
       "unexpected type string for 'enabled': got 'x' value expected 'true' or 'false'"},
  };
  Check(kExporterFrame, cases);
}

TEST(ComponentWordsTest, BatchOfAQueue) {
  const Case cases[] = {
      {"a largest size below the least", "sending_queue: {batch: {min_size: 10, max_size: 5}}",
       "`max_size` (5) must be greater or equal to `min_size` (10)"},
      {"a least size above the queue's",
       "sending_queue: {sizer: items, queue_size: 10, batch: {min_size: 11}}",
       "`min_size` must be less than or equal to `queue_size`"},
      {"a negative least size", "sending_queue: {batch: {min_size: -1}}",
       "`min_size` must be non-negative, found -1"},
      {"a negative largest size", "sending_queue: {batch: {max_size: -1}}",
       "`max_size` must be non-negative, found -1"},
      {"no time", "sending_queue: {batch: {flush_timeout: 0s}}",
       "`flush_timeout` must be positive, found 0"},
      {"a sizer that counts requests", "sending_queue: {batch: {sizer: requests}}",
       "`batch` supports only `items` or `bytes` sizer, found \"requests\""},
      {"the queue's sizer counts requests", "sending_queue: {sizer: requests, batch: {}}",
       "`batch` supports only `items` or `bytes` sizer, found \"requests\""},
      {"metadata keys that differ in case only",
       "sending_queue: {batch: {partition: {metadata_keys: [a, A]}}}",
       "duplicate entry in metadata_keys: \"a\" (case-insensitive)"},
  };
  Check(kExporterFrame, cases);
}

TEST(ComponentWordsTest, ClientConnection) {
  const Case cases[] = {
      {"an unknown compression", "compression: foo", "unsupported compression type \"foo\""},
      {"an unknown balancer", "balancer_name: foo", "invalid balancer_name: foo"},
      {"an unknown TLS version", "tls: {min_version: '1.9'}",
       "invalid TLS min_version: unsupported TLS version: \"1.9\""},
      {"TLS versions in the wrong order", "tls: {min_version: '1.3', max_version: '1.2'}",
       "invalid TLS configuration: min_version cannot be greater than max_version"},
      {"a certificate without a key", "tls: {cert_file: x}",
       "TLS configuration must include both certificate and key (CertFile/CertPem and "
       "KeyFile/KeyPem)"},
      {"a CA twice", "tls: {ca_file: x, ca_pem: x}",
       "provide either a CA file or the PEM-encoded string, but not both"},
      {"a header twice", "headers: [{name: a, value: x}, {name: a, value: x}]",
       "duplicate keys in map-style list: [a]"},
      {"an unknown key of TLS", "tls: {foo: 1}", "'tls' has invalid keys: foo"},
  };
  Check(kExporterFrame, cases);
}

TEST(ComponentWordsTest, GrpcEndpoint) {
  const Case cases[] = {
      {"none", "", "requires a non-empty \"endpoint\""},
      {"only a scheme", "endpoint: 'https://'", "requires a non-empty \"endpoint\""},
      {"no port", "endpoint: a", "address a: missing port in address"},
      {"a port that is a word", "endpoint: 'a:b'", "invalid port \"b\""},
  };
  Check(R"(receivers: {{otlp: {{protocols: {{grpc: }}}}}}
exporters: {{otlp: {{{}}}}}
service: {{pipelines: {{traces: {{receivers: [otlp], exporters: [otlp]}}}}}}
)",
        cases);
}

TEST(ComponentWordsTest, HttpExporter) {
  const Case cases[] = {
      {"no endpoint", "", "at least one endpoint must be specified"},
      {"none for the signal of a pipeline", "logs_endpoint: 'http://a/b'",
       "failed to build pipelines:\nc:3:63: service::pipelines::traces: failed to create "
       "\"otlp_http\" exporter for data type \"traces\": either endpoint or traces_endpoint must "
       "be "
       "specified"},
      {"no URL", "endpoint: a", "endpoint must be a valid URL"},
      {"a host that is none", "endpoint: 'http://%zz'", "endpoint must be a valid URL"},
      {"an unknown encoding", "endpoint: 'http://a', encoding: foo",
       "invalid encoding type \"foo\""},
      {"a level for a compression without levels",
       "endpoint: 'http://a', compression: lz4, compression_params: {level: 3}",
       "unsupported parameters {Level:3} for compression type \"lz4\""},
      {"a level out of range",
       "endpoint: 'http://a', compression: gzip, compression_params: {level: 30}",
       "unsupported parameters {Level:30} for compression type \"gzip\""},
  };
  Check(R"(receivers: {{otlp: {{protocols: {{grpc: }}}}}}
exporters: {{otlp_http: {{{}}}}}
service: {{pipelines: {{traces: {{receivers: [otlp], exporters: [otlp_http]}}}}}}
)",
        cases);
}

TEST(ComponentWordsTest, DebugExporter) {
  const Case cases[] = {
      {"no output", "use_internal_logger: false, output_paths: []",
       "output_paths must not be empty when use_internal_logger is false"},
      {"an output beside the logger", "output_paths: [x]",
       "output_paths is not supported when use_internal_logger is true"},
  };
  Check(R"(receivers: {{otlp: {{protocols: {{grpc: }}}}}}
exporters: {{debug: {{{}}}}}
service: {{pipelines: {{traces: {{receivers: [otlp], exporters: [debug]}}}}}}
)",
        cases);
}

constexpr std::string_view kProcessorFrame =
    R"(receivers: {{{{otlp: {{{{protocols: {{{{grpc: }}}}}}}}}}}}
exporters: {{{{debug: }}}}
processors: {{{{{}: {{{{{{}}}}}}}}}}
service:
  pipelines:
    traces: {{{{receivers: [otlp], processors: [{}], exporters: [debug]}}}}
)";

std::string ProcessorFrame(std::string_view type) {
  return fmt::format(fmt::runtime(kProcessorFrame), type, type);
}

TEST(ComponentWordsTest, BatchProcessor) {
  const Case cases[] = {
      {"a negative time", "timeout: -1s", "timeout must be greater or equal to 0"},
      {"a largest size below the size", "send_batch_max_size: 5",
       "send_batch_max_size must be greater or equal to send_batch_size"},
      {"metadata keys that differ in case only", "metadata_keys: [a, A]",
       "duplicate entry in metadata_keys: \"a\" (case-insensitive)"},
  };
  Check(ProcessorFrame("batch"), cases);
}

TEST(ComponentWordsTest, MemoryLimiter) {
  const Case cases[] = {
      {"no interval", "", "'check_interval' must be greater than zero"},
      {"no limit", "check_interval: 1s",
       "'limit_mib' or 'limit_percentage' must be greater than zero"},
      {"a percentage above a hundred", "check_interval: 1s, limit_percentage: 101",
       "'limit_percentage' and 'spike_limit_percentage' must be greater than zero and less than or "
       "equal to hundred"},
      {"a spike as large as the limit", "check_interval: 1s, limit_mib: 10, spike_limit_mib: 10",
       "'spike_limit_mib' must be smaller than 'limit_mib'"},
      {"a spike above the limit, in percent",
       "check_interval: 1s, limit_percentage: 10, spike_limit_percentage: 20",
       "'spike_limit_percentage' must be smaller than 'limit_percentage'"},
      {"collecting rarer when it is worse",
       "check_interval: 1s, limit_mib: 10, min_gc_interval_when_hard_limited: 1h",
       "'min_gc_interval_when_soft_limited' should be larger than "
       "'min_gc_interval_when_hard_limited'"},
      {"a most below the least",
       "check_interval: 1s, limit_mib: 10, max_gc_interval_when_soft_limited: 1s",
       "'max_gc_interval_when_soft_limited' must be greater than or equal to "
       "'min_gc_interval_when_soft_limited' (or 0 to disable)"},
  };
  Check(ProcessorFrame("memory_limiter"), cases);
}

constexpr fmt::string_view kExtensionFrame = R"(receivers: {{otlp: {{protocols: {{grpc: }}}}}}
exporters: {{debug: }}
extensions: {{{}}}
service: {{pipelines: {{traces: {{receivers: [otlp], exporters: [debug]}}}}}}
)";

TEST(ComponentWordsTest, FileStorage) {
  const Case cases[] = {
      {"a directory that is not there", "file_storage: {directory: /nonexistent/x}",
       "directory must exist: stat /nonexistent/x: no such file or directory. You can enable the "
       "create_directory option to automatically create it"},
      {"a file", "file_storage: {directory: /etc/passwd}", "/etc/passwd is not a directory"},
      {"a file, even if it may be created",
       "file_storage: {directory: /etc/passwd, create_directory: true}",
       "/etc/passwd is not a directory"},
      {"a directory that cannot be created below a file",
       "file_storage: {directory: /etc/passwd/x, create_directory: true}",
       "/etc/passwd is not a directory"},
      {"permissions that are no number",
       "file_storage: {directory: /tmp, directory_permissions: abc}",
       "directory_permissions value must be a valid octal representation"},
      {"permissions with other bits",
       "file_storage: {directory: /tmp, directory_permissions: '1777'}",
       "directory_permissions contain invalid bits for file access"},
      {"a negative transaction",
       "file_storage: {directory: /tmp, compaction: {max_transaction_size: -1}}",
       "max transaction size for compaction cannot be less than 0"},
      {"compaction without an interval",
       "file_storage: {directory: /tmp, compaction: {on_rebound: true, check_interval: 0s}}",
       "compaction check interval must be positive when rebound compaction is set"},
  };
  Check(kExtensionFrame, cases);
  EXPECT_EQ(ReportOn(fmt::format(kExtensionFrame,
                                 "file_storage: {directory: /nonexistent/x, create_directory: "
                                 "true}")),
            "");
}

TEST(ComponentWordsTest, HealthCheckAndZpages) {
  const Case cases[] = {
      {"a health page without an endpoint", "health_check: {endpoint: ''}",
       "http endpoint required"},
      {"a path without a slash", "health_check: {path: x}", "path must start with /"},
      {"zpages without an endpoint", "zpages: {endpoint: ''}",
       "\"endpoint\" is required when using the \"zpages\" extension"},
  };
  Check(kExtensionFrame, cases);
}

TEST(ComponentWordsTest, OwnTelemetry) {
  const Case cases[] = {
      {"an unknown key", "foo: 1", "'service.telemetry' has invalid keys: foo"},
      {"an unknown key of logs", "logs: {foo: 1}",
       "'service.telemetry.logs' has invalid keys: foo"},
      {"an unknown level of logs", "logs: {level: foo}", "unrecognized level: \"foo\""},
      {"an unknown level of metrics", "metrics: {level: foo}", "unknown metrics level \"foo\""},
      {"an unknown level of traces", "traces: {level: foo}", "unknown metrics level \"foo\""},
      {"no reader", "metrics: {readers: []}",
       "collector telemetry metrics reader should exist when metric level is not none"},
      {"views below detailed", "metrics: {views: [{selector: {instrument_name: x}}]}",
       "service::telemetry::metrics::views can only be set when service::telemetry::metrics::level "
       "is detailed"},
      {"attributes in both forms", "resource: {attributes: [{name: a, value: b}], c: d}",
       "resource::attributes cannot be used together with legacy inline resource attributes"},
  };
  Check(R"(receivers: {{otlp: {{protocols: {{grpc: }}}}}}
exporters: {{debug: }}
service: {{telemetry: {{{}}}, pipelines: {{traces: {{receivers: [otlp], exporters: [debug]}}}}}}
)",
        cases);
}

}  // namespace
}  // namespace gapless::cli
