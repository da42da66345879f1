#include "service/config/upstream_types.h"

#include <algorithm>

namespace gapless::service {
namespace {

// Types of one kind that share a reason. `types`: names separated by single spaces, as they are
// written in configurations (metadata.yaml of opentelemetry-collector-contrib, old names included).
struct Group {
  Kind kind;
  std::string_view advice;
  std::string_view types;
};

constexpr Group kGroups[] = {
    // Receivers.
    {Kind::kReceiver,
     "gapless receives OTLP only: run this receiver in a Collector agent that exports otlp to "
     "gapless",
     "active_directory_ds aerospike apache apachespark awscloudwatch awscontainerinsightreceiver "
     "awsecscontainermetrics awsfirehose awslambda awss3 awsxray azureblob azureeventhub "
     "azure_event_hub azuremonitor bigip carbon chrony ciscoos cloudflare cloudfoundry collectd "
     "couchdb datadog docker_stats elasticsearch envoyals expvar faro filelog file_log filestats "
     "flinkmetrics fluentforward github gitlab googlecloudmonitoring googlecloudpubsub "
     "googlecloudpubsubpush googlecloudspanner haproxy hostmetrics host_metrics httpcheck "
     "http_check huaweicloudcesreceiver ibmmq icmpcheck iis influxdb jaeger jmx journald "
     "k8s_cluster k8s_events k8sevents k8slog k8sobjects k8s_objects kafka kafkametrics "
     "kafka_metrics kubeletstats kubelet_stats libhoney loki macosunifiedlogging memcached mongodb "
     "mongodbatlas mysql namedpipe netflow nginx nsxt ntp opencensus oracledb osquery otelarrow "
     "otlpjsonfile otlp_json_file podman_stats postgresql pprof prometheus prometheus_remote_write "
     "prometheusremotewrite prometheus_simple pulsar purefa purefb rabbitmq redfish redis riak "
     "saphana sapm signalfx simpleprometheus skywalking snmp snowflake solace splunk_hec "
     "splunkenterprise sqlquery sql_query sqlserver sshcheck statsd stef syslog systemd tcpcheck "
     "tcplog tcp_log tlscheck udplog udp_log vcenter vcr wavefront webhookevent windowseventlog "
     "windowsperfcounters windowsservice yanggrpc zipkin zookeeper"},
    {Kind::kReceiver,
     "receivers that are started by observers run in an agent: use a Collector agent that exports "
     "otlp to gapless",
     "receiver_creator"},
    {Kind::kReceiver, "it receives nothing: leave out the pipeline that it stands for", "nop"},

    // Processors.
    {Kind::kProcessor,
     "OTTL processors are not there yet: run it in a Collector in front of gapless",
     "filter transform logstransform"},
    {Kind::kProcessor,
     "it needs all spans of a trace in one place, and gapless holds no traces: run it in a "
     "Collector in front of gapless",
     "tail_sampling groupbytrace"},
    {Kind::kProcessor,
     "sampling is not there yet: sample in the SDK (OTEL_TRACES_SAMPLER) or in a Collector in "
     "front of gapless",
     "probabilistic_sampler"},
    {Kind::kProcessor,
     "it asks the machine or the cluster around the sender: run it in a Collector agent in front "
     "of gapless",
     "resourcedetection resource_detection k8sattributes k8s_attributes "
     "ecsattributes"},
    {Kind::kProcessor,
     "it changes data, and that processor is not there yet: run it in a Collector in front of "
     "gapless",
     "redaction span groupbyattrs geoip schema unroll coralogix sumologic "
     "metricstransform metricsgeneration cumulativetodelta deltatocumulative deltatorate interval "
     "metricstarttime metric_start_time logdedup log_dedup isolationforest remotetap dnslookup "
     "lookup experimental_metricsgeneration"},

    // Exporters.
    {Kind::kExporter, "it has been replaced by the debug exporter: use debug", "logging"},
    {Kind::kExporter,
     "gapless sends OTLP only: use otlp_grpc or otlp_http to the vendor's OTLP endpoint, or send "
     "to a Collector that has this exporter",
     "alertmanager alibabacloud_logservice awscloudwatchlogs awsemf awskinesis awss3 awsxray "
     "azureblob azuredataexplorer azuremonitor azure_blob azure_monitor bmchelix carbon cassandra "
     "clickhouse coralogix datadog dataset doris dynatrace elasticsearch faro f5cloud googlecloud "
     "googlecloudpubsub googlecloudstorage google_cloud_storage googlemanagedprometheus "
     "honeycombmarker influxdb instana jaeger jaeger_thrift kafka kinetica logicmonitor logzio "
     "loki "
     "mezmo opencensus opensearch otelarrow parquet prometheus prometheusremotewrite "
     "prometheus_remote_write pulsar rabbitmq sapm sentry signalfx skywalking splunk_hec "
     "stef sumologic syslog tanzuobservability tencentcloud_logservice tinybird zipkin"},
    {Kind::kExporter,
     "spreading by trace ID or service is not there: list several exporters in one failover "
     "level, or put a Collector with it behind gapless",
     "loadbalancing load_balancing"},

    // Connectors.
    {Kind::kConnector,
     "choosing pipelines by the content of data needs OTTL, which is not there yet: run it in a "
     "Collector in front of gapless, with one otlp exporter per route",
     "routing"},
    {Kind::kConnector,
     "making one signal of another is not there: run it in a Collector in front of gapless",
     "count sum exceptions spanmetrics span_metrics servicegraph service_graph datadog "
     "grafanacloud otlpjson otlp_json signaltometrics signal_to_metrics slowsql metricsaslogs "
     "spanpruning"},
    {Kind::kConnector, "list several exporters in one level of the failover connector instead",
     "roundrobin round_robin"},

    // Extensions.
    {Kind::kExtension,
     "authentication by extension is not there yet: a client can send a fixed token in `headers` "
     "or a certificate (`tls`), a server can demand certificates (`tls: client_ca_file`)",
     "asapclient azure_auth azureauth basicauth basic_auth bearertokenauth bearer_token_auth "
     "googleclientauth google_client_auth headers_setter oauth2client oidc sigv4auth sigv4_auth"},
    {Kind::kExtension,
     "it serves the inside of the Go process; /metrics of gapless has the figures, and perf "
     "profiles it: remove it",
     "cgroupruntime cgroup_runtime memory_ballast"},
    {Kind::kExtension,
     "limiting by refusal is built in: gapless bounds what it holds by queue_size and by one "
     "common "
     "budget of memory; remove it",
     "memory_limiter"},
    {Kind::kExtension, "use health_check, which knows the failover state", "healthcheckv2"},
    {Kind::kExtension, "use file_storage", "db_storage redis_storage storage_redis"},
    {Kind::kExtension, "it serves receivers or exporters that gapless does not have: remove it",
     "ack avro_log_encoding awscloudwatchmetricstreams_encoding aws_logs_encoding "
     "awslogs_encoding awsproxy azure_encoding cfgarden_observer datadog docker_observer "
     "ecs_observer ecs_task_observer googlecloudlogentry_encoding host_observer jaeger_encoding "
     "jaegerremotesampling json_log_encoding k8s_leader_elector k8s_observer kafkatopics_observer "
     "opamp otlp_encoding skywalking_encoding solarwindsapmsettings sumologic text_encoding "
     "zipkin_encoding http_forwarder remotetap"},
};

// Calls `visit` with each name until it returns true; whether it did.
template <typename Visit>
bool Any(std::string_view types, const Visit& visit) {
  for (size_t begin = 0; begin < types.size();) {
    const size_t end = std::min(types.find(' ', begin), types.size());
    if (visit(types.substr(begin, end - begin))) {
      return true;
    }
    begin = end + 1;
  }
  return false;
}

}  // namespace

std::string_view AdviceForUpstreamType(Kind kind, std::string_view type) {
  for (const Group& group : kGroups) {
    if (group.kind == kind &&
        Any(group.types, [type](std::string_view known) { return known == type; })) {
      return group.advice;
    }
  }
  return {};
}

std::vector<std::string> UpstreamTypes(Kind kind) {
  std::vector<std::string> types;
  for (const Group& group : kGroups) {
    if (group.kind == kind) {
      Any(group.types, [&types](std::string_view type) {
        types.emplace_back(type);
        return false;
      });
    }
  }
  return types;
}

}  // namespace gapless::service
